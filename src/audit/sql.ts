/** Owns the statements that read the audit trail. It is written by the commands of prisma/migrations only. */
import { Prisma } from '../generated/prisma/client.ts';
import type { AuditQuery } from './schemas.ts';

export type AuditPageRow = Readonly<{ entries: string; has_more: boolean; last_audit_id: string | null }>;

/** A page of entries, newest first, older than the entry `before`, as ready JSON. */
export function selectAuditPage(query: AuditQuery, before: number | undefined): Prisma.Sql {
  const { limit } = query;
  const conditions = [Prisma.sql`true`];
  // To the letter, so that the index of the few entries of room types serves them. The schema knows no other words.
  if (query.entity !== undefined) conditions.push(Prisma.sql`a.entity = ${Prisma.raw(`'${query.entity}'`)}`);
  if (query.entity_id !== undefined) conditions.push(Prisma.sql`a.entity_id = ${query.entity_id}`);
  if (query.hold_id !== undefined) conditions.push(Prisma.sql`a.hold_id = ${query.hold_id}::uuid`);
  if (query.actor !== undefined) conditions.push(Prisma.sql`a.actor = ${query.actor}`);
  if (query.from !== undefined) conditions.push(...since(query.from));
  if (query.to !== undefined) conditions.push(...until(query.to));
  if (before !== undefined) conditions.push(Prisma.sql`a.audit_id < ${before}`);
  if (query.action !== undefined) conditions.push(Prisma.sql`a.action = ${query.action}::audit_action`);
  return Prisma.sql`
    WITH page AS (
      SELECT a, a.audit_id, row_number() OVER (ORDER BY a.audit_id DESC) AS n
      FROM audit_log a WHERE ${Prisma.join(conditions, ' AND ')}
      ORDER BY a.audit_id DESC LIMIT ${limit + 1}
    )
    SELECT
      '[' || coalesce(string_agg(audit_json(a)::text, ',' ORDER BY n) FILTER (WHERE n <= ${limit}), '') || ']' AS entries,
      count(*) > ${limit} AS has_more,
      (max(audit_id) FILTER (WHERE n = ${limit}))::text AS last_audit_id
    FROM page`;
}

/**
 * Ids rise with time but for transactions that overlap, and none of ours lasts a minute: so the entries of a span lie
 * between the ids a minute around it, and the log is read there only, however long it is.
 */
const slack = Prisma.sql`interval '1 minute'`;

function since(from: string): Prisma.Sql[] {
  const edge = Prisma.sql`SELECT e.audit_id FROM audit_log e WHERE e.at < ${from}::timestamptz - ${slack} ORDER BY e.at DESC LIMIT 1`;
  return [Prisma.sql`a.at >= ${from}::timestamptz`, Prisma.sql`a.audit_id >= coalesce((${edge}), 0)`];
}

function until(to: string): Prisma.Sql[] {
  const edge = Prisma.sql`SELECT e.audit_id FROM audit_log e WHERE e.at > ${to}::timestamptz + ${slack} ORDER BY e.at LIMIT 1`;
  return [
    Prisma.sql`a.at <= ${to}::timestamptz`,
    Prisma.sql`a.audit_id <= coalesce((${edge}), ${Prisma.raw('9223372036854775807')})`,
  ];
}
