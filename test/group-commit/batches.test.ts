/** Owns that a batch in the database comes out as if its requests had run one after the other, and fails apart. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCommand } from '../../src/commands.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  auditOf,
  expireHold,
  freezeRoom,
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
beforeAll(async () => {
  server = await startTestApp({ env: { HOLDS_ACTIVE_MAX: '0' } });
});
afterAll(() => server.close());

type Wanted = {
  room_ids?: readonly number[];
  room_type_id?: number;
  quantity?: number;
  [field: string]: unknown;
};
// biome-ignore lint/suspicious/noExplicitAny: outcomes have every shape
type Outcome = any;

const placement = (wanted: Wanted) => ({
  created_by: 'frontend',
  holder: 'frontend',
  holds_active_max: null,
  ttl_seconds: 900,
  is_patient: false,
  actor: 'frontend',
  request_id: 'request',
  ...wanted,
});

/** Runs one statement with all of these requests. */
async function run(command: string, requests: readonly unknown[]): Promise<Outcome[]> {
  const [row] = await server.database.query<{ outcomes: Outcome[] }>(
    `SELECT ${command}($1::jsonb) AS outcomes`,
    [JSON.stringify(requests)],
  );
  return row?.outcomes ?? [];
}

const place = (...wanted: Wanted[]) => run('hold_place', wanted.map(placement));

/** What a batch came to, in a word per request. */
const words = (outcomes: readonly Outcome[]) =>
  outcomes.map(
    ({ problem, retry, is_replay }) => problem ?? (retry ? 'retry' : is_replay ? 'replay' : 'placed'),
  );

const makeRoomIds = async (count: number): Promise<number[]> =>
  (await makeRooms(server, count)).map(({ room_id }) => room_id);

let holderCount = 0;
/** Somebody who has no hold yet, and may have `holds_active_max`. */
const newHolder = (holds_active_max: number) => {
  holderCount += 1;
  return { created_by: `sub ${holderCount}`, holder: `sub ${holderCount}`, holds_active_max };
};
let keyCount = 0;
const newKey = (fingerprint = 'a body') => {
  keyCount += 1;
  return { idempotency_key: `batch key ${keyCount}`, fingerprint };
};

test('two that want the same room: the first has it, the second is told until when', async () => {
  const [roomId = 0] = await makeRoomIds(1);
  const outcomes = await place({ room_ids: [roomId] }, { room_ids: [roomId] });
  expect(words(outcomes)).toEqual(['placed', 'room-unavailable']);
  const { expires_at, hold_id } = JSON.parse(outcomes[0].body);
  expect(outcomes[1].facts.conflicts).toMatchObject([
    { room_id: roomId, room_status: 'HELD', free_at: expires_at },
  ]);
  expect(await readRoom(server, roomId)).toMatchObject({ hold_id, fence: 1 });
});

test('one that is refused claims nothing: its free room goes to the next', async () => {
  const [a = 0, b = 0, c = 0] = await makeRoomIds(3);
  const outcomes = await place({ room_ids: [a, b] }, { room_ids: [b, c] }, { room_ids: [c] });
  expect(words(outcomes)).toEqual(['placed', 'room-unavailable', 'placed']);
  const conflicts = outcomes[1].facts.conflicts.map(({ room_id }: { room_id: number }) => room_id);
  expect(conflicts).toContain(b);
});

test('two that want a holder’s last place: the first has it, the second is told the limit', async () => {
  const [a = 0, b = 0, c = 0] = await makeRoomIds(3);
  const [one, two] = [newHolder(1), newHolder(1)];
  const outcomes = await place(
    { room_ids: [a], ...one },
    { room_ids: [b], ...one },
    { room_ids: [c], ...two },
  );
  expect(words(outcomes)).toEqual(['placed', 'hold-limit-reached', 'placed']);
  expect(outcomes[1].facts).toEqual({ limit: 1 });
  expect(await readRoom(server, b)).toMatchObject({ room_status: 'AVAILABLE' });
});

test('one that is refused takes no place of its holder', async () => {
  const booked = await makeRoomIn(server, 'BOOKED');
  const [a = 0, b = 0] = await makeRoomIds(2);
  const holder = newHolder(1);
  const outcomes = await place(
    { room_ids: [booked.room_id], ...holder },
    { room_ids: [a], ...holder },
    { room_ids: [b], ...holder },
  );
  expect(words(outcomes)).toEqual(['room-unavailable', 'placed', 'hold-limit-reached']);
});

