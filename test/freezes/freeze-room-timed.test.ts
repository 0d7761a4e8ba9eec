/** Owns freezes that end by themselves: over at their instant for every verb and every look, tidied or not, and told once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startExpiryWorker } from '../../src/holds/expiry-worker.ts';
import type { Room } from '../../src/rooms/schemas.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  auditOf,
  changeRoom,
  expireFreeze,
  freezeRoom,
  makeRoom,
  makeRoomIn,
  openSession,
  placeHold,
  readRoom,
  replayAudit,
  untilBlocked,
} from '../helpers/property.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

const admin = (method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) =>
  server.call(method, path, { token: server.as.admin, ...(body === undefined ? {} : { body }) });

/** The status that the row itself says: still FROZEN while nobody has tidied. */
const rowStatus = async (roomId: number) => {
  const [row] = await server.database.query('SELECT room_status FROM room WHERE room_id = $1', [roomId]);
  return row?.room_status;
};

const unfreezesOf = async (roomId: number) =>
  (await auditOf(server.database, roomId)).filter(({ action }) => action === 'UNFREEZE');

/** A room whose freeze from this status is over, and not tidied; `endedAt` is when it ended. */
async function makeThawed(from: 'AVAILABLE' | 'MAINTENANCE' = 'AVAILABLE') {
  const before = await makeRoomIn(server, from);
  await freezeRoom(server, before.room_id, {
    freeze_reason: 'CLEANING',
    freeze_note: 'x',
    expires_in_seconds: 60,
  });
  const endedAt = await expireFreeze(server.database, before.room_id);
  return { before, endedAt, room_id: before.room_id };
}

test.each([60, 31_536_000, 90.0])(
  'expires_in_seconds of %d ends the freeze that long after it began',
  async (seconds) => {
    const { room_id } = await makeRoom(server);
    const room = await freezeRoom(server, room_id, { expires_in_seconds: seconds });
    const lasts = Date.parse(room.freeze_expires_at ?? '') - Date.parse(room.updated_at);
    expect(lasts).toBe(seconds * 1000);
  },
);

test('freezing again with another expires_in_seconds counts from now, and is audited', async () => {
  const { room_id } = await makeRoom(server);
  const first = await freezeRoom(server, room_id, { expires_in_seconds: 3600 });
  const again = await freezeRoom(server, room_id, { expires_in_seconds: 60 });
  expect(Date.parse(again.freeze_expires_at ?? '')).toBe(Date.parse(again.updated_at) + 60_000);
  expect((await auditOf(server.database, room_id)).at(-1)).toMatchObject({
    action: 'FREEZE',
    old_value: { freeze_expires_at: first.freeze_expires_at },
    new_value: { freeze_expires_at: again.freeze_expires_at },
  });
});

test('a timed freeze that is not over yet is a freeze like any other', async () => {
  const { room_id } = await makeRoom(server);
  const { freeze_expires_at } = await freezeRoom(server, room_id, { expires_in_seconds: 60 });
  expect(await readRoom(server, room_id)).toMatchObject({ room_status: 'FROZEN', freeze_expires_at });
  const refusal = { status: 409, body: { code: 'room-frozen', freeze_expires_at } };
  expect(await admin('PATCH', `/rooms/${room_id}`, { room_status: 'BOOKED' })).toMatchObject(refusal);
  expect(await admin('DELETE', `/rooms/${room_id}`)).toMatchObject(refusal);
});

