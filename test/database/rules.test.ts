/** Owns the tests of the rules that the tables keep by themselves, whoever writes: here raw SQL does. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

let db: TestDatabase;
let roomTypeId: number;
let roomsCount = 0;

beforeAll(async () => {
  db = await createTestDatabase();
  const [row] = await db.query<{ room_type_id: number }>(
    `INSERT INTO room_type (name) VALUES ('Double') RETURNING room_type_id`,
  );
  roomTypeId = row?.room_type_id ?? 0;
});
afterAll(() => db.drop());

async function makeRoom(): Promise<number> {
  roomsCount += 1;
  const [row] = await db.query<{ room_id: number }>(
    'INSERT INTO room (room_no, room_type_id) VALUES ($1, $2) RETURNING room_id',
    [`R${roomsCount}`, roomTypeId],
  );
  return row?.room_id ?? 0;
}

async function makeHold(): Promise<string> {
  const [row] = await db.query<{ hold_id: string }>(`
    INSERT INTO hold (hold_id, holder, created_by, expires_at)
    VALUES (hold_id_at(clock()), 'h', 'h', clock() + interval '15 minutes') RETURNING hold_id`);
  return row?.hold_id ?? '';
}

const claim = (holdId: string, roomId: number) =>
  db.query('INSERT INTO hold_room (hold_id, room_id, fence) VALUES ($1, $2, 1)', [holdId, roomId]);

test('a second live holder of a room is refused by hold_room_one_live_per_room', async () => {
  const roomId = await makeRoom();
  const [first, second] = [await makeHold(), await makeHold()];
  await claim(first, roomId);
  await expect(claim(second, roomId)).rejects.toMatchObject({
    code: '23505',
    constraint: 'hold_room_one_live_per_room',
  });
  await db.query('UPDATE hold_room SET is_live = false WHERE hold_id = $1', [first]);
  await claim(second, roomId);
  await expect(
    db.query('UPDATE hold_room SET is_live = true WHERE hold_id = $1', [first]),
  ).rejects.toMatchObject({ constraint: 'hold_room_one_live_per_room' });
});

test.each([
  ['room_held_iff_hold', `room_status = 'HELD', hold_expires_at = now()`],
  ['room_held_iff_hold', `hold_id = gen_random_uuid()`],
  ['room_held_iff_hold_expires', `room_status = 'HELD', hold_id = gen_random_uuid()`],
  ['room_reason_iff_frozen', `room_status = 'FROZEN'`],
  ['room_reason_iff_frozen', `freeze_reason = 'CLEANING'`],
  ['room_freeze_facts_only_when_frozen', `freeze_note = 'left over'`],
  ['room_freeze_facts_only_when_frozen', `freeze_expires_at = now()`],
  ['room_booking_reference_only_when_booked', `booking_reference = 'B-1'`],
  ['room_deleted_only_when_idle', `is_deleted = true, room_status = 'BOOKED'`],
  ['room_fence_not_negative', `fence = -1`],
])('%s refuses %s', async (constraint, change) => {
  const roomId = await makeRoom();
  await expect(db.query(`UPDATE room SET ${change} WHERE room_id = $1`, [roomId])).rejects.toMatchObject({
    code: '23514',
    constraint,
  });
});

test.each([
  ['hold_ended_iff_not_active', `status = 'RELEASED'`],
  ['hold_ended_iff_not_active', `ended_at = now()`],
  ['hold_booking_reference_only_when_confirmed', `booking_reference = 'B-1'`],
  ['hold_reacquired_only_when_confirmed', `is_reacquired = true`],
])('%s refuses %s', async (constraint, change) => {
  const holdId = await makeHold();
  await expect(db.query(`UPDATE hold SET ${change} WHERE hold_id = $1`, [holdId])).rejects.toMatchObject({
    code: '23514',
    constraint,
  });
});

test.each(['UPDATE audit_log SET actor = actor', 'DELETE FROM audit_log', 'TRUNCATE audit_log'])(
  'the audit trail refuses %s',
  async (statement) => {
    await expect(db.query(statement)).rejects.toMatchObject({ code: '23001' });
  },
);

test('a room and a room type can be made by plain SQL with nothing but what names them', async () => {
  const roomId = await makeRoom();
  const [room] = await db.query('SELECT room_json(r, true) AS room FROM room r WHERE room_id = $1', [roomId]);
  expect(room).toMatchObject({ room: { room_status: 'AVAILABLE', freeze_reason: 'NONE', fence: 0 } });
});

test('hold ids are UUIDv7 of the database’s clock', async () => {
  const [row] = await db.query<{ id: string; ms: string }>(
    `SELECT hold_id_at(at) AS id, extract(epoch FROM at) * 1000 AS ms FROM (SELECT clock() AS at) c`,
  );
  expect(row?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(row?.id.replaceAll('-', '').slice(0, 12) ?? '', 16)).toBe(Number(row?.ms));
});