test('holds without a limit count for those that have one', async () => {
  const [a = 0, b = 0, c = 0] = await makeRoomIds(3);
  const holder = newHolder(2);
  await place({ room_ids: [a], ...holder, holds_active_max: null });
  expect(words(await place({ room_ids: [b], ...holder }, { room_ids: [c], ...holder }))).toEqual([
    'placed',
    'hold-limit-reached',
  ]);
});

test('holders are told apart, whatever signs their names have', async () => {
  const [a = 0, b = 0] = await makeRoomIds(2);
  const outcomes = await place(
    { room_ids: [a], created_by: 'x', holder: 'y\x1fz', holds_active_max: 1 },
    { room_ids: [b], created_by: 'x\x1fy', holder: 'z', holds_active_max: 1 },
  );
  expect(words(outcomes)).toEqual(['placed', 'placed']);
});

test('two with the same key and body: the first is placed, the second asks again and replays it', async () => {
  const [roomId = 0] = await makeRoomIds(1);
  const wanted = { room_ids: [roomId], ...newKey() };
  const outcomes = await place(wanted, wanted);
  expect(words(outcomes)).toEqual(['placed', 'retry']);
  const again = await place(wanted);
  expect(words(again)).toEqual(['replay']);
  expect(again[0].body).toBe(outcomes[0].body);
});

test('two with the same key and different bodies: the second asks again and is told so', async () => {
  const [a = 0, b = 0] = await makeRoomIds(2);
  const key = newKey();
  const second = { room_ids: [b], ...key, fingerprint: 'another body' };
  expect(words(await place({ room_ids: [a], ...key }, second))).toEqual(['placed', 'retry']);
  expect(words(await place(second))).toEqual(['idempotency-key-reused']);
});

test('two with the same key, the first refused: the second asks again and is placed', async () => {
  const booked = await makeRoomIn(server, 'BOOKED');
  const [roomId = 0] = await makeRoomIds(1);
  const key = newKey();
  const second = { room_ids: [roomId], ...key };
  expect(words(await place({ room_ids: [booked.room_id], ...key }, second))).toEqual([
    'room-unavailable',
    'retry',
  ]);
  expect(words(await place(second))).toEqual(['placed']);
});

test('the same key of two subs is two keys', async () => {
  const [a = 0, b = 0] = await makeRoomIds(2);
  const key = newKey();
  const outcomes = await place({ room_ids: [a], ...key }, { room_ids: [b], ...key, created_by: 'another' });
  expect(words(outcomes)).toEqual(['placed', 'placed']);
});

test('by type and by id: a room goes to one of them only, and what is left is counted right', async () => {
  const rooms = await makeRooms(server, 3);
  const [{ room_type_id, room_id: first } = { room_type_id: 0, room_id: 0 }] = rooms;
  const outcomes = await place(
    { room_ids: [first] },
    { room_type_id, quantity: 1 },
    { room_type_id, quantity: 2 },
    { room_type_id, quantity: 1 },
    { room_type_id, quantity: 1 },
    { room_ids: [first] },
  );
  expect(words(outcomes)).toEqual([
    'placed',
    'placed',
    'not-enough-rooms',
    'placed',
    'not-enough-rooms',
    'room-unavailable',
  ]);
  expect(outcomes[2].facts).toEqual({ requested: 2, available: 1 });
  expect(outcomes[4].facts).toEqual({ requested: 1, available: 0 });
  const chosen = [0, 1, 3].flatMap((at) => JSON.parse(outcomes[at].body).rooms);
  expect(new Set(chosen.map(({ room_id }) => room_id)).size).toBe(3);
});

test('every request of a mixed batch gets its own outcome, at its own place', async () => {
  const [a = 0, b = 0, c = 0] = await makeRoomIds(3);
  const expired = await placeHold(server, [c]);
  await expireHold(server.database, expired.hold_id);
  const { room_type_id } = await makeRoomType(server);
  const outcomes = await place(
    { room_ids: [2_147_483_647, a] },
    { room_ids: [a], reference: 'second' },
    { room_type_id: 2_147_483_647, quantity: 1 },
    { room_type_id, quantity: 1 },
    { room_ids: [c, b], reference: 'fifth' },
  );
  expect(words(outcomes)).toEqual([
    'room-not-found',
    'placed',
    'room-type-not-found',
    'not-enough-rooms',
    'placed',
  ]);
  const bodies = [1, 4].map((at) => JSON.parse(outcomes[at].body));
  expect(bodies).toMatchObject([
    { reference: 'second', rooms: [{ room_id: a, fence: 1 }] },
    {
      reference: 'fifth',
      rooms: [
        { room_id: b, fence: 1 },
        { room_id: c, fence: 2 },
      ],
    },
  ]);
  expect(bodies[0].created_at).toBe(bodies[1].created_at);
});

