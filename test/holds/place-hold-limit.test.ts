/** Owns the limit on a holder's active holds: exact, per created_by and holder, and who has none. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Room } from '../../src/rooms/schemas.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  expireHold,
  makeRoomIn,
  makeRooms,
  openSession,
  placeHold,
  readRoom,
  untilBlocked,
} from '../helpers/property.ts';
import { tokenFor } from '../helpers/tokens.ts';

const limit = 3;
let server: TestApp;
let other: TestApp;
let unlimited: TestApp;
beforeAll(async () => {
  server = await startTestApp({ env: { HOLDS_ACTIVE_MAX: String(limit) } });
  other = await startTestApp({ env: { HOLDS_ACTIVE_MAX: String(limit) }, database: server.database });
  unlimited = await startTestApp({ env: { HOLDS_ACTIVE_MAX: '0' }, database: server.database });
});
afterAll(async () => {
  await unlimited.close();
  await other.close();
  await server.close();
});

let subCount = 0;
/** The token of a frontend that has placed nothing yet. */
const newFrontend = (...scopes: string[]): string => {
  subCount += 1;
  return tokenFor(`buyer ${subCount}`, 'ROOM_HOLD:WRITE', ...scopes);
};

const place = (token: string, room: Room | undefined, fields: Record<string, unknown> = {}, at = server) =>
  at.call('POST', '/rooms/hold', { token, body: { room_ids: [room?.room_id ?? 0], ...fields } });

const refusal = { status: 429, body: { code: 'hold-limit-reached', limit } };

/** Places holds up to the limit, one room each. */
async function fill(token: string, fields: Record<string, unknown> = {}) {
  const rooms = await makeRooms(server, limit + 1);
  const spare = rooms.pop();
  const holds = [];
  for (const { room_id } of rooms) holds.push(await placeHold(server, [room_id], { token, ...fields }));
  return { holds, spare };
}

test('429 hold-limit-reached with limit and Retry-After past HOLDS_ACTIVE_MAX active holds: nothing is held', async () => {
  const token = newFrontend();
  const { spare } = await fill(token);
  const answer = await place(token, spare);
  expect(answer).toMatchObject(refusal);
  expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  expect(await readRoom(server, spare?.room_id ?? 0)).toEqual(spare);
});

test('one hold counts once, however many rooms it has', async () => {
  const token = newFrontend();
  const rooms = await makeRooms(server, 6);
  const [a, b, c, d, e, f] = rooms.map(({ room_id }) => room_id);
  for (const roomIds of [[a, b], [c, d], [e]]) {
    const body = { room_ids: roomIds };
    expect(await server.call('POST', '/rooms/hold', { token, body })).toMatchObject({ status: 201 });
  }
  expect(await server.call('POST', '/rooms/hold', { token, body: { room_ids: [f] } })).toMatchObject(refusal);
});

test('a hold by type counts, and is refused, like any other', async () => {
  const token = newFrontend();
  const { spare } = await fill(token);
  const body = { room_type_id: spare?.room_type_id, quantity: 1 };
  expect(await server.call('POST', '/rooms/hold', { token, body })).toMatchObject(refusal);
});

test.each([
  ['released', (path: string, token: string) => server.call('DELETE', path, { token })],
  ['confirmed', (path: string, token: string) => server.call('POST', `${path}/confirm`, { token })],
  [
    'expired, tidied or not,',
    (path: string) => expireHold(server.database, path.slice(path.lastIndexOf('/') + 1)),
  ],
] as const)('a hold that is %s does not count', async (_name, end) => {
  const token = newFrontend();
  const { holds, spare } = await fill(token);
  await end(`/rooms/hold/${holds[1]?.hold_id}`, token);
  expect(await place(token, spare)).toMatchObject({ status: 201 });
  const [room] = await makeRooms(server, 1);
  expect(await place(token, room)).toMatchObject(refusal);
});

test('a revoked hold does not count', async () => {
  const token = newFrontend();
  const { holds, spare } = await fill(token);
  const [{ room_id } = { room_id: 0 }] = holds[0]?.rooms ?? [];
  await server.call('POST', `/rooms/${room_id}/freeze`, {
    token: server.as.admin,
    body: { supersede_hold: true },
  });
  expect(await place(token, spare)).toMatchObject({ status: 201 });
});

test('holders are counted apart: another sub has a limit of its own', async () => {
  const { spare } = await fill(newFrontend());
  expect(await place(newFrontend(), spare)).toMatchObject({ status: 201 });
});

test('a DELEGATE token has the limit for each holder that it names, and they are counted apart', async () => {
  const token = newFrontend('ROOM_HOLD:DELEGATE');
  const { spare } = await fill(token, { holder: 'guest' });
  expect(await place(token, spare, { holder: 'guest' })).toMatchObject(refusal);
  expect(await place(token, spare, { holder: 'another guest' })).toMatchObject({ status: 201 });
});

