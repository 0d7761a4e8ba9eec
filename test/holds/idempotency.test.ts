/** Owns Idempotency-Key: the same key and body answer the first hold again, to the byte, and hold nothing new. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import type { Answer } from '../helpers/contract.ts';
import {
  auditOf,
  expireHold,
  makeRoom,
  makeRoomIn,
  makeRooms,
  openSession,
  placeHold,
  readRoom,
  replayAudit,
} from '../helpers/property.ts';

let server: TestApp;
let other: TestApp;
beforeAll(async () => {
  const env = { HOLDS_ACTIVE_MAX: '1000' };
  server = await startTestApp({ env });
  other = await startTestApp({ env, database: server.database });
});
afterAll(async () => {
  await other.close();
  await server.close();
});

let keyCount = 0;
const newKey = (): string => {
  keyCount += 1;
  return `key-${keyCount}`;
};

const place = (key: string, body: unknown, token = server.as.frontend, at = server) =>
  at.call('POST', '/rooms/hold', { token, body, headers: { 'idempotency-key': key } });

const makeRoomId = async (): Promise<number> => (await makeRoom(server)).room_id;

/** The first answer and the replay are the same, but for the mark. */
function expectReplay(first: Answer, again: Answer): void {
  expect(first.status).toBe(201);
  expect(first.headers).not.toHaveProperty('idempotent-replayed');
  expect(again).toMatchObject({
    status: 201,
    text: first.text,
    headers: {
      location: first.headers.location,
      'content-type': first.headers['content-type'],
      'cache-control': 'no-store',
      'idempotent-replayed': 'true',
    },
  });
  expect(again.headers['x-request-id']).not.toBe(first.headers['x-request-id']);
}

test('the same key and body answer the first 201 again to the byte, marked, and hold nothing new', async () => {
  const roomId = await makeRoomId();
  const key = newKey();
  const body = { room_ids: [roomId], reference: 'cart ☂', ttl_seconds: 60 };
  const first = await place(key, body);
  const room = await readRoom(server, roomId);
  expectReplay(first, await place(key, body));
  expectReplay(first, await place(key, body));
  expect(await readRoom(server, roomId)).toEqual(room);
  expect((await auditOf(server.database, roomId)).map(({ action }) => action)).toEqual(['CREATE', 'HOLD']);
});

test('a replay comes from any instance', async () => {
  const key = newKey();
  const body = { room_ids: [await makeRoomId()] };
  const first = await place(key, body);
  expectReplay(first, await place(key, body, server.as.frontend, other));
});

test('a hold by type is replayed: the same rooms, no others', async () => {
  const [{ room_type_id } = { room_type_id: 0 }] = await makeRooms(server, 4);
  const key = newKey();
  const first = await place(key, { room_type_id, quantity: 2 });
  expectReplay(first, await place(key, { room_type_id, quantity: 2 }));
  const list = await server.call('GET', `/rooms?room_type_id=${room_type_id}&room_status=HELD`, {
    token: server.as.operations,
  });
  expect(list.body.rooms).toHaveLength(2);
});

test('"k" in quotes and bare k are the same key', async () => {
  const key = newKey();
  const body = { room_ids: [await makeRoomId()] };
  const first = await place(`"${key}"`, body);
  expectReplay(first, await place(key, body));
  expectReplay(first, await place(`"${key}"`, body));
});

test.each([
  [
    'fields in another order',
    (roomId: number) => `{"reference":"x","ttl_seconds":60,"room_ids":[${roomId}]}`,
  ],
  [
    'spaces between',
    (roomId: number) => `{ "room_ids": [ ${roomId} ],\n "ttl_seconds": 60, "reference": "x" }`,
  ],
  [
    'a byte order mark in front',
    (roomId: number) => `\ufeff{"room_ids":[${roomId}],"ttl_seconds":60,"reference":"x"}`,
  ],
  [
    'numbers and letters written otherwise',
    (roomId: number) => `{"room_ids":[${roomId}.0],"ttl_seconds":6e1,"reference":"\\u0078"}`,
  ],
  [
    'optional fields that are null',
    (roomId: number) =>
      `{"room_ids":[${roomId}],"ttl_seconds":60,"reference":"x","holder":null,"quantity":null,"room_type_id":null}`,
  ],
])('the same body with %s replays', async (_name, bodyOf) => {
  const roomId = await makeRoomId();
  const key = newKey();
  const first = await place(key, { room_ids: [roomId], ttl_seconds: 60, reference: 'x' });
  expectReplay(first, await place(key, bodyOf(roomId)));
});