test('holds of one batch have their own audit rows: each with its own request', async () => {
  const [a = 0, b = 0] = await makeRoomIds(2);
  const outcomes = await place({ room_ids: [a], request_id: 'one' }, { room_ids: [b], request_id: 'two' });
  const rows = [(await auditOf(server.database, a)).at(-1), (await auditOf(server.database, b)).at(-1)];
  expect(rows).toMatchObject([
    { request_id: 'one', hold_id: outcomes[0].hold_id },
    { request_id: 'two', hold_id: outcomes[1].hold_id },
  ]);
});

const hold = (hold_id: string, fields: Record<string, unknown> = {}) => ({
  hold_id,
  changes_all: true,
  actor: 'admin',
  request_id: 'request',
  ...fields,
});
const problemsOf = (outcomes: readonly Outcome[]) => outcomes.map(({ problem }) => problem ?? 'done');

test('confirms of one hold in one batch: the same reference is the same answer, another is too late', async () => {
  const [roomId = 0] = await makeRoomIds(1);
  const { hold_id } = await placeHold(server, [roomId]);
  const confirm = (booking_reference: string) => hold(hold_id, { booking_reference, reacquire: false });
  const outcomes = await run('hold_confirm', [confirm('B1'), confirm('B1'), confirm('B2')]);
  expect(problemsOf(outcomes)).toEqual(['done', 'done', 'hold-confirmed']);
  expect(outcomes[1].body).toBe(outcomes[0].body);
  expect((await auditOf(server.database, roomId)).map(({ action }) => action)).toEqual([
    'CREATE',
    'HOLD',
    'CONFIRM',
  ]);
});

test('releases of one hold in one batch: it ends once, and all are told so', async () => {
  const [roomId = 0] = await makeRoomIds(1);
  const { hold_id } = await placeHold(server, [roomId]);
  const outcomes = await run('hold_release', [hold(hold_id), hold(hold_id)]);
  expect(problemsOf(outcomes)).toEqual(['done', 'done']);
  expect(outcomes[1].body).toBe(outcomes[0].body);
  expect((await auditOf(server.database, roomId)).map(({ action }) => action)).toEqual([
    'CREATE',
    'HOLD',
    'RELEASE',
  ]);
});

test('extends of one hold in one batch: the later of them stands, and each has its row', async () => {
  const [roomId = 0] = await makeRoomIds(1);
  const { hold_id } = await placeHold(server, [roomId]);
  const extend = (ttl_seconds: number) => hold(hold_id, { ttl_seconds, lifetime_seconds_max: 7200 });
  const outcomes = await run('hold_extend', [extend(100), extend(7300), extend(200)]);
  expect(problemsOf(outcomes)).toEqual(['done', 'hold-lifetime-exceeded', 'done']);
  const { expires_at } = JSON.parse(outcomes[2].body);
  expect(await readRoom(server, roomId)).toMatchObject({ hold_expires_at: expires_at });
  const [one, two] = (await auditOf(server.database, roomId)).slice(2);
  expect(two?.old_value?.hold_expires_at).toBe(one?.new_value?.hold_expires_at);
});

const freeze = (room_id: number, fields: Record<string, unknown> = {}) => ({
  room_id,
  freeze_reason: 'CLEANING',
  supersede_hold: false,
  actor: 'admin',
  request_id: 'request',
  ...fields,
});

test('freezes of one room in one batch: the later of them stands, one that changes nothing has no row', async () => {
  const { room_id } = await makeRoom(server);
  const outcomes = await run('room_freeze', [
    freeze(room_id),
    freeze(room_id),
    freeze(room_id, { freeze_note: 'x' }),
  ]);
  expect(problemsOf(outcomes)).toEqual(['done', 'done', 'done']);
  expect(outcomes[1].room).toEqual(outcomes[0].room);
  expect((await auditOf(server.database, room_id)).map(({ action }) => action)).toEqual([
    'CREATE',
    'FREEZE',
    'FREEZE',
  ]);
});

