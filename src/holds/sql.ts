/** Owns the statements that read holds, and the worker's. Holds change through the commands of prisma/migrations only. */
import { Prisma } from '../generated/prisma/client.ts';
import type { HoldListQuery } from './schemas.ts';

/** A hold as ready JSON; `ms_left` until it expires, null once it has ended. */
export type HoldRow = Readonly<{ hold_id: string; body: string; ms_left: number | null }>;

/** When the statement began, by the database's clock: one value throughout the statement. */
const at = Prisma.sql`statement_timestamp()`;

/** One hold as it is now. */
export function selectHold(holdId: string): Prisma.Sql {
  return Prisma.sql`SELECT hold_outcome(h, clock()) AS hold FROM hold h WHERE h.hold_id = ${holdId}::uuid`;
}

export type HoldPageRow = Readonly<{ holds: string; has_more: boolean; last_hold_id: string | null }>;

/** A page of holds as they are now, newest first, placed before the hold `before`; only what `createdBy` placed, if given. */
export function selectHoldPage(
  query: HoldListQuery,
  before: string | undefined,
  createdBy: string | undefined,
): Prisma.Sql {
  const { limit } = query;
  const conditions: Prisma.Sql[] = [];
  if (createdBy !== undefined) conditions.push(Prisma.sql`h.created_by = ${createdBy}`);
  if (query.holder !== undefined) conditions.push(Prisma.sql`h.holder = ${query.holder}`);
  if (query.reference !== undefined) conditions.push(Prisma.sql`h.reference = ${query.reference}`);
  if (query.booking_reference !== undefined) {
    conditions.push(Prisma.sql`h.booking_reference = ${query.booking_reference}`);
  }
  if (query.room_id !== undefined) {
    conditions.push(
      Prisma.sql`h.hold_id IN (SELECT c.hold_id FROM hold_room c WHERE c.room_id = ${query.room_id})`,
    );
  }
  if (before !== undefined) conditions.push(Prisma.sql`h.hold_id < ${before}::uuid`);
  const ranges = statusRanges(query.status).map(
    (status) => Prisma.sql`(
      SELECT h, h.hold_id FROM hold h WHERE ${Prisma.join([status, ...conditions], ' AND ')}
      ORDER BY h.hold_id DESC LIMIT ${limit + 1})`,
  );
  return Prisma.sql`
    WITH page AS (
      SELECT *, row_number() OVER (ORDER BY hold_id DESC) AS n FROM (${Prisma.join(ranges, ' UNION ALL ')}) ranges
      ORDER BY hold_id DESC LIMIT ${limit + 1}
    )
    SELECT
      '[' || coalesce(string_agg(hold_json(h, hold_claims(hold_id), ${at})::text, ',' ORDER BY n)
        FILTER (WHERE n <= ${limit}), '') || ']' AS holds,
      count(*) > ${limit} AS has_more,
      max(hold_id::text) FILTER (WHERE n = ${limit}) AS last_hold_id
    FROM page`;
}

/** The rows to read for a status, each range in order within an index. One that is over is found by its rooms. */
function statusRanges(status: HoldListQuery['status']): Prisma.Sql[] {
  switch (status) {
    case undefined:
      return [Prisma.sql`true`];
    case 'ACTIVE':
      return [Prisma.sql`h.status = 'ACTIVE' AND h.expires_at > ${at}`];
    case 'EXPIRED':
      return [
        Prisma.sql`h.status = 'EXPIRED'`,
        Prisma.sql`h.status = 'ACTIVE' AND h.expires_at <= ${at} AND h.hold_id IN (
          SELECT r.hold_id FROM rooms_held_over(${at}) r)`,
      ];
    default:
      return [Prisma.sql`h.status = ${status}::hold_status`];
  }
}

/** How many holds are active now, and for how long the oldest hold or timed freeze that is over has waited to be tidied. */
export type HoldCountsRow = Readonly<{ active: number; overdue_seconds: number }>;

/** Reads as many index entries as there are active holds; what is over is the first entry of an index each. */
export function selectHoldCounts(): Prisma.Sql {
  return Prisma.sql`
    SELECT
      (SELECT count(*) FROM hold WHERE status = 'ACTIVE' AND expires_at > ${at})::integer AS active,
      coalesce(extract(epoch FROM ${at} - least(
        (SELECT min(hold_expires_at) FROM room WHERE room_status = 'HELD' AND hold_expires_at <= ${at}),
        (SELECT min(freeze_expires_at) FROM room WHERE room_status = 'FROZEN' AND freeze_expires_at <= ${at})
      )), 0)::float8 AS overdue_seconds`;
}

/** What one pass of the worker did; `is_more` when it stopped at its bound. */
export type SweepCounts = Readonly<{
  holds_expired: number;
  freezes_ended: number;
  keys_forgotten: number;
  is_more: boolean;
}>;

/** Tidies up to `batchMax` rooms whose holds are over, as many timed freezes, and as many old idempotency keys. */
export function sweep(batchMax: number): Prisma.Sql {
  return Prisma.sql`SELECT sweep(${batchMax}::integer) AS counts`;
}