test.each([
  ['another room', (_: number, spare: number) => ({ room_ids: [spare], ttl_seconds: 60 })],
  ['one room more', (roomId: number, spare: number) => ({ room_ids: [roomId, spare], ttl_seconds: 60 })],
  ['another ttl_seconds', (roomId: number) => ({ room_ids: [roomId], ttl_seconds: 61 })],
  ['no ttl_seconds', (roomId: number) => ({ room_ids: [roomId] })],
  ['a reference', (roomId: number) => ({ room_ids: [roomId], ttl_seconds: 60, reference: '' })],
  ['a holder', (roomId: number) => ({ room_ids: [roomId], ttl_seconds: 60, holder: 'frontend' })],
  ['a type and quantity', () => ({ room_type_id: 1, quantity: 1, ttl_seconds: 60 })],
  ['a room that is not there', () => ({ room_ids: [2_147_483_647], ttl_seconds: 60 })],
] as const)('422 idempotency-key-reused with %s instead: nothing is held', async (_name, bodyOf) => {
  const [held, spare] = await makeRooms(server, 2);
  const key = newKey();
  const first = await place(key, { room_ids: [held?.room_id], ttl_seconds: 60 });
  expect(await place(key, bodyOf(held?.room_id ?? 0, spare?.room_id ?? 0))).toMatchObject({
    status: 422,
    body: { code: 'idempotency-key-reused' },
  });
  expect(await readRoom(server, spare?.room_id ?? 0)).toEqual(spare);
  expectReplay(first, await place(key, { room_ids: [held?.room_id], ttl_seconds: 60 }));
});

test('422 for the same rooms in another order: another JSON is another body', async () => {
  const roomIds = (await makeRooms(server, 2)).map(({ room_id }) => room_id);
  const key = newKey();
  expect(await place(key, { room_ids: roomIds })).toMatchObject({ status: 201 });
  expect(await place(key, { room_ids: roomIds.toReversed() })).toMatchObject({ status: 422 });
});

test.each([
  ['empty', ''],
  ['empty in quotes', '""'],
  ['of 256 characters', 'k'.repeat(256)],
  ['of 256 characters in quotes', `"${'k'.repeat(256)}"`],
  ['with a space inside', 'a b'],
  ['with a tab inside', 'a\tb'],
  ['of other letters than ASCII', 'schlüssel'],
  ['with a DEL', 'a\x7f'],
])('400 request-invalid for a key that is %s: nothing is held', async (_name, key) => {
  const roomId = await makeRoomId();
  expect(await place(key, { room_ids: [roomId] })).toMatchObject({
    status: 400,
    body: { code: 'request-invalid', errors: [{ path: 'Idempotency-Key' }] },
  });
  expect(await readRoom(server, roomId)).toMatchObject({ room_status: 'AVAILABLE' });
});

test.each([
  ['one character', '!'],
  ['255 characters', '~'.repeat(255)],
  ['255 characters in quotes', `"${'"'.repeat(255)}"`],
  ['signs of SQL and JSON', `';--\\{"a"}`],
  ['a UUID', '9f1c1c64-2f5e-4d0c-a8a8-0b8ef7f0b6a1'],
])('a key of %s is good', async (_name, key) => {
  const body = { room_ids: [await makeRoomId()] };
  expectReplay(await place(key, body), await place(key, body));
});

test('keys are told apart by case', async () => {
  const [one, two] = await makeRooms(server, 2);
  const key = newKey();
  expect(await place(key, { room_ids: [one?.room_id] })).toMatchObject({ status: 201 });
  expect(await place(key.toUpperCase(), { room_ids: [two?.room_id] })).toMatchObject({ status: 201 });
});

test('a key belongs to its sub: another sub’s same key is another key', async () => {
  const [one, two] = await makeRooms(server, 2);
  const key = newKey();
  const first = await place(key, { room_ids: [one?.room_id] });
  const second = await place(key, { room_ids: [two?.room_id] }, server.as.frontend2);
  expect(second).toMatchObject({ status: 201, body: { created_by: 'frontend2' } });
  expect(second.headers).not.toHaveProperty('idempotent-replayed');
  expectReplay(first, await place(key, { room_ids: [one?.room_id] }));
});

