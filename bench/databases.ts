/** Owns the rows that a run needs: properties of any size, past holds, holds that are over, made by plain SQL. */
import pg from 'pg';
import { type FreshRooms, freshCount } from './fresh-rooms.ts';

/** Whom the audit of made-up rows names; the load has the same name, so that its holds stand among the past ones. */
export const benchActor = 'bench';

const typesCount = 20;

/** Runs statements one after the other on a connection of its own, which it closes. */
export async function runSql(
  url: string,
  ...statements: readonly string[]
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query<Record<string, unknown>>(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/**
 * Runs statements that add many rows to tables, with the tables' indexes built once, after them: to keep them up to
 * date row by row takes three times as long. Constraints, and the indexes behind them, stay.
 */
async function runInBulk(
  url: string,
  tables: readonly string[],
  ...statements: readonly string[]
): Promise<void> {
  const indexes = await runSql(
    url,
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
     WHERE indrelid = ANY ('{${tables.join(',')}}'::regclass[])
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`,
  );
  await runSql(
    url,
    "SET maintenance_work_mem = '512MB'",
    // The rows fit each other as they are made; the server's own writes are checked again at once.
    'SET session_replication_role = replica',
    ...indexes.map(({ name }) => `DROP INDEX ${name}`),
    ...statements,
    ...indexes.map(({ definition }) => String(definition)),
    'VACUUM (ANALYZE)',
    'CHECKPOINT',
  );
}

const roomNo = `'H' || (g - 1) / 1000 + 1 || '-' || ((g - 1) % 1000 / 50 + 1) * 100 + (g - 1) % 50 + 1`;

/** Takes out every room, hold and audit row. */
const emptied = [
  'ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only',
  'TRUNCATE room_type, room, hold, hold_room, idempotency_key, audit_log RESTART IDENTITY',
  'ALTER TABLE audit_log ENABLE TRIGGER audit_log_append_only',
  `INSERT INTO room_type (name) SELECT 'Type ' || g FROM generate_series(1, ${typesCount}) g`,
];

/** Fills a database anew with rooms that are all AVAILABLE: houses of 1,000 rooms on 20 floors, 20 types. */
export async function fillFree(url: string, rooms: number): Promise<FreshRooms> {
  await runInBulk(
    url,
    ['room'],
    ...emptied,
    `INSERT INTO room (room_no, room_type_id, floor)
     SELECT ${roomNo}, 1 + g % ${typesCount}, ((g - 1) % 1000 / 50 + 1)::text FROM generate_series(1, ${rooms}) g`,
  );
  return { rooms, freePercent: 100, from: 0 };
}

/**
 * Fills a database anew with rooms as an evening leaves them: of every 100 60 AVAILABLE, 20 BOOKED, 5 in MAINTENANCE,
 * 5 FROZEN (one of them until an instant), 10 HELD; 1 in 200 of the held ones and of the timed freezes is over.
 */
export async function fillMixed(url: string, rooms: number): Promise<FreshRooms> {
  const place = '(g - 1) % 100';
  await runInBulk(
    url,
    ['room', 'hold', 'hold_room'],
    ...emptied,
    `INSERT INTO room (room_no, room_type_id, floor, room_status, freeze_reason, freeze_expires_at,
       frozen_from_maintenance, hold_id, hold_expires_at)
     SELECT ${roomNo}, 1 + g % ${typesCount}, ((g - 1) % 1000 / 50 + 1)::text,
       (CASE WHEN ${place} < 60 THEN 'AVAILABLE' WHEN ${place} < 80 THEN 'BOOKED' WHEN ${place} < 85 THEN 'MAINTENANCE'
         WHEN ${place} < 90 THEN 'FROZEN' ELSE 'HELD' END)::room_status,
       (CASE WHEN ${place} BETWEEN 85 AND 89 THEN (ARRAY['CLEANING', 'ADMIN_LOCK', 'SYSTEM_HOLD'])[1 + g % 3]
         ELSE 'NONE' END)::freeze_reason,
       CASE WHEN ${place} = 85 THEN now() + make_interval(secs => 3600 + g % 7200 - CASE WHEN g % 200 = 86 THEN 9000 ELSE 0 END)
         END,
       ${place} = 86,
       CASE WHEN ${place} >= 90 THEN hold_id_at(now()) END,
       CASE WHEN ${place} >= 90 THEN now() + make_interval(secs => 3600 + g % 1000 - CASE WHEN g % 2000 = 91 THEN 9000 ELSE 0 END)
         END
     FROM generate_series(1, ${rooms}) g`,
    // Every held room has its hold.
    `INSERT INTO hold (hold_id, holder, created_by, created_at, expires_at)
     SELECT hold_id, 'customer of ' || room_no, '${benchActor}', created_at, hold_expires_at
     FROM room WHERE hold_id IS NOT NULL`,
    'INSERT INTO hold_room (hold_id, room_id) SELECT hold_id, room_id FROM room WHERE hold_id IS NOT NULL',
  );
  return { rooms, freePercent: 60, from: 0 };
}

/** Adds holds of last month that were released, over rooms all over the property, each with its two audit rows. */
export async function addPastHolds(url: string, count: number): Promise<void> {
  // A bigint: the millionth product does not fit an integer.
  const room = '(1 + i::bigint * 7919 % (SELECT max(room_id) FROM room))::integer';
  await runInBulk(
    url,
    ['hold', 'hold_room', 'audit_log'],
    `CREATE UNLOGGED TABLE past AS
     SELECT i, ${room} AS room_id, at, hold_id_at(at) AS hold_id, 'past-' || i % 200000 AS holder FROM (
       SELECT i, now() - interval '30 days' + i * interval '2 seconds' AS at FROM generate_series(1, ${count}) i) g`,
    `INSERT INTO hold (hold_id, status, holder, created_by, created_at, expires_at, ended_at)
     SELECT hold_id, 'RELEASED', holder, '${benchActor}', at, at + interval '15 min', at + interval '5 min'
     FROM past ORDER BY i`,
    'INSERT INTO hold_room (hold_id, room_id, is_live) SELECT hold_id, room_id, false FROM past ORDER BY i',
    `INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor, hold_id)
     SELECT at, 'room', room_id::text, (ARRAY['HOLD', 'RELEASE'])[n]::audit_action, '{"room_status": "AVAILABLE"}',
       '{"room_status": "HELD"}', '${benchActor}', hold_id
     FROM past CROSS JOIN generate_series(1, 2) n ORDER BY i, n`,
    'DROP TABLE past',
  );
}

/** As if nobody had held anything yet: every hold and audit row is gone, every held room AVAILABLE. */
export async function forgetHolds(url: string): Promise<void> {
  await runSql(
    url,
    'ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only',
    'TRUNCATE hold, hold_room, idempotency_key, audit_log',
    'ALTER TABLE audit_log ENABLE TRIGGER audit_log_append_only',
    `UPDATE room SET room_status = 'AVAILABLE', hold_id = NULL, hold_expires_at = NULL WHERE room_status = 'HELD'`,
    'VACUUM (ANALYZE) room',
  );
}

/** Rooms that are not among the fresh ones, in the order of their ids. */
export function usedRoomsSql(fresh: FreshRooms): string {
  return `SELECT room_id FROM room WHERE (room_id - 1) % 100 >= ${fresh.freePercent} ORDER BY room_id`;
}

/** How many fresh rooms are left. */
export function freshLeft(fresh: FreshRooms): number {
  return freshCount(fresh) - fresh.from;
}