test('the same holder named by two DELEGATE tokens is counted per token', async () => {
  const { spare } = await fill(newFrontend('ROOM_HOLD:DELEGATE'), { holder: 'guest of two' });
  const token = newFrontend('ROOM_HOLD:DELEGATE');
  expect(await place(token, spare, { holder: 'guest of two' })).toMatchObject({ status: 201 });
});

test('a DELEGATE token that names no holder has no limit', async () => {
  const token = newFrontend('ROOM_HOLD:DELEGATE');
  const { spare } = await fill(token);
  expect(await place(token, spare)).toMatchObject({ status: 201 });
  const [room] = await makeRooms(server, 1);
  expect(await place(token, room, { holder: null })).toMatchObject({ status: 201 });
});

test('HOLDS_ACTIVE_MAX=0: nobody has a limit', async () => {
  const token = newFrontend();
  const { spare } = await fill(token);
  expect(await place(token, spare, {}, unlimited)).toMatchObject({ status: 201 });
});

test('404 before 429: unknown rooms are told to a holder at its limit too', async () => {
  const token = newFrontend();
  await fill(token);
  const unknownRoom = await server.call('POST', '/rooms/hold', {
    token,
    body: { room_ids: [2_147_483_647] },
  });
  expect(unknownRoom).toMatchObject({ status: 404, body: { missing_room_ids: [2_147_483_647] } });
  const body = { room_type_id: 2_147_483_647, quantity: 1 };
  expect(await server.call('POST', '/rooms/hold', { token, body })).toMatchObject({
    status: 404,
    body: { code: 'room-type-not-found' },
  });
});

test('429 before 409: the limit is told, not the state of the rooms', async () => {
  const token = newFrontend();
  const { spare } = await fill(token);
  const booked = await makeRoomIn(server, 'BOOKED');
  const answer = await place(token, booked);
  expect(answer).toMatchObject(refusal);
  expect(answer.body).not.toHaveProperty('conflicts');
  const body = { room_type_id: spare?.room_type_id, quantity: 20 };
  expect(await server.call('POST', '/rooms/hold', { token, body })).toMatchObject(refusal);
});

test('400 and 403 before 429: a body that may not be asked is told first', async () => {
  const token = newFrontend();
  const { spare } = await fill(token);
  expect(await place(token, spare, { ttl_seconds: 1 })).toMatchObject({ status: 400 });
  expect(await place(token, spare, { holder: 'guest' })).toMatchObject({ status: 403 });
});

test('a refused hold does not count: after a 409 the last place is still there', async () => {
  const token = newFrontend();
  const { holds, spare } = await fill(token);
  await server.call('DELETE', `/rooms/hold/${holds[0]?.hold_id}`, { token });
  expect(await place(token, await makeRoomIn(server, 'BOOKED'))).toMatchObject({ status: 409 });
  expect(await place(token, spare)).toMatchObject({ status: 201 });
});

test.each([
  ['COMMIT', 429],
  ['ROLLBACK', 201],
])(
  'the last place is taken by another transaction: the next asker waits, and after its %s gets %d',
  async (end, status) => {
    const token = newFrontend();
    const { holds, spare } = await fill(token);
    const sub = holds[0]?.created_by;
    await server.call('DELETE', `/rooms/hold/${holds[0]?.hold_id}`, { token });
    const [taken] = await makeRooms(server, 1);
    const session = await openSession(server.database);
    await session.query('BEGIN');
    const request = {
      ...{ created_by: sub, holder: sub, holds_active_max: limit, room_ids: [taken?.room_id] },
      ...{ ttl_seconds: 900, is_patient: false, request_id: 'request' },
    };
    await session.query('SELECT hold_place($1::jsonb)', [JSON.stringify([request])]);
    const waiting = place(token, spare);
    await untilBlocked(server.database);
    await session.query(end);
    expect(await waiting).toMatchObject({ status });
  },
);

test('the limit is exact when 50 requests race over two instances', async () => {
  const token = newFrontend();
  const rooms = await makeRooms(server, 50);
  const answers = await Promise.all(
    rooms.map((room, at) => place(token, room, {}, at % 2 === 0 ? server : other)),
  );
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(limit);
  expect(statuses.filter((status) => status === 429)).toHaveLength(50 - limit);
  const [count] = await server.database.query<{ held: string }>(
    `SELECT count(*) AS held FROM room WHERE room_type_id = $1 AND room_status = 'HELD'`,
    [rooms[0]?.room_type_id],
  );
  expect(Number(count?.held)).toBe(limit);
});