describe.each(['AVAILABLE', 'MAINTENANCE'] as const)('a freeze from %s that is over', (from) => {
  test('a look shows the room as it was, since the freeze’s end, and writes nothing', async () => {
    const { before, endedAt, room_id } = await makeThawed(from);
    expect(await readRoom(server, room_id)).toEqual({ ...before, updated_at: endedAt });
    expect(await rowStatus(room_id)).toBe('FROZEN');
    expect(await unfreezesOf(room_id)).toEqual([]);
  });

  test('lists show and filter it as what it is', async () => {
    const { before, endedAt } = await makeThawed(from);
    const room = { ...before, updated_at: endedAt };
    const list = async (query: string) =>
      (await server.call('GET', `/rooms?room_no=${before.room_no}&${query}`, { token: server.as.operations }))
        .body.rooms;
    expect(await list('is_freezed=false')).toEqual([room]);
    expect(await list(`room_status=${from}`)).toEqual([room]);
    expect(await list('freeze_reason=NONE')).toEqual([room]);
    expect(await list('is_freezed=true')).toEqual([]);
    expect(await list('freeze_reason=CLEANING')).toEqual([]);
  });

  test('tidying changes no field that a client can see, updated_at included, nor the ETag', async () => {
    const { room_id } = await makeThawed(from);
    const look = () => server.call('GET', `/rooms/${room_id}`, { token: server.as.operations });
    const seen = await look();
    await server.database.query('SELECT sweep(1000)');
    expect(await rowStatus(room_id)).toBe(from);
    const seenAfter = await look();
    expect(seenAfter.text).toBe(seen.text);
    expect(seenAfter.headers.etag).toBe(seen.headers.etag);
  });

  test('a last change that is younger than the freeze’s end keeps its updated_at when that is tidied', async () => {
    const { room_id } = await makeRoomIn(server, from);
    await freezeRoom(server, room_id, { expires_in_seconds: 60 });
    const { updated_at } = await changeRoom(server, room_id, { floor: 'new' });
    await server.database.query(
      `UPDATE room SET freeze_expires_at = updated_at - interval '1 second' WHERE room_id = $1`,
      [room_id],
    );
    const seen = await readRoom(server, room_id);
    expect(seen).toMatchObject({ room_status: from, updated_at });
    await server.database.query('SELECT sweep(1000)');
    expect(await readRoom(server, room_id)).toEqual(seen);
  });

  test('the UNFREEZE row is by system, without request or hold, and says what changed', async () => {
    const { endedAt, room_id } = await makeThawed(from);
    await server.database.query('SELECT sweep(1000)');
    expect(await unfreezesOf(room_id)).toEqual([
      {
        audit_id: expect.any(Number),
        at: expect.any(String),
        entity: 'room',
        entity_id: String(room_id),
        action: 'UNFREEZE',
        old_value: {
          room_status: 'FROZEN',
          freeze_reason: 'CLEANING',
          freeze_note: 'x',
          freeze_expires_at: endedAt,
        },
        new_value: {
          room_status: from,
          freeze_reason: 'NONE',
          freeze_note: null,
          freeze_expires_at: null,
          updated_at: endedAt,
        },
        actor: 'system',
        hold_id: null,
        request_id: null,
      },
    ]);
  });

  const finders: [name: string, find: (room: Room) => Promise<unknown>][] = [
    ['freeze', ({ room_id }) => freezeRoom(server, room_id, { freeze_reason: 'again' })],
    [
      'freeze of the same reason and note',
      ({ room_id }) => freezeRoom(server, room_id, { freeze_reason: 'CLEANING', freeze_note: 'x' }),
    ],
    ['unfreeze', ({ room_id }) => admin('DELETE', `/rooms/${room_id}/freeze`)],
    ['change of status', ({ room_id }) => changeRoom(server, room_id, { room_status: 'BOOKED' })],
    ['change of floor', ({ room_id }) => changeRoom(server, room_id, { floor: 'new' })],
    ['change of nothing', ({ room_id }) => changeRoom(server, room_id, {})],
    ['delete', ({ room_id }) => admin('DELETE', `/rooms/${room_id}`)],
    ['hold by id', ({ room_id }) => admin('POST', '/rooms/hold', { room_ids: [room_id] })],
    [
      'hold by type',
      ({ room_type_id }) => admin('POST', '/rooms/hold', { room_type_id, quantity: 1, ttl_seconds: 30 }),
    ],
    [
      'the worker',
      async () => {
        const worker = startExpiryWorker(server.platform);
        await worker.stop();
      },
    ],
  ];

  test.each(finders)(
    '%s finds it and tells its UNFREEZE exactly once, before its own row',
    async (_name, find) => {
      const { before, room_id } = await makeThawed(from);
      const { length } = await auditOf(server.database, room_id);
      await find(before);
      await server.database.query('SELECT sweep(1000)');
      expect(await unfreezesOf(room_id)).toMatchObject([
        { actor: 'system', request_id: null, hold_id: null },
      ]);
      expect((await auditOf(server.database, room_id))[length]).toMatchObject({ action: 'UNFREEZE' });
    },
  );
});

