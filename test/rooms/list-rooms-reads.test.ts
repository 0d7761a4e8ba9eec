/** Owns the promise that a page reads about as many rooms as it shows, whatever Postgres saw when it last looked. */
import { beforeAll, describe, expect, test } from 'vitest';
import { type RoomStatus, roomStatuses } from '../../src/rooms/room.ts';
import { type RoomFilter, selectRoomPage } from '../../src/rooms/sql.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { until } from '../helpers/connections.ts';
import { makeRoomType } from '../helpers/property.ts';
import { rowsFetched } from '../helpers/rows-fetched.ts';

const roomsCount = 20_000;
const eachCount = 2_000;
const limit = 50;

/** Rooms that are held, and as many that are frozen for a time, until `minutes` from now. */
async function fill({ database }: TestApp, roomTypeId: number, minutes: number): Promise<void> {
  await database.query(
    `WITH placed AS (
       INSERT INTO hold (hold_id, holder, created_by, created_at, expires_at)
       SELECT hold_id_at(clock()), 'holder ' || n, 'bulk', clock() - interval '1 hour', clock() + make_interval(mins => $1)
       FROM generate_series(1, $2::integer) n RETURNING hold_id, expires_at
     ), numbered AS (SELECT *, 3 * row_number() OVER () AS n FROM placed
     ), linked AS (
       INSERT INTO hold_room (hold_id, room_id) SELECT p.hold_id, r.room_id FROM numbered p JOIN room r ON r.room_no = 'room ' || p.n)
     UPDATE room SET room_status = 'HELD', hold_id = p.hold_id, hold_expires_at = p.expires_at
     FROM numbered p WHERE room.room_no = 'room ' || p.n`,
    [minutes, eachCount],
  );
  await database.query(
    `UPDATE room SET room_status = 'FROZEN', freeze_reason = 'CLEANING', freeze_expires_at = clock() + make_interval(mins => $1)
     WHERE room_id IN (
       SELECT room_id FROM room WHERE room_status = 'AVAILABLE' AND room_type_id = $2 ORDER BY room_id LIMIT $3)`,
    [minutes, roomTypeId, eachCount],
  );
}

const sweepAll = async ({ database }: TestApp) => {
  for (;;) {
    const [row] = await database.query<{ is_more: boolean }>(
      `SELECT sweep(500) ->> 'is_more' = 'true' AS is_more`,
    );
    if (row?.is_more !== true) return;
  }
};

const without = (status: RoomStatus) => roomStatuses.filter((other) => other !== status);
const statusSets: readonly (readonly RoomStatus[])[] = [
  ...roomStatuses.map((status) => [status]),
  roomStatuses,
  without('FROZEN'),
  without('HELD'),
];

describe.each([
  { lastSeen: 'nothing was held or frozen', overCount: 0 },
  { lastSeen: 'all of it was over, which has ended since', overCount: 0 },
  { lastSeen: 'all of it was over, which it still is', overCount: 2 * eachCount },
])('when Postgres last looked, $lastSeen: a page', ({ lastSeen, overCount }) => {
  let server: TestApp;
  let roomTypeId: number;

  beforeAll(async () => {
    server = await startTestApp();
    roomTypeId = (await makeRoomType(server)).room_type_id;
    const { query } = server.database;
    await query('ALTER TABLE room SET (autovacuum_enabled = off)');
    await query(
      `INSERT INTO room (room_no, room_type_id) SELECT 'room ' || n, $1 FROM generate_series(1, $2::integer) n`,
      [roomTypeId, roomsCount],
    );
    if (lastSeen === 'nothing was held or frozen') {
      await query('ANALYZE room');
      await fill(server, roomTypeId, 60);
    } else {
      await fill(server, roomTypeId, -1);
      await query('ANALYZE room');
      if (overCount === 0) await sweepAll(server);
    }
    return server.close;
  });

  const pageOf = (filter: RoomFilter) =>
    selectRoomPage(filter, { sort: 'room_no', isDescending: false }, limit, true);
  const readOf = async (filter: RoomFilter) => {
    const { text, values } = pageOf(filter);
    return rowsFetched(server, text, values);
  };
  // A page, and a row more, of each status; and what is over, once.
  const readMax = (statuses: readonly RoomStatus[]) => (limit + 1) * statuses.length + 20 + overCount;

  test.each(statusSets.map((statuses) => ({ statuses })))('of $statuses', async ({ statuses }) => {
    expect(await readOf({ statuses: new Set(statuses) })).toBeLessThan(readMax(statuses));
  });

  test('of a type', async () => {
    expect(await readOf({ statuses: new Set(roomStatuses), roomTypeId })).toBeLessThan(readMax(roomStatuses));
  });

  test('tells the last event, also of many that one transaction made', async () => {
    // Ids that sort otherwise as texts.
    await server.database.query(`SELECT setval('audit_log_audit_id_seq', 99990)`);
    await server.database.query(
      `INSERT INTO audit_log (entity, entity_id, action, actor) SELECT 'room', '1', 'UPDATE', 'bulk' FROM generate_series(1, 20)`,
    );
    const { text, values } = pageOf({ statuses: new Set(['BOOKED']) });
    // Other tests' transactions hold back what is final.
    await until(async () =>
      expect(await server.database.query(text, [...values])).toMatchObject([{ last_event_id: '100010' }]),
    );
  });
});
