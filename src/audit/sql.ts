/** Owns the statements that read the audit trail. It is written by the commands of prisma/migrations only. */
import { Prisma } from '../generated/prisma/client.ts';
import type { AuditQuery } from './schemas.ts';

export type AuditPageRow = Readonly<{ entries: string; has_more: boolean; last_audit_id: string | null }>;

/** A page of entries, newest first, older than the entry `before`, as ready JSON. */
export function selectAuditPage(query: AuditQuery, before: number | undefined): Prisma.Sql {
  const { limit } = query;
  const conditions = [Prisma.sql`true`];
  if (query.entity !== undefined) conditions.push(Prisma.sql`a.entity = ${query.entity}::audit_entity`);
  if (query.entity_id !== undefined) conditions.push(Prisma.sql`a.entity_id = ${query.entity_id}`);
  if (query.hold_id !== undefined) conditions.push(Prisma.sql`a.hold_id = ${query.hold_id}::uuid`);
  if (query.actor !== undefined) conditions.push(Prisma.sql`a.actor = ${query.actor}`);
  if (query.from !== undefined) conditions.push(Prisma.sql`a.at >= ${query.from}::timestamptz`);
  if (query.to !== undefined) conditions.push(Prisma.sql`a.at <= ${query.to}::timestamptz`);
  if (before !== undefined) conditions.push(Prisma.sql`a.audit_id < ${before}`);
  // To the letter, so that the index of the rare actions serves them. The schema knows no other words.
  if (query.action !== undefined) conditions.push(Prisma.sql`a.action = ${Prisma.raw(`'${query.action}'`)}`);
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