test('200 freezing a room whose freeze from MAINTENANCE is over: it goes back to MAINTENANCE in the end', async () => {
  const { room_id } = await makeThawed('MAINTENANCE');
  await freezeRoom(server, room_id);
  expect(await admin('DELETE', `/rooms/${room_id}/freeze`)).toMatchObject({
    status: 200,
    body: { room_status: 'MAINTENANCE' },
  });
});

test('200, 200 and 204: status changes and delete take a room whose freeze is over as the free room it is', async () => {
  const booked = await makeThawed();
  expect(await changeRoom(server, booked.room_id, { room_status: 'BOOKED' })).toMatchObject({
    room_status: 'BOOKED',
    freeze_reason: 'NONE',
    freeze_expires_at: null,
  });
  const deleted = await makeThawed();
  expect(await admin('DELETE', `/rooms/${deleted.room_id}`)).toMatchObject({ status: 204 });
});

test('201 placing a hold on rooms whose freezes are over, by id and by type', async () => {
  const byId = await makeThawed();
  expect((await placeHold(server, [byId.room_id])).rooms).toMatchObject([{ fence: 1 }]);
  const { before } = await makeThawed();
  const answer = await server.call('POST', '/rooms/hold', {
    token: server.as.frontend,
    body: { room_type_id: before.room_type_id, quantity: 1 },
  });
  expect(answer).toMatchObject({ status: 201, body: { rooms: [{ room_id: before.room_id, fence: 1 }] } });
});

test('409 room-unavailable with MAINTENANCE for a room whose freeze from MAINTENANCE is over', async () => {
  const { room_id, before } = await makeThawed('MAINTENANCE');
  const answer = await server.call('POST', '/rooms/hold', {
    token: server.as.frontend,
    body: { room_ids: [room_id] },
  });
  expect(answer).toMatchObject({
    status: 409,
    body: {
      code: 'room-unavailable',
      conflicts: [{ room_id, room_no: before.room_no, room_status: 'MAINTENANCE', free_at: null }],
    },
  });
});

test('the summary counts it as what it is', async () => {
  const own = await startTestApp();
  try {
    const thawed = await makeRoom(own);
    await freezeRoom(own, thawed.room_id, { expires_in_seconds: 60 });
    await expireFreeze(own.database, thawed.room_id);
    const answer = await own.call('GET', '/rooms/summary', { token: own.as.operations });
    expect(answer.body).toMatchObject({
      total: 1,
      by_status: { AVAILABLE: 1, FROZEN: 0 },
      by_freeze_reason: { NONE: 1, ADMIN_LOCK: 0 },
    });
  } finally {
    await own.close();
  }
});

test('workers and requests that find it at the same instant tell its UNFREEZE once', async () => {
  const { room_id } = await makeThawed();
  const session = await openSession(server.database);
  await session.query('BEGIN');
  await session.query('SELECT FROM room WHERE room_id = $1 FOR UPDATE', [room_id]);
  const racing = Promise.all([
    changeRoom(server, room_id, { floor: 'new' }),
    admin('DELETE', `/rooms/${room_id}/freeze`),
    freezeRoom(server, room_id),
  ]);
  await untilBlocked(server.database, 3);
  await session.query('COMMIT');
  await Promise.all([racing, server.database.query('SELECT sweep(1000)')]);
  const bySystem = (await unfreezesOf(room_id)).filter(({ actor }) => actor === 'system');
  expect(bySystem).toHaveLength(1);
});

test('replayed from empty, the audit gives the rooms as they are', async () => {
  await replayAudit(server.database);
});