test('only a 201 is remembered: after 409, 404 and 400 the same key places a hold', async () => {
  const held = await makeRoomIn(server, 'HELD');
  const key = newKey();
  const body = { room_ids: [held.room_id] };
  expect(await place(key, body)).toMatchObject({ status: 409, body: { code: 'room-unavailable' } });
  expect(await place(key, { room_ids: [2_147_483_647] })).toMatchObject({ status: 404 });
  expect(await place(key, { room_ids: [] })).toMatchObject({ status: 400 });
  await server.call('DELETE', `/rooms/hold/${held.hold_id}`, { token: server.as.admin });
  const first = await place(key, body);
  expectReplay(first, await place(key, body));
});

test.each([
  ['released', (path: string, token: string) => server.call('DELETE', path, { token })],
  ['confirmed', (path: string, token: string) => server.call('POST', `${path}/confirm`, { token })],
  [
    'extended',
    (path: string, token: string) => server.call('PATCH', path, { token, body: { ttl_seconds: 7000 } }),
  ],
  ['expired', (path: string) => expireHold(server.database, path.slice(path.lastIndexOf('/') + 1))],
] as const)('the replay is still the first 201 after the hold was %s', async (_name, change) => {
  const key = newKey();
  const body = { room_ids: [await makeRoomId()] };
  const first = await place(key, body);
  await change(String(first.headers.location), server.as.frontend);
  const again = await place(key, body);
  expectReplay(first, again);
  expect(again.body).toMatchObject({ status: 'ACTIVE', expires_in_seconds: 900 });
});

test('the replay does not show what the hold was in later look-ups', async () => {
  const key = newKey();
  const body = { room_ids: [await makeRoomId()] };
  const path = String((await place(key, body)).headers.location);
  await server.call('DELETE', path, { token: server.as.frontend });
  await place(key, body);
  const looked = await server.call('GET', path, { token: server.as.frontend });
  expect(looked.body).toMatchObject({ status: 'RELEASED' });
});

test('the replay comes before existence, the holder’s limit and the state of the rooms', async () => {
  const [room] = await makeRooms(server, 1);
  const key = newKey();
  const body = { room_ids: [room?.room_id] };
  const first = await place(key, body);
  await server.call('DELETE', String(first.headers.location), { token: server.as.frontend });
  await server.call('DELETE', `/rooms/${room?.room_id}`, { token: server.as.admin });
  const narrow = await startTestApp({ env: { HOLDS_ACTIVE_MAX: '1' }, database: server.database });
  try {
    await placeHold(server, [await makeRoomId()]);
    expectReplay(first, await place(key, body, server.as.frontend, narrow));
  } finally {
    await narrow.close();
  }
});

test('401, 403 and 400 come before the replay', async () => {
  const key = newKey();
  const body = { room_ids: [await makeRoomId()] };
  await place(key, body);
  expect(await place(key, body, 'nonsense')).toMatchObject({ status: 401 });
  expect(await place(key, body, server.as.operations)).toMatchObject({ status: 403 });
  expect(await place(key, { ...body, holder: 'somebody else' })).toMatchObject({ status: 403 });
  expect(await place(key, { ...body, ttl_seconds: 1 })).toMatchObject({ status: 400 });
});

test('after 24 h the key places a new hold, and is remembered for that one; a moment before it replays', async () => {
  const roomId = await makeRoomId();
  const key = newKey();
  const body = { room_ids: [roomId] };
  const first = await place(key, body);
  const age = (interval: string) =>
    server.database.query(
      `UPDATE idempotency_key SET created_at = clock() - $2::interval WHERE key = $1 AND created_by = 'frontend'`,
      [key, interval],
    );
  await age('23 hours 59 minutes');
  expectReplay(first, await place(key, body));
  await age('24 hours');
  expect(await place(key, body)).toMatchObject({ status: 409, body: { code: 'room-unavailable' } });
  await server.call('DELETE', String(first.headers.location), { token: server.as.frontend });
  const second = await place(key, { ...body, reference: 'another body' });
  expect(second).toMatchObject({ status: 201, body: { rooms: [{ room_id: roomId, fence: 2 }] } });
  expect(second.body.hold_id).not.toBe(first.body.hold_id);
  expectReplay(second, await place(key, { ...body, reference: 'another body' }));
});

