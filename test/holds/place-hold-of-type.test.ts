/** Owns placing a hold on any free rooms of a type: which are chosen, when there are too few, and who waits for whom. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  auditOf,
  expireFreeze,
  expireHold,
  freezeRoom,
  type Hold,
  makeRoom,
  makeRoomIn,
  makeRooms,
  makeRoomType,
  openSession,
  placeHold,
  readRoom,
  replayAudit,
  untilBlocked,
} from '../helpers/property.ts';

let server: TestApp;
let other: TestApp;
beforeAll(async () => {
  const env = { HOLDS_ACTIVE_MAX: '0' };
  server = await startTestApp({ env });
  other = await startTestApp({ env, database: server.database });
});
afterAll(async () => {
  await other.close();
  await server.close();
});

const place = (room_type_id: number, quantity: number, fields: Record<string, unknown> = {}, at = server) =>
  at.call('POST', '/rooms/hold', {
    token: at.as.frontend,
    body: { room_type_id, quantity, ...fields },
  });

const roomIdsOf = (hold: Hold): number[] => hold.rooms.map(({ room_id }) => room_id);

test('201 with as many free rooms of the type as asked for, in room_id order, all held', async () => {
  const rooms = await makeRooms(server, 4);
  const { room_type_id } = rooms[0] ?? { room_type_id: 0 };
  const { status, body, headers } = await place(room_type_id, 3, { ttl_seconds: 60, reference: 'cart' });
  expect(status).toBe(201);
  expect(body).toMatchObject({ expires_in_seconds: 60, reference: 'cart', status: 'ACTIVE' });
  const chosen = roomIdsOf(body);
  expect(new Set(chosen).size).toBe(3);
  expect(chosen).toEqual(chosen.toSorted((one, two) => one - two));
  for (const room of rooms) {
    const isChosen = chosen.includes(room.room_id);
    expect(await readRoom(server, room.room_id)).toMatchObject(
      isChosen ? { room_status: 'HELD', hold_id: body.hold_id, fence: 1 } : room,
    );
    expect((await auditOf(server.database, room)).slice(1)).toMatchObject(
      isChosen
        ? [
            {
              action: 'HOLD',
              hold_id: body.hold_id,
              request_id: headers['x-request-id'],
              at: body.created_at,
            },
          ]
        : [],
    );
  }
});

test('only free rooms are chosen: not HELD, FROZEN, BOOKED, in MAINTENANCE, deleted, or of another type', async () => {
  const { room_type_id } = await makeRoomType(server);
  for (const status of ['HELD', 'FROZEN', 'BOOKED', 'MAINTENANCE'] as const) {
    await makeRoomIn(server, status, { room_type_id });
  }
  const deleted = await makeRoom(server, { room_type_id });
  await server.call('DELETE', `/rooms/${deleted.room_id}`, { token: server.as.admin });
  await makeRoom(server);
  const free = await makeRoom(server, { room_type_id });
  const { body } = await place(room_type_id, 1);
  expect(roomIdsOf(body)).toEqual([free.room_id]);
});

test('409 not-enough-rooms with requested and available: all or nothing', async () => {
  const { room_type_id } = await makeRoomType(server);
  await makeRoomIn(server, 'FROZEN', { room_type_id });
  const free = await makeRooms(server, 2, { room_type_id });
  expect(await place(room_type_id, 3)).toMatchObject({
    status: 409,
    body: { code: 'not-enough-rooms', requested: 3, available: 2 },
  });
  for (const room of free) expect(await readRoom(server, room.room_id)).toEqual(room);
  expect(await place(room_type_id, 2)).toMatchObject({ status: 201 });
  expect(await place(room_type_id, 1)).toMatchObject({ status: 409, body: { requested: 1, available: 0 } });
});

test('409 not-enough-rooms for a type that has no rooms', async () => {
  const { room_type_id } = await makeRoomType(server);
  expect(await place(room_type_id, 1)).toMatchObject({
    status: 409,
    body: { code: 'not-enough-rooms', requested: 1, available: 0 },
  });
});

test('404 room-type-not-found for a type that never was, and for a deleted one', async () => {
  const { room_type_id } = await makeRoomType(server);
  await server.call('DELETE', `/room-types/${room_type_id}`, { token: server.as.admin });
  for (const id of [room_type_id, 2_147_483_647]) {
    expect(await place(id, 1)).toMatchObject({ status: 404, body: { code: 'room-type-not-found' } });
  }
});

test('rooms whose hold is over are free: the old hold ends with EXPIRE rows', async () => {
  const rooms = await makeRooms(server, 2);
  const { room_type_id } = rooms[0] ?? { room_type_id: 0 };
  const roomIds = rooms.map(({ room_id }) => room_id);
  const old = await placeHold(server, roomIds);
  const ended_at = await expireHold(server.database, old.hold_id);
  const { status, body } = await place(room_type_id, 2);
  expect(status).toBe(201);
  expect(body.rooms).toMatchObject(roomIds.map((room_id) => ({ room_id, fence: 2 })));
  const ended = await other.call('GET', `/rooms/hold/${old.hold_id}`, { token: server.as.frontend });
  expect(ended.body).toMatchObject({ status: 'EXPIRED', ended_at });
  for (const roomId of roomIds) {
    const rows = (await auditOf(server.database, roomId)).map(({ action, hold_id }) => [action, hold_id]);
    expect(rows.slice(1)).toEqual([
      ['HOLD', old.hold_id],
      ['EXPIRE', old.hold_id],
      ['HOLD', body.hold_id],
    ]);
  }
});

test('rooms that are free, over, and thawed to MAINTENANCE together: those that are free are found', async () => {
  const { room_type_id } = await makeRoomType(server);
  const free = await makeRoom(server, { room_type_id });
  const wasHeld = await makeRoom(server, { room_type_id });
  await expireHold(server.database, (await placeHold(server, [wasHeld.room_id])).hold_id);
  for (const status of ['MAINTENANCE', 'MAINTENANCE', 'AVAILABLE'] as const) {
    const { room_id } = await makeRoomIn(server, status, { room_type_id });
    await freezeRoom(server, room_id, { expires_in_seconds: 60 });
    await expireFreeze(server.database, room_id);
  }
  expect(await place(room_type_id, 4)).toMatchObject({
    status: 409,
    body: { code: 'not-enough-rooms', requested: 4, available: 3 },
  });
  const { status, body } = await place(room_type_id, 3);
  expect(status).toBe(201);
  expect(roomIdsOf(body)).toEqual(expect.arrayContaining([free.room_id, wasHeld.room_id]));
});

test('parallel buyers over two instances get different rooms, and everything that is free is sold', async () => {
  const rooms = await makeRooms(server, 20);
  const { room_type_id } = rooms[0] ?? { room_type_id: 0 };
  const answers = await Promise.all(
    Array.from({ length: 14 }, (_, at) => place(room_type_id, 2, {}, at % 2 === 0 ? server : other)),
  );
  const placed = answers.filter(({ status }) => status === 201);
  expect(placed).toHaveLength(10);
  expect(new Set(placed.flatMap(({ body }) => roomIdsOf(body))).size).toBe(20);
  for (const refused of answers.filter(({ status }) => status !== 201)) {
    expect(refused).toMatchObject({ status: 409, body: { code: 'not-enough-rooms', requested: 2 } });
  }
});

test('rooms that somebody else has locked are passed over', async () => {
  const rooms = await makeRooms(server, 3);
  const { room_type_id, room_id } = rooms[0] ?? { room_type_id: 0, room_id: 0 };
  const session = await openSession(server.database);
  await session.query('BEGIN');
  await session.query('SELECT FROM room WHERE room_id = $1 FOR NO KEY UPDATE', [room_id]);
  const { status, body } = await place(room_type_id, 2);
  expect(status).toBe(201);
  expect(roomIdsOf(body)).toEqual(rooms.slice(1).map((room) => room.room_id));
});

test('too few but for rooms that are locked: it waits for them, and is told no only when they are gone', async () => {
  const { room_type_id, room_id } = await makeRoom(server);
  const session = await openSession(server.database);
  await session.query('BEGIN');
  await session.query(`UPDATE room SET room_status = 'BOOKED' WHERE room_id = $1`, [room_id]);
  const waiting = place(room_type_id, 1);
  await untilBlocked(server.database);
  await session.query('COMMIT');
  expect(await waiting).toMatchObject({
    status: 409,
    body: { code: 'not-enough-rooms', requested: 1, available: 0 },
  });
  await server.database.query(`UPDATE room SET room_status = 'AVAILABLE' WHERE room_id = $1`, [room_id]);
});

test('a hold that waited for its room is placed after what it waited for: its time and ttl count from the granting', async () => {
  const { room_type_id, room_id } = await makeRoom(server);
  const session = await openSession(server.database);
  await session.query('BEGIN');
  await session.query('SELECT FROM room WHERE room_id = $1 FOR NO KEY UPDATE', [room_id]);
  const waiting = place(room_type_id, 1, { ttl_seconds: 30 });
  await untilBlocked(server.database);
  const { rows } = await session.query<{ changed_at: string }>(
    'UPDATE room SET updated_at = clock() WHERE room_id = $1 RETURNING instant(updated_at) AS changed_at',
    [room_id],
  );
  await session.query('COMMIT');
  const { status, body } = await waiting;
  expect(status).toBe(201);
  const times = [rows[0]?.changed_at, body.created_at];
  expect(times).toEqual(times.toSorted());
  expect((await readRoom(server, room_id)).updated_at).toBe(body.created_at);
  expect(Date.parse(body.expires_at) - Date.parse(body.created_at)).toBe(30_000);
});

test('replayed from empty, the audit gives the rooms as they are', async () => {
  await replayAudit(server.database);
});
