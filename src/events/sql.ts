/** Owns the statements that read events: the audit trail in the order of its commits, as far as that is final. */
import { Prisma } from '../generated/prisma/client.ts';

/**
 * A place in the order of events: behind the entry of this transaction and id. Ids are given before a commit, so later
 * ones may be seen earlier; a transaction's own number orders them the same for everybody once no lower one is running.
 */
export type Position = Readonly<{ xid: bigint; auditId: bigint }>;

/** Where the events begin. */
export const firstPosition: Position = { xid: 0n, auditId: 0n };

/** Negative, 0 or positive, as `one` is before, at or behind `other`. */
export function comparePositions(one: Position, other: Position): number {
  if (one.xid !== other.xid) return one.xid < other.xid ? -1 : 1;
  if (one.auditId !== other.auditId) return one.auditId < other.auditId ? -1 : 1;
  return 0;
}

/** Where a stream may begin, as it comes. */
export type StartRow = Readonly<{
  present_xid: string;
  present_audit_id: string;
  /** The transaction of the entry that was asked for; null when there is none of that id. */
  found_xid: string | null;
  /** There are entries of transactions that this Postgres has not reached: it was restored from a dump. */
  is_restored: boolean;
}>;

/** An event, and beside each what is known of the whole; one row without an event when there is none. */
export type EventRow = Readonly<{
  present_xid: string;
  present_audit_id: string;
  /** The entry at the position that was asked from is there still; a failover may have lost it. */
  is_here: boolean;
  /** There are entries that are not final yet. */
  is_held_back: boolean;
  /** There would be, if every transaction of the whole Postgres were waited for. */
  is_held_up: boolean;
  xid: string | null;
  audit_id: string | null;
  /** `room.hold` and such. */
  event: string | null;
  /** Of a room: its id. */
  room_id: string | null;
  /** The audit entry on the wire. */
  entry: string | null;
}>;

/**
 * What of the log is final: entries of transactions below the oldest that runs. Those at or above `future` were written
 * by another Postgres, before a restore, and have no place in this one's order.
 */
const horizon = Prisma.sql`horizon AS MATERIALIZED (
  SELECT pg_snapshot_xmin(seen) AS xid, pg_snapshot_xmin(seen) AS oldest, pg_snapshot_xmax(seen) AS future
  FROM pg_current_snapshot() seen)`;

/**
 * The same without the transactions of other databases of this Postgres, which cannot write here: one that runs for an
 * hour there would hold events back here for an hour. Looking at all locks is not free, so this is for when it takes long.
 */
const ownHorizon = Prisma.sql`horizon AS MATERIALIZED (
  SELECT pg_snapshot_xmin(seen) AS oldest, pg_snapshot_xmax(seen) AS future,
    -- A standby's snapshot does not tell what runs.
    CASE WHEN pg_is_in_recovery() THEN pg_snapshot_xmin(seen) ELSE coalesce((
      SELECT running FROM pg_snapshot_xip(seen) running
      WHERE NOT EXISTS (
        SELECT FROM pg_locks l JOIN pg_stat_activity s USING (pid)
        WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
          AND l.transactionid::text::bigint = running::text::bigint % 4294967296
          AND s.datid <> (SELECT oid FROM pg_database WHERE datname = current_database()))
      ORDER BY running LIMIT 1), pg_snapshot_xmax(seen)) END AS xid
  FROM pg_current_snapshot() seen)`;

/** The last entry that is final; each of these looks at one end of the index `audit_log_commit_order`. */
const present = Prisma.sql`present AS MATERIALIZED (
  SELECT xid, audit_id FROM audit_log WHERE xid < (SELECT xid FROM horizon)
  ORDER BY xid DESC, audit_id DESC LIMIT 1)`;

/** The last position that is final, and the transaction of the entry with this id. */
export function selectStart(auditId: string | undefined): Prisma.Sql {
  return Prisma.sql`
    WITH ${horizon}, ${present}
    SELECT
      coalesce((SELECT xid FROM present), '0')::text AS present_xid,
      coalesce((SELECT audit_id FROM present), 0)::text AS present_audit_id,
      (SELECT xid FROM audit_log WHERE audit_id = ${auditId ?? null}::bigint AND xid < future)::text AS found_xid,
      coalesce((SELECT xid FROM audit_log ORDER BY xid DESC, audit_id DESC LIMIT 1) >= future, false) AS is_restored
    FROM horizon`;
}

/** What is to be read. */
export type EventFilter = Readonly<{
  /** At most so many. */
  limit: number;
  /** Only what is of this room. */
  roomId: number | undefined;
  /** Transactions of other databases are not waited for. */
  isOwnOnly: boolean;
}>;

/** The events behind `after`, in order. */
export function selectEventsAfter(after: Position, { limit, roomId, isOwnOnly }: EventFilter): Prisma.Sql {
  const [xid, auditId] = [
    Prisma.sql`${String(after.xid)}::xid8`,
    Prisma.sql`${String(after.auditId)}::bigint`,
  ];
  const isWanted =
    roomId === undefined
      ? Prisma.sql`true`
      : Prisma.sql`a.entity = 'room' AND a.entity_id = ${String(roomId)}`;
  return Prisma.sql`
    WITH ${isOwnOnly ? ownHorizon : horizon}, ${present}, newest AS MATERIALIZED (
      SELECT xid FROM audit_log WHERE xid < (SELECT future FROM horizon) ORDER BY xid DESC, audit_id DESC LIMIT 1
    ), found AS (
      SELECT a, a.xid, a.audit_id, a.entity, a.entity_id, a.action FROM audit_log a
      WHERE (a.xid, a.audit_id) > (${xid}, ${auditId})
        AND a.xid < (SELECT xid FROM horizon) AND ${isWanted}
      ORDER BY a.xid, a.audit_id LIMIT ${limit}
    )
    SELECT
      coalesce((SELECT xid FROM present), '0')::text AS present_xid,
      coalesce((SELECT audit_id FROM present), 0)::text AS present_audit_id,
      ${auditId} = 0 OR EXISTS (SELECT FROM audit_log h WHERE h.audit_id = ${auditId} AND h.xid = ${xid}) AS is_here,
      coalesce((SELECT xid FROM newest) >= horizon.xid, false) AS is_held_back,
      coalesce((SELECT xid FROM newest) >= horizon.oldest, false) AS is_held_up,
      found.xid::text AS xid, found.audit_id::text AS audit_id,
      found.entity || '.' || lower(found.action::text) AS event,
      CASE found.entity WHEN 'room' THEN found.entity_id END AS room_id,
      audit_json(found.a)::text AS entry
    FROM horizon LEFT JOIN found ON true
    ORDER BY found.xid, found.audit_id`;
}
