/** Owns placing a hold on certain rooms: the answer, the rooms, the audit, and what may not be asked. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  auditOf,
  makeRoom,
  makeRoomIn,
  makeRooms,
  makeRoomType,
  placeHold,
  readRoom,
  replayAudit,
} from '../helpers/property.ts';
import { tokenFor } from '../helpers/tokens.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp({ env: { HOLD_ROOMS_MAX: '5', HOLDS_ACTIVE_MAX: '0' } });
});
afterAll(() => server.close());

const place = (body: unknown, token: string | undefined = server.as.frontend) =>
  server.call('POST', '/rooms/hold', token === undefined ? { body } : { token, body });

/** New AVAILABLE rooms of one type, by their ids. */
const makeRoomIds = async (count: number): Promise<number[]> =>
  (await makeRooms(server, count)).map(({ room_id }) => room_id);

test('201 with the hold and its Location: rooms in room_id order, whatever the order of asking', async () => {
  const rooms = await makeRooms(server, 3);
  const [a, b, c] = rooms.map(({ room_id }) => room_id);
  const answer = await place({ room_ids: [c, a, b], reference: 'cart 7' });
  const { hold_id, created_at, expires_at } = answer.body;
  expect(answer).toMatchObject({
    status: 201,
    headers: {
      location: `/rooms/hold/${hold_id}`,
      'cache-control': 'no-store',
      'content-type': expect.stringMatching('application/json'),
    },
  });
  expect(answer.headers).not.toHaveProperty('idempotent-replayed');
  expect(answer.body).toEqual({
    hold_id,
    status: 'ACTIVE',
    holder: 'frontend',
    created_by: 'frontend',
    reference: 'cart 7',
    rooms: rooms.map(({ room_id, room_no }) => ({ room_id, room_no, fence: 1 })),
    created_at,
    expires_at,
    expires_in_seconds: 900,
    booking_reference: null,
    reacquired: false,
    ended_at: null,
  });
  const looked = await server.call('GET', answer.headers.location as string, { token: server.as.frontend });
  expect({ ...looked.body, expires_in_seconds: 900 }).toEqual(answer.body);
});

test('its rooms are HELD by it until expires_at, with a fence that is one higher; nothing else of them changes', async () => {
  const room = await makeRoom(server, { floor: '2' });
  const hold = await placeHold(server, [room.room_id]);
  expect(await readRoom(server, room.room_id)).toEqual({
    ...room,
    room_status: 'HELD',
    hold_id: hold.hold_id,
    hold_expires_at: hold.expires_at,
    fence: 1,
    updated_at: hold.created_at,
  });
});

test('one HOLD row per room, of one instant, with what changed and who holds it', async () => {
  const [first = 0, second = 0] = await makeRoomIds(2);
  const answer = await place(
    { room_ids: [second, first], reference: 'cart', holder: 'guest' },
    server.as.delegate,
  );
  const { hold_id, created_at, expires_at } = answer.body;
  const rows = [await auditOf(server.database, first), await auditOf(server.database, second)].map((all) =>
    all.slice(1),
  );
  expect(rows).toEqual(
    [first, second].map((roomId) => [
      {
        audit_id: expect.any(Number),
        at: created_at,
        entity: 'room',
        entity_id: String(roomId),
        action: 'HOLD',
        old_value: { room_status: 'AVAILABLE', hold_id: null, hold_expires_at: null, fence: 0 },
        new_value: {
          room_status: 'HELD',
          hold_id,
          hold_expires_at: expires_at,
          fence: 1,
          holder: 'guest',
          created_by: 'delegate',
          reference: 'cart',
          updated_at: created_at,
        },
        actor: 'delegate',
        hold_id,
        request_id: answer.headers['x-request-id'],
      },
    ]),
  );
});

test('hold_id is a UUIDv7 whose time is created_at', async () => {
  const { hold_id, created_at } = await placeHold(server, await makeRoomIds(1));
  expect(hold_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(hold_id.replaceAll('-', '').slice(0, 12), 16)).toBe(Date.parse(created_at));
});