test('the worker forgets keys after 24 h, and not before', async () => {
  const [old, young] = [newKey(), newKey()];
  for (const key of [old, young]) await place(key, { room_ids: [await makeRoomId()] });
  await server.database.query(
    `UPDATE idempotency_key SET created_at = clock() - interval '24 hours' WHERE key = $1`,
    [old],
  );
  await server.database.query('SELECT sweep(1000)');
  const kept = await server.database.query('SELECT key FROM idempotency_key WHERE key = ANY ($1)', [
    [old, young],
  ]);
  expect(kept).toEqual([{ key: young }]);
});

test('requests with one key that race over two instances: one hold, one first answer, all others replay it', async () => {
  const key = newKey();
  const roomId = await makeRoomId();
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, at) =>
      place(key, { room_ids: [roomId] }, server.as.frontend, at % 2 === 0 ? server : other),
    ),
  );
  const firsts = answers.filter(({ headers }) => headers['idempotent-replayed'] === undefined);
  expect(firsts).toHaveLength(1);
  for (const answer of answers) expect(answer).toMatchObject({ status: 201, text: firsts[0]?.text });
  expect(await readRoom(server, roomId)).toMatchObject({ fence: 1 });
});

test('requests with one key and different bodies that race: one is placed, the others are 422', async () => {
  const rooms = await makeRooms(server, 6);
  const key = newKey();
  const answers = await Promise.all(rooms.map(({ room_id }) => place(key, { room_ids: [room_id] })));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 422, 422, 422, 422, 422]);
});

/** A request with this key that is still running: its transaction is open until the test ends it, and changes nothing. */
async function runWith(key: string) {
  const session = await openSession(server.database);
  await session.query('BEGIN');
  const who = {
    created_by: 'frontend',
    holder: 'frontend',
    idempotency_key: key,
    fingerprint: 'another body',
  };
  const request = {
    ...who,
    room_ids: [2_147_483_647],
    ttl_seconds: 900,
    is_patient: false,
    request_id: 'request',
  };
  await session.query('SELECT hold_place($1::jsonb)', [JSON.stringify([request])]);
  return session;
}

test('one that arrives while the first is still running waits, and replays', async () => {
  const key = newKey();
  const body = { room_ids: [await makeRoomId()] };
  const first = await place(key, body);
  const session = await runWith(key);
  let isAnswered = false;
  const waiting = place(key, body).finally(() => {
    isAnswered = true;
  });
  // Others are served meanwhile, and it is still waiting.
  await placeHold(server, [await makeRoomId()]);
  expect(isAnswered).toBe(false);
  await session.query('COMMIT');
  expectReplay(first, await waiting);
});

test('409 request-in-progress after 5 s of waiting for the first: nothing is held', async () => {
  const roomId = await makeRoomId();
  const key = newKey();
  const session = await runWith(key);
  const begunAtMs = performance.now();
  const answer = await place(key, { room_ids: [roomId] });
  const waitedMs = performance.now() - begunAtMs;
  expect(answer).toMatchObject({ status: 409, body: { code: 'request-in-progress' } });
  expect(waitedMs).toBeGreaterThan(4_900);
  expect(waitedMs).toBeLessThan(9_000);
  await session.query('ROLLBACK');
  expect(await readRoom(server, roomId)).toMatchObject({ room_status: 'AVAILABLE', fence: 0 });
  expect(await place(key, { room_ids: [roomId] })).toMatchObject({ status: 201 });
});

test('a key is committed with its hold: in the same transaction, or not at all', async () => {
  const roomId = await makeRoomId();
  const key = newKey();
  const { body } = await place(key, { room_ids: [roomId] });
  const [row] = await server.database.query(
    `SELECT k.xmin = h.xmin AS is_one, k.hold_id, k.body FROM idempotency_key k JOIN hold h USING (hold_id) WHERE k.key = $1`,
    [key],
  );
  expect(row).toMatchObject({ is_one: true, hold_id: body.hold_id });
});

test('replayed from empty, the audit gives the rooms as they are', async () => {
  await replayAudit(server.database);
});
