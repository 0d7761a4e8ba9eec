/** Owns the tests of what a pass of the worker does, and that no two passes do anything twice. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { roles, type TestApp } from '../helpers/app.ts';
import { lockRooms, until } from '../helpers/connections.ts';
import {
  auditOf,
  changeRoom,
  expireFreeze,
  freezeRoom,
  makeRoom,
  makeRooms,
  placeHold,
  readRoom,
} from '../helpers/property.ts';
import {
  actionsOf,
  confirmHold,
  expire,
  makeHold,
  readHold,
  startHoldApp,
  storedStatus,
  sweep,
} from './verbs.ts';
import { endedCounts, makeOverHolds, startIdleWorker, startWorker } from './worker.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());
beforeEach(() => sweep(server));

describe('a pass', () => {
  test('ends what is over and tells how much: holds, timed freezes, old keys', async () => {
    const { worker } = await startIdleWorker(server);
    const holds = [await makeHold(server, 2), await makeHold(server, 1), await makeHold(server, 3)];
    for (const { hold } of holds) await expire(server, hold);
    const frozen = await makeRooms(server, 2);
    for (const { room_id } of frozen) {
      await freezeRoom(server, room_id, { expires_in_seconds: 60 });
      await expireFreeze(server.database, room_id);
    }
    await server.database.query(
      `INSERT INTO idempotency_key (created_by, key, fingerprint, hold_id, body, created_at)
       SELECT 'x', n::text, '', gen_random_uuid(), '', clock() - interval '24 h' FROM generate_series(1, 4) n`,
    );
    expect(await worker.runOnce()).toEqual({ holdsExpired: 3, freezesEnded: 2, keysForgotten: 4 });
    for (const { hold, rooms } of holds) {
      const [row] = await server.database.query(
        'SELECT status, ended_at = expires_at AS is_exact FROM hold WHERE hold_id = $1',
        [hold.hold_id],
      );
      expect(row).toEqual({ status: 'EXPIRED', is_exact: true });
      for (const { room_id } of rooms) {
        expect(await storedStatus(server, room_id)).toBe('AVAILABLE');
        expect(await actionsOf(server, room_id)).toEqual(['CREATE', 'HOLD', 'EXPIRE']);
      }
    }
    for (const { room_id } of frozen) {
      expect(await storedStatus(server, room_id)).toBe('AVAILABLE');
      expect((await auditOf(server.database, room_id)).at(-1)).toMatchObject({
        action: 'UNFREEZE',
        actor: 'system',
        hold_id: null,
        request_id: null,
      });
    }
    expect(await worker.runOnce()).toEqual({ holdsExpired: 0, freezesEnded: 0, keysForgotten: 0 });
  });

  test('leaves alone what is not over', async () => {
    const { worker } = await startIdleWorker(server);
    const active = await makeHold(server, 1);
    const confirmed = await makeHold(server, 1);
    await confirmHold(server, confirmed.hold);
    const [timed, untimed] = await makeRooms(server, 2);
    await freezeRoom(server, timed?.room_id ?? 0, { expires_in_seconds: 60 });
    await freezeRoom(server, untimed?.room_id ?? 0);
    expect(await worker.runOnce()).toEqual({ holdsExpired: 0, freezesEnded: 0, keysForgotten: 0 });
    expect(await readHold(server, active.hold)).toEqual(active.hold);
    expect(await storedStatus(server, active.rooms[0]?.room_id ?? 0)).toBe('HELD');
    expect(await storedStatus(server, confirmed.rooms[0]?.room_id ?? 0)).toBe('BOOKED');
    expect(await storedStatus(server, timed?.room_id ?? 0)).toBe('FROZEN');
    expect(await storedStatus(server, untimed?.room_id ?? 0)).toBe('FROZEN');
  });

  test('gives a room back to MAINTENANCE when it was frozen from there', async () => {
    const { worker } = await startIdleWorker(server);
    const { room_id } = await makeRoom(server);
    await changeRoom(server, room_id, { room_status: 'MAINTENANCE' });
    await freezeRoom(server, room_id, {
      freeze_reason: 'CLEANING',
      freeze_note: 'note',
      expires_in_seconds: 60,
    });
    const endedAt = await expireFreeze(server.database, room_id);
    await worker.runOnce();
    expect(await storedStatus(server, room_id)).toBe('MAINTENANCE');
    expect(await readRoom(server, room_id)).toMatchObject({
      freeze_reason: 'NONE',
      freeze_note: null,
      freeze_expires_at: null,
      updated_at: endedAt,
    });
  });

  test('takes a long backlog in batches, each a transaction of its own', async () => {
    const { worker } = await startIdleWorker(server);
    const holdIds = await makeOverHolds(server, 600);
    expect(await worker.runOnce()).toMatchObject({ holdsExpired: 600 });
    expect(await endedCounts(server, holdIds)).toEqual({
      ended: 600,
      expires_min: 1,
      expires_max: 1,
      untidy: 0,
    });
    const [row] = await server.database.query<{ batches: number }>(
      `SELECT count(DISTINCT xid)::integer AS batches FROM audit_log WHERE action = 'EXPIRE' AND hold_id = ANY ($1)`,
      [holdIds],
    );
    expect(row?.batches).toBeGreaterThan(1);
  });

  test('passes over a room that somebody else has locked; the next pass takes it', async () => {
    const { worker } = await startIdleWorker(server);
    const locked = await makeHold(server, 1);
    const other = await makeHold(server, 1);
    for (const { hold } of [locked, other]) await expire(server, hold);
    const roomId = locked.rooms[0]?.room_id ?? 0;
    const rival = await lockRooms(server.database.url, roomId);
    expect(await worker.runOnce()).toMatchObject({ holdsExpired: 1 });
    expect(await storedStatus(server, other.rooms[0]?.room_id ?? 0)).toBe('AVAILABLE');
    expect(await storedStatus(server, roomId)).toBe('HELD');
    await rival.query('COMMIT');
    expect(await worker.runOnce()).toMatchObject({ holdsExpired: 1 });
    expect(await storedStatus(server, roomId)).toBe('AVAILABLE');
    expect(await actionsOf(server, roomId)).toEqual(['CREATE', 'HOLD', 'EXPIRE']);
  });

  test('ends a hold once, although one of its rooms is locked and is tidied by the next pass', async () => {
    const { worker } = await startIdleWorker(server);
    const { hold, rooms } = await makeHold(server, 2);
    await expire(server, hold);
    const [first = 0, second = 0] = rooms.map(({ room_id }) => room_id);
    const rival = await lockRooms(server.database.url, second);
    expect(await worker.runOnce()).toMatchObject({ holdsExpired: 1 });
    expect([await storedStatus(server, first), await storedStatus(server, second)]).toEqual([
      'AVAILABLE',
      'HELD',
    ]);
    await rival.query('COMMIT');
    expect(await worker.runOnce()).toMatchObject({ holdsExpired: 0 });
    expect(await storedStatus(server, second)).toBe('AVAILABLE');
    for (const roomId of [first, second])
      expect(await actionsOf(server, roomId)).toEqual(['CREATE', 'HOLD', 'EXPIRE']);
  });

  test('forgets a key 24 h after it placed its hold, not before', async () => {
    const { worker } = await startIdleWorker(server);
    const [one, two] = await makeRooms(server, 2);
    const place = (roomId: number | undefined, key: string) =>
      server.call('POST', '/rooms/hold', {
        token: roles.frontend,
        body: { room_ids: [roomId] },
        headers: { 'idempotency-key': key },
      });
    const first = await place(one?.room_id, 'old');
    const second = await place(two?.room_id, 'young');
    expect([first.status, second.status]).toEqual([201, 201]);
    await server.database.query(
      `UPDATE idempotency_key SET created_at = clock() - interval '24 h'
         + CASE key WHEN 'old' THEN interval '0' ELSE interval '1 min' END`,
    );
    expect(await worker.runOnce()).toMatchObject({ keysForgotten: 1 });
    expect(await server.database.query('SELECT key FROM idempotency_key')).toEqual([{ key: 'young' }]);
    const replayed = await place(two?.room_id, 'young');
    expect(replayed).toMatchObject({ status: 201, headers: { 'idempotent-replayed': 'true' } });
    expect(replayed.text).toBe(second.text);
    // The forgotten one is a new request: the room is held.
    expect((await place(one?.room_id, 'old')).status).toBe(409);
  });
});

describe('several instances at once', () => {
  test('share many expired holds: every hold ends once, with one EXPIRE row per room', async () => {
    const holdIds = await makeOverHolds(server, 1_000);
    const instances = await Promise.all([1, 2, 3, 4].map(() => startHoldApp({ database: server.database })));
    onTestFinished(async () => {
      for (const instance of instances) await instance.close();
    });
    const watched = instances.map((instance) => startWorker(instance));
    await until(async () =>
      expect(await endedCounts(server, holdIds)).toMatchObject({ ended: 1_000, untidy: 0 }),
    );
    await Promise.all(watched.map(({ worker }) => worker.stop()));
    expect(await endedCounts(server, holdIds)).toEqual({
      ended: 1_000,
      expires_min: 1,
      expires_max: 1,
      untidy: 0,
    });
    const expired = watched.flatMap(({ swept }) => swept().map(({ holdsExpired = 0 }) => holdsExpired));
    expect(expired.reduce((sum, count) => sum + count, 0)).toBe(1_000);
    expect(watched.flatMap(({ lines }) => lines.filter(({ level }) => level >= 40))).toEqual([]);
  });

  test('while buyers take the same rooms: every old hold ends once, every new one stands', async () => {
    const holdIds = await makeOverHolds(server, 60);
    const rooms = await server.database.query<{ room_id: number }>(
      'SELECT min(room_id) AS room_id FROM hold_room WHERE hold_id = ANY ($1) GROUP BY hold_id',
      [holdIds],
    );
    const instance = await startHoldApp({ database: server.database });
    onTestFinished(() => instance.close());
    const watched = [startWorker(server), startWorker(instance)];
    const placed = await Promise.all(rooms.map(({ room_id }) => placeHold(server, [room_id])));
    await Promise.all(watched.map(({ worker }) => worker.runOnce()));
    expect(placed).toHaveLength(60);
    expect(await endedCounts(server, holdIds)).toMatchObject({ ended: 60, expires_min: 1, expires_max: 1 });
    for (const hold of placed) {
      const [room] = hold.rooms;
      expect(await readRoom(server, room?.room_id ?? 0)).toMatchObject({ hold_id: hold.hold_id, fence: 2 });
    }
  });
});
