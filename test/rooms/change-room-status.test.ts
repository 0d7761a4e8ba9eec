/** Owns what PATCH /rooms/{room_id} does to the status of a room: check-in, check-out, maintenance. */
import { afterAll, describe, expect, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import {
  auditOf,
  changeRoom,
  expireFreeze,
  expireHold,
  freezeRoom,
  makeRoom,
  makeRoomIn,
  makeRoomType,
  openSession,
  placeHold,
  readRoom,
  replayAudit,
  untilBlocked,
} from '../helpers/property.ts';

const server = await startTestApp();
const { as, call, database } = server;
afterAll(server.close);

const change = (roomId: number | string, body: unknown, token: string | undefined = as.admin) =>
  call('PATCH', `/rooms/${roomId}`, { token, body });
const _countRows = async (roomId: number) => (await auditOf(database, roomId)).length;

describe('changeRoom, the status', () => {
  test('room_status goes between AVAILABLE, MAINTENANCE and BOOKED, every way', async () => {
    const { room_id } = await makeRoom(server);
    const way = ['MAINTENANCE', 'BOOKED', 'AVAILABLE', 'BOOKED', 'MAINTENANCE', 'AVAILABLE'];
    for (const room_status of way)
      expect(await change(room_id, { room_status })).toMatchObject({ status: 200, body: { room_status } });
    expect((await auditOf(database, room_id)).map((entry) => entry.new_value?.room_status)).toEqual([
      'AVAILABLE',
      ...way,
    ]);
  });

  test.each(['AVAILABLE', 'MAINTENANCE'])(
    'a check-out to %s clears booking_reference, and the audit row says so',
    async (room_status) => {
      const { room_id, booking_reference } = await makeRoomIn(server, 'BOOKED');
      expect(await change(room_id, { room_status })).toMatchObject({
        status: 200,
        body: { room_status, booking_reference: null },
      });
      expect((await auditOf(database, room_id)).at(-1)).toMatchObject({
        action: 'UPDATE',
        old_value: { room_status: 'BOOKED', booking_reference },
        new_value: { room_status, booking_reference: null },
      });
    },
  );

  test('booking_reference stays while the room stays BOOKED', async () => {
    const room = await makeRoomIn(server, 'BOOKED');
    expect((await change(room.room_id, { room_status: 'BOOKED' })).body).toEqual(room);
    expect((await change(room.room_id, { floor: 'x' })).body.booking_reference).toBe(room.booking_reference);
  });

  test('a check-in has no booking_reference, and raises no fence', async () => {
    const { room_id } = await makeRoom(server);
    expect((await change(room_id, { room_status: 'BOOKED' })).body).toMatchObject({
      booking_reference: null,
      fence: 0,
    });
  });

  test('409 room-frozen for a status change of a frozen room, with the other fields of the same call', async () => {
    const room = await makeRoomIn(server, 'FROZEN');
    for (const room_status of ['AVAILABLE', 'MAINTENANCE', 'BOOKED']) {
      expect(await change(room.room_id, { room_status, floor: 'x' })).toMatchObject({
        status: 409,
        body: { code: 'room-frozen' },
      });
    }
    expect(await readRoom(server, room.room_id)).toEqual(room);
  });

  test('409 room-held with hold_expires_at for a status change of a held room', async () => {
    const room = await makeRoomIn(server, 'HELD');
    for (const room_status of ['AVAILABLE', 'MAINTENANCE', 'BOOKED']) {
      const answer = await change(room.room_id, { room_status });
      expect(answer).toMatchObject({
        status: 409,
        body: { code: 'room-held', hold_expires_at: room.hold_expires_at },
      });
      expect(answer.text).not.toContain(room.hold_id);
    }
    expect(await readRoom(server, room.room_id)).toEqual(room);
  });

  test.each(['FROZEN', 'HELD', 'BOOKED'] as const)(
    'number, type and floor of a room that is %s may change, and nothing else does',
    async (status) => {
      const room = await makeRoomIn(server, status);
      const { room_type_id } = await makeRoomType(server);
      const changes = { room_no: `moved ${room.room_id}`, room_type_id, floor: '9' };
      const { body } = await change(room.room_id, changes);
      expect(body).toEqual({ ...room, ...changes, updated_at: body.updated_at });
    },
  );

  test('200 for a status change of a room whose hold is over; its EXPIRE row, by system, comes first', async () => {
    const { room_id, hold_id } = await makeRoomIn(server, 'HELD');
    const endedAt = await expireHold(server, hold_id ?? '');
    expect((await change(room_id, { room_status: 'BOOKED' })).body).toMatchObject({
      room_status: 'BOOKED',
      hold_id: null,
    });
    expect((await auditOf(database, room_id)).slice(-2)).toMatchObject([
      {
        action: 'EXPIRE',
        actor: 'system',
        hold_id,
        old_value: { room_status: 'HELD', hold_id, hold_expires_at: endedAt },
        new_value: { room_status: 'AVAILABLE', hold_id: null, hold_expires_at: null, updated_at: endedAt },
      },
      {
        action: 'UPDATE',
        actor: 'admin',
        hold_id: null,
        old_value: { room_status: 'AVAILABLE' },
        new_value: { room_status: 'BOOKED' },
      },
    ]);
  });

  test('200 for a status change of a room whose freeze is over; its UNFREEZE row, by system, comes first', async () => {
    const { room_id } = await makeRoomIn(server, 'MAINTENANCE');
    await freezeRoom(server, room_id, { expires_in_seconds: 60 });
    const endedAt = await expireFreeze(server, room_id);
    expect((await change(room_id, { room_status: 'AVAILABLE' })).body).toMatchObject({
      room_status: 'AVAILABLE',
    });
    expect((await auditOf(database, room_id)).slice(-2)).toMatchObject([
      {
        action: 'UNFREEZE',
        actor: 'system',
        old_value: { room_status: 'FROZEN', freeze_reason: 'ADMIN_LOCK', freeze_expires_at: endedAt },
        new_value: {
          room_status: 'MAINTENANCE',
          freeze_reason: 'NONE',
          freeze_expires_at: null,
          updated_at: endedAt,
        },
      },
      {
        action: 'UPDATE',
        actor: 'admin',
        old_value: { room_status: 'MAINTENANCE' },
        new_value: { room_status: 'AVAILABLE' },
      },
    ]);
  });

  test('nothing is changed of a room whose hold is over when AVAILABLE is asked for: its EXPIRE row is the only one', async () => {
    const { room_id, hold_id } = await makeRoomIn(server, 'HELD');
    await expireHold(server, hold_id ?? '');
    const before = await readRoom(server, room_id);
    expect(await change(room_id, { room_status: 'AVAILABLE' })).toMatchObject({ status: 200, body: before });
    expect((await auditOf(database, room_id)).map(({ action }) => action)).toEqual([
      'CREATE',
      'HOLD',
      'EXPIRE',
    ]);
  });

  test('decides on the room as it is when its row lock is had: 409 room-held after a hold that came first', async () => {
    const { room_id } = await makeRoom(server);
    const session = await openSession(database);
    await session.query('BEGIN');
    const request = { created_by: 'x', holder: 'x', room_ids: [room_id], ttl_seconds: 60, request_id: 'r' };
    await session.query('SELECT hold_place($1)', [JSON.stringify([request])]);
    const answer = change(room_id, { room_status: 'MAINTENANCE' });
    await untilBlocked(database);
    await session.query('COMMIT');
    expect(await answer).toMatchObject({ status: 409, body: { code: 'room-held' } });
  });

  test('a hold placed after check-out has the next fence', async () => {
    const { room_id, fence } = await makeRoomIn(server, 'BOOKED');
    await changeRoom(server, room_id, { room_status: 'AVAILABLE' });
    const { rooms } = await placeHold(server, [room_id]);
    expect([fence, rooms[0]?.fence]).toEqual([1, 2]);
  });

  test('the audit trail, replayed, gives the rooms', () => replayAudit(database));
});