test.each([
  [undefined, 900],
  [null, 900],
  [30, 30],
  [31, 31],
  [900, 900],
  [7200, 7200],
])('ttl_seconds of %s: expires_at is created_at and %d s, exactly', async (ttl_seconds, seconds) => {
  const [room_id] = await makeRoomIds(1);
  const { body } = await place({ room_ids: [room_id], ttl_seconds });
  expect(Date.parse(body.expires_at) - Date.parse(body.created_at)).toBe(seconds * 1000);
  expect(body.expires_in_seconds).toBe(seconds);
});

test('times are the database’s: created_at lies between two looks at its clock', async () => {
  const [room_id = 0] = await makeRoomIds(1);
  const clock = async () =>
    (await server.database.query<{ at: string }>('SELECT instant(clock()) AS at'))[0]?.at ?? '';
  const before = await clock();
  const { created_at } = await placeHold(server, [room_id]);
  const times = [before, created_at, await clock()];
  expect(times).toEqual(times.toSorted());
});

test('201 for HOLD_ROOMS_MAX rooms; fences are each room’s own', async () => {
  const roomIds = await makeRoomIds(5);
  const { hold_id } = await placeHold(server, roomIds.slice(0, 2));
  await server.call('DELETE', `/rooms/hold/${hold_id}`, { token: server.as.frontend });
  const { rooms } = await placeHold(server, roomIds);
  expect(rooms.map(({ fence }) => fence)).toEqual([2, 2, 1, 1, 1]);
});

test('fences rise with every hold and by nothing else, and are never reused', async () => {
  const { room_id } = await makeRoom(server);
  const path = (holdId: string) => `/rooms/hold/${holdId}`;
  const token = server.as.frontend;
  const fences: number[] = [];
  const seen = async () => fences.push((await readRoom(server, room_id)).fence);
  const first = await placeHold(server, [room_id]);
  await seen();
  await server.call('PATCH', path(first.hold_id), { token, body: { ttl_seconds: 60 } });
  await seen();
  await server.call('DELETE', path(first.hold_id), { token });
  await seen();
  await server.call('POST', `/rooms/${room_id}/freeze`, { token: server.as.admin });
  await server.call('DELETE', `/rooms/${room_id}/freeze`, { token: server.as.admin });
  await seen();
  const second = await placeHold(server, [room_id]);
  await seen();
  await place({ room_ids: [room_id] });
  await server.call('POST', `${path(second.hold_id)}/confirm`, { token });
  await server.call('PATCH', `/rooms/${room_id}`, {
    token: server.as.admin,
    body: { room_status: 'AVAILABLE' },
  });
  await seen();
  await placeHold(server, [room_id]);
  await seen();
  expect(fences).toEqual([1, 1, 1, 1, 2, 2, 3]);
});

test.each([
  ['', ''],
  ['200 characters outside the BMP', '🛒'.repeat(200)],
  ['blanks, quotes and SQL', ` '";\\\n-- \u00a0`],
])('reference is kept to the byte: %s', async (_name, reference) => {
  const [room_id] = await makeRoomIds(1);
  expect(await place({ room_ids: [room_id], reference })).toMatchObject({ status: 201, body: { reference } });
});

test.each([
  ['nobody: the own sub', {}, 'frontend', 'frontend'],
  ['null: the own sub', { holder: null }, 'frontend', 'frontend'],
  ['the own sub, without DELEGATE', { holder: 'frontend' }, 'frontend', 'frontend'],
  ['another, with DELEGATE', { holder: 'guest 1' }, 'delegate', 'guest 1'],
  ['255 characters, with DELEGATE', { holder: '客'.repeat(255) }, 'delegate', '客'.repeat(255)],
  ['another, by an admin, whose WRITE allows everything below', { holder: 'guest 2' }, 'admin', 'guest 2'],
  ['system, with DELEGATE: a name like any other', { holder: 'system' }, 'delegate', 'system'],
] as const)('201 for a holder of %s', async (_name, fields, role, holder) => {
  const [room_id] = await makeRoomIds(1);
  expect(await place({ room_ids: [room_id], ...fields }, server.as[role])).toMatchObject({
    status: 201,
    body: { holder, created_by: role },
  });
});