test('freezes of the rooms of one hold in one batch: refused while it is held, granted once it is revoked', async () => {
  const [a = 0, b = 0] = await makeRoomIds(2);
  const { hold_id } = await placeHold(server, [a, b]);
  const outcomes = await run('room_freeze', [
    freeze(a),
    freeze(b, { supersede_hold: true }),
    freeze(a, { supersede_hold: true }),
  ]);
  expect(problemsOf(outcomes)).toEqual(['room-held', 'done', 'done']);
  expect(outcomes.map(({ revoked_hold_id }) => revoked_hold_id)).toEqual([undefined, hold_id, null]);
});

test('unfreezes of one room in one batch: the second finds it not frozen', async () => {
  const { room_id } = await makeRoom(server);
  await freezeRoom(server, room_id);
  const outcomes = await run('room_unfreeze', [freeze(room_id), freeze(room_id)]);
  expect(problemsOf(outcomes)).toEqual(['done', 'room-not-frozen']);
});

/** Places through group commit with one flight: while a first request waits for a locked room, the others queue up. */
async function placeTogether(wanted: readonly Wanted[]) {
  const [blocked = 0] = await makeRoomIds(1);
  const session = await openSession(server.database);
  await session.query('BEGIN');
  await session.query('SELECT FROM room WHERE room_id = $1 FOR UPDATE', [blocked]);
  const command = openCommand<Record<string, unknown>, { hold_id: string; body: string }>(
    server.platform,
    'hold_place',
    { flightsMax: 1 },
  );
  const submit = (one: Wanted) => command(placement(one));
  const first = submit({ room_ids: [blocked] });
  await untilBlocked(server.database);
  const rest = Promise.allSettled(wanted.map(submit));
  await session.query('COMMIT');
  await first;
  return rest;
}

/** The transactions that wrote the last audit row of each room. */
const transactionsOf = async (roomIds: readonly number[]) =>
  server.database.query<{ xid: string }>(
    `SELECT DISTINCT xid FROM audit_log WHERE entity = 'room' AND action = 'HOLD' AND entity_id = ANY ($1)`,
    [roomIds.map(String)],
  );

test('requests that wait for a flight are committed by one statement, each with its own outcome', async () => {
  const roomIds = await makeRoomIds(5);
  const wanted = [...roomIds.map((roomId) => ({ room_ids: [roomId] })), { room_ids: [roomIds[0] ?? 0] }];
  const settled = await placeTogether(wanted);
  expect(settled.map(({ status }) => status)).toEqual([...roomIds.map(() => 'fulfilled'), 'rejected']);
  expect(settled.at(-1)).toMatchObject({ reason: { code: 'room-unavailable' } });
  expect(await transactionsOf(roomIds)).toHaveLength(1);
});

test('one that Postgres will not take fails alone: the others of its batch are placed, once, each by itself', async () => {
  const roomIds = await makeRoomIds(3);
  const [a = 0, b = 0, c = 0] = roomIds;
  const poison = { room_ids: [b], holder: null };
  const settled = await placeTogether([{ room_ids: [a] }, poison, { room_ids: [c] }]);
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(await Promise.all(roomIds.map((roomId) => readRoom(server, roomId)))).toMatchObject([
    { room_status: 'HELD', fence: 1 },
    { room_status: 'AVAILABLE', fence: 0 },
    { room_status: 'HELD', fence: 1 },
  ]);
  expect(await transactionsOf(roomIds)).toHaveLength(2);
});

test('racing requests over HTTP: every room has one hold, every hold one answer', async () => {
  const rooms = await makeRooms(server, 30);
  const answers = await Promise.all(
    [...rooms, ...rooms].map(({ room_id }) =>
      server.call('POST', '/rooms/hold', { token: server.as.frontend, body: { room_ids: [room_id] } }),
    ),
  );
  const placed = answers.filter(({ status }) => status === 201).map(({ body }) => body);
  expect(placed).toHaveLength(30);
  expect(new Set(placed.map(({ hold_id }) => hold_id)).size).toBe(30);
  for (const { hold_id, rooms: claimed } of placed) {
    expect(await readRoom(server, claimed[0].room_id)).toMatchObject({ hold_id, fence: 1 });
  }
});

test('replayed from empty, the audit gives the rooms as they are', async () => {
  await replayAudit(server.database);
});
