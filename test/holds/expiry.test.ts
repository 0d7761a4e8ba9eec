/** Owns the tests of expiry: a hold or timed freeze that is over is over for everybody, tidied or not. No worker runs here. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { roles, type TestApp } from '../helpers/app.ts';
import { lockRooms } from '../helpers/connections.ts';
import {
  auditOf,
  changeRoom,
  expireFreeze,
  freezeRoom,
  makeRooms,
  readRoom,
  replayAudit,
} from '../helpers/property.ts';
import {
  actionsOf,
  confirmHold,
  expire,
  getHold,
  makeHold,
  makeOverHold,
  place,
  readHold,
  releaseHold,
  startHoldApp,
  storedStatus,
  sweep,
  timed,
} from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

describe('over for every look, although nobody has tidied it', () => {
  test('the room is AVAILABLE since expires_at', async () => {
    const { rooms, first, endedAt } = await makeOverHold(server, 1);
    expect(await readRoom(server, first)).toEqual({ ...rooms[0], fence: 1, updated_at: endedAt });
    expect(await storedStatus(server, first)).toBe('HELD');
    expect(await actionsOf(server, first)).toEqual(['CREATE', 'HOLD']);
  });

  test('the hold is EXPIRED, ended at its expires_at', async () => {
    const { hold, endedAt } = await makeOverHold(server, 1);
    expect((await getHold(server, hold)).body).toMatchObject({
      status: 'EXPIRED',
      expires_at: endedAt,
      ended_at: endedAt,
      expires_in_seconds: 0,
    });
  });

  test('lists, every filter and every sort', async () => {
    const { rooms, first } = await makeOverHold(server, 1);
    const { room_type_id } = rooms[0] ?? { room_type_id: 0 };
    const idsOf = async (query: string) => {
      const { body } = await server.call('GET', `/rooms?room_type_id=${room_type_id}${query}`, {
        token: roles.operations,
      });
      return body.rooms.map(({ room_id, room_status }: Record<string, unknown>) => [room_id, room_status]);
    };
    for (const query of ['', '&room_status=AVAILABLE', '&is_freezed=false', '&sort=-room_id']) {
      expect(await idsOf(query), query).toEqual([[first, 'AVAILABLE']]);
    }
    for (const query of ['&room_status=HELD', '&sort=hold_expires_at', '&is_freezed=true']) {
      expect(await idsOf(query), query).toEqual([]);
    }
  });
});
describe('EXPIRE', () => {
  test('says what everybody saw: by the system, for every room, whoever’s request found it', async () => {
    const { hold, roomIds, endedAt, first } = await makeOverHold(server, 2);
    const { fromMs, toMs } = await timed(server, () => place(server, [first]));
    for (const roomId of roomIds) {
      const entry = (await auditOf(server.database, roomId)).find(({ action }) => action === 'EXPIRE');
      expect(entry).toEqual({
        audit_id: expect.any(Number),
        at: expect.any(String),
        entity: 'room',
        entity_id: String(roomId),
        action: 'EXPIRE',
        old_value: { room_status: 'HELD', hold_id: hold.hold_id, hold_expires_at: endedAt },
        new_value: { room_status: 'AVAILABLE', hold_id: null, hold_expires_at: null, updated_at: endedAt },
        actor: 'system',
        hold_id: hold.hold_id,
        request_id: null,
      });
      const atMs = Date.parse(entry?.at ?? '');
      expect(atMs).toBeGreaterThanOrEqual(fromMs);
      expect(atMs).toBeLessThanOrEqual(toMs);
    }
    await replayAudit(server.database);
  });

  test('is written once, by however many at the same time', async () => {
    const { hold, roomIds, first } = await makeOverHold(server, 3);
    await Promise.all([
      ...[1, 2, 3, 4].map(() => sweep(server)),
      place(server, [first]),
      ...[1, 2, 3].map(() => confirmHold(server, hold)),
      ...[1, 2].map(() => releaseHold(server, hold)),
      readRoom(server, first),
    ]);
    await sweep(server);
    for (const roomId of roomIds) {
      expect((await actionsOf(server, roomId)).filter((action) => action === 'EXPIRE')).toHaveLength(1);
    }
  });
});

test('tidying changes no field that a client can see', async () => {
  const own = await startHoldApp();
  onTestFinished(() => own.close());
  const { hold, rooms } = await makeHold(own, 3);
  const other = await makeHold(own, 1);
  const [frozen, kept] = await makeRooms(own, 2);
  if (frozen === undefined || kept === undefined) throw new Error('two rooms were made');
  await changeRoom(own, kept.room_id, { room_status: 'MAINTENANCE' });
  for (const { room_id } of [frozen, kept]) {
    await freezeRoom(own, room_id, { freeze_note: 'paint', expires_in_seconds: 60 });
    await expireFreeze(own.database, room_id, 500);
  }
  await expire(own, hold, 3_000);
  await expire(own, other.hold, 20);

  const look = async () => {
    own.platform.cache.changed();
    own.platform.cache.hold.dropAll();
    const roomIds = [...rooms, ...other.rooms, frozen, kept].map(({ room_id }) => room_id);
    const paths = [
      ...roomIds.map((roomId) => `/rooms/${roomId}`),
      '/rooms',
      '/rooms?room_status=AVAILABLE&room_status=MAINTENANCE',
      '/rooms?room_status=HELD&room_status=FROZEN',
      '/rooms/hold',
      '/rooms/hold?status=EXPIRED',
      `/rooms/hold/${hold.hold_id}`,
      `/rooms/hold/${other.hold.hold_id}`,
    ];
    const seen: Record<string, unknown> = {};
    for (const path of paths) {
      for (const token of [roles.operations, roles.frontend]) {
        const { status, text, headers } = await own.call('GET', path, { token });
        seen[`${path} ${token === roles.operations}`] = [status, text, headers.etag];
      }
    }
    seen.summary = (await own.call('GET', '/rooms/summary', { token: roles.operations })).body;
    return seen;
  };

  const before = await look();
  expect(before.summary).toMatchObject({ by_status: { HELD: 0, FROZEN: 0, AVAILABLE: 5, MAINTENANCE: 1 } });
  const [stored] = await own.database.query(
    `SELECT count(*)::integer AS untidy FROM room WHERE room_status IN ('HELD', 'FROZEN')`,
  );
  expect(stored).toEqual({ untidy: 6 });
  await sweep(own);
  const [tidied] = await own.database.query(
    `SELECT count(*)::integer AS untidy FROM room WHERE room_status IN ('HELD', 'FROZEN')`,
  );
  expect(tidied).toEqual({ untidy: 0 });
  expect(await look()).toEqual(before);
  await replayAudit(own.database);
});
describe('the other rooms of a hold that is over', () => {
  test('are free as soon as one of them is held again, in their rows too', async () => {
    const { hold, roomIds } = await makeOverHold(server, 3);
    const [first = 0, second = 0, third = 0] = roomIds;
    const again = await place(server, [second]);
    expect(again.status).toBe(201);
    expect(await Promise.all([first, second, third].map((roomId) => storedStatus(server, roomId)))).toEqual([
      'AVAILABLE',
      'HELD',
      'AVAILABLE',
    ]);
    const live = await server.database.query(
      'SELECT room_id FROM hold_room WHERE is_live AND (hold_id = $1 OR hold_id = $2)',
      [hold.hold_id, again.body.hold_id],
    );
    expect(live).toEqual([{ room_id: second }]);
    expect(await actionsOf(server, third)).toEqual(['CREATE', 'HOLD', 'EXPIRE']);
  });

  test('are not waited for when somebody else has them locked; they end once all the same', async () => {
    const { hold, roomIds } = await makeOverHold(server, 2);
    const [first = 0, second = 0] = roomIds;
    const rival = await lockRooms(server.database.url, second);
    expect((await place(server, [first])).status).toBe(201);
    expect(await readHold(server, hold)).toMatchObject({ status: 'EXPIRED' });
    expect(await readRoom(server, second)).toMatchObject({ room_status: 'AVAILABLE' });
    expect(await actionsOf(server, second)).toEqual(['CREATE', 'HOLD', 'EXPIRE']);
    await rival.query('COMMIT');
    expect((await place(server, [second])).status).toBe(201);
    expect(await actionsOf(server, second)).toEqual(['CREATE', 'HOLD', 'EXPIRE', 'HOLD']);
    await replayAudit(server.database);
  });

  test('two buyers at once, each for another room of it: both 201, one EXPIRE per room', async () => {
    const { roomIds } = await makeOverHold(server, 4);
    const answers = await Promise.all(
      roomIds.map((roomId, n) => place(server, [roomId], n % 2 === 0 ? roles.frontend : roles.frontend2)),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    for (const roomId of roomIds) {
      expect(await actionsOf(server, roomId)).toEqual(['CREATE', 'HOLD', 'EXPIRE', 'HOLD']);
    }
  });
});