test('403 permission-denied naming ROOM_HOLD:DELEGATE for another holder without it: nothing is held', async () => {
  const room = await makeRoom(server);
  for (const holder of ['frontend2', 'Frontend', 'frontend ']) {
    expect(await place({ room_ids: [room.room_id], holder })).toMatchObject({
      status: 403,
      body: { code: 'permission-denied', permissions: ['ROOM_HOLD:DELEGATE'] },
    });
  }
  expect(await readRoom(server, room.room_id)).toEqual(room);
});

const ids = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

test.each([
  ['neither room_ids nor a type', {}, 'room_ids'],
  ['room_ids of null alone', { room_ids: null }, 'room_ids'],
  ['both room_ids and type with quantity', { room_ids: [1], room_type_id: 1, quantity: 1 }, 'room_ids'],
  ['room_ids with a room_type_id', { room_ids: [1], room_type_id: 1 }, 'room_ids'],
  ['room_ids with a quantity', { room_ids: [1], quantity: 1 }, 'room_ids'],
  ['a room_type_id without quantity', { room_type_id: 1 }, 'quantity'],
  ['a quantity without room_type_id', { quantity: 1 }, 'room_ids'],
  ['no ids', { room_ids: [] }, 'room_ids'],
  ['more than HOLD_ROOMS_MAX ids', { room_ids: ids(6) }, 'room_ids'],
  ['duplicate ids', { room_ids: [1, 2, 1] }, 'room_ids'],
  ['duplicate ids by value', '{"room_ids": [1, 1.0]}', 'room_ids'],
  ['an id of 0', { room_ids: [1, 0] }, 'room_ids[1]'],
  ['an id below zero', { room_ids: [-1] }, 'room_ids[0]'],
  ['an id past 32 bits', { room_ids: [2_147_483_648] }, 'room_ids[0]'],
  ['an id as text', { room_ids: ['1'] }, 'room_ids[0]'],
  ['an id with a fraction', { room_ids: [1.5] }, 'room_ids[0]'],
  ['an id of null', { room_ids: [null] }, 'room_ids[0]'],
  ['ids that are no list', { room_ids: 1 }, 'room_ids'],
  ['a quantity of 0', { room_type_id: 1, quantity: 0 }, 'quantity'],
  ['a quantity of more than HOLD_ROOMS_MAX', { room_type_id: 1, quantity: 6 }, 'quantity'],
  ['a quantity as text', { room_type_id: 1, quantity: '1' }, 'quantity'],
  ['a type of 0', { room_type_id: 0, quantity: 1 }, 'room_type_id'],
  ['ttl_seconds of 29', { room_ids: [1], ttl_seconds: 29 }, 'ttl_seconds'],
  ['ttl_seconds past HOLD_TTL_SECONDS_MAX', { room_ids: [1], ttl_seconds: 7201 }, 'ttl_seconds'],
  ['ttl_seconds of 60.5', { room_ids: [1], ttl_seconds: 60.5 }, 'ttl_seconds'],
  ['ttl_seconds as text', { room_ids: [1], ttl_seconds: '60' }, 'ttl_seconds'],
  ['a reference of 201 characters', { room_ids: [1], reference: 'x'.repeat(201) }, 'reference'],
  ['a reference with a NUL', { room_ids: [1], reference: 'a\0' }, 'reference'],
  ['a reference that is a number', { room_ids: [1], reference: 7 }, 'reference'],
  ['an empty holder', { room_ids: [1], holder: '' }, 'holder'],
  ['a holder of 256 characters', { room_ids: [1], holder: 'x'.repeat(256) }, 'holder'],
  ['an unknown field', { room_ids: [1], notes: 'x' }, 'notes'],
  ['a body that is a list', [1], ''],
  ['no body', undefined, ''],
])('400 request-invalid for %s', async (_name, body, path) => {
  expect(await place(body, server.as.delegate)).toMatchObject({
    status: 400,
    body: { code: 'request-invalid', errors: expect.arrayContaining([expect.objectContaining({ path })]) },
  });
});

test('numbers are judged by their JSON value: 1.0 is 1, 6e1 is 60', async () => {
  const [room_id] = await makeRoomIds(1);
  const answer = await place(`{"room_ids": [${room_id}.0], "ttl_seconds": 6e1}`);
  expect(answer).toMatchObject({ status: 201, body: { expires_in_seconds: 60, rooms: [{ room_id }] } });
});

test('null counts as absent: the other form of asking may be null', async () => {
  const [room_id] = await makeRoomIds(1);
  const byId = { room_ids: [room_id], room_type_id: null, quantity: null, reference: null };
  expect(await place(byId)).toMatchObject({ status: 201 });
  const { room_type_id } = await makeRoom(server);
  expect(await place({ room_ids: null, room_type_id, quantity: 1 })).toMatchObject({ status: 201 });
});

test('404 room-not-found with missing_room_ids, all of them, in order: unknown and deleted alike', async () => {
  const [here = 0, deleted = 0] = await makeRoomIds(2);
  await server.call('DELETE', `/rooms/${deleted}`, { token: server.as.admin });
  const answer = await place({ room_ids: [2_147_483_647, here, deleted, 2_147_483_000] });
  expect(answer).toMatchObject({
    status: 404,
    body: { code: 'room-not-found', missing_room_ids: [deleted, 2_147_483_000, 2_147_483_647] },
  });
  expect(await readRoom(server, here)).toMatchObject({ room_status: 'AVAILABLE', fence: 0 });
});

test('404 before 409: missing rooms are told, not the states of those that are there', async () => {
  const held = await makeRoomIn(server, 'HELD');
  const answer = await place({ room_ids: [held.room_id, 2_147_483_647] });
  expect(answer).toMatchObject({ status: 404, body: { missing_room_ids: [2_147_483_647] } });
  expect(answer.body).not.toHaveProperty('conflicts');
});

test('401 without a token, before the body is looked at', async () => {
  const answer = await server.call('POST', '/rooms/hold', { body: {} });
  expect(answer).toMatchObject({ status: 401, body: { code: 'credentials-missing' } });
});

test.each([
  ['operations', roles('ROOM_MANAGEMENT:READ')],
  ['nobody', roles()],
  ['one that may only delegate', roles('ROOM_HOLD:DELEGATE')],
])('403 permission-denied for %s, before the body is looked at', async (_name, token) => {
  expect(await place({}, token)).toMatchObject({
    status: 403,
    body: { code: 'permission-denied', permissions: ['ROOM_HOLD:WRITE'] },
  });
});

test('the next list from the same instance shows the rooms held; by whom is for those with READ only', async () => {
  const { room_type_id } = await makeRoomType(server);
  const [room] = await makeRooms(server, 1, { room_type_id });
  const list = (token: string) => server.call('GET', `/rooms?room_type_id=${room_type_id}`, { token });
  await Promise.all([list(server.as.operations), list(server.as.frontend)]);
  const hold = await placeHold(server, [room?.room_id ?? 0]);
  const held = { room_status: 'HELD', hold_expires_at: hold.expires_at, fence: 1 };
  expect((await list(server.as.operations)).body.rooms).toMatchObject([{ ...held, hold_id: hold.hold_id }]);
  expect((await list(server.as.frontend)).body.rooms).toMatchObject([{ ...held, hold_id: null }]);
});

test('replayed from empty, the audit gives the rooms as they are', async () => {
  await replayAudit(server.database);
});

/** A token with these permissions. */
function roles(...scopes: string[]): string {
  return tokenFor('somebody', ...scopes);
}
