/** Owns placing a hold on rooms whose hold has expired: the old hold ends once, whole, and audited, and its other rooms are free. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  auditOf,
  expireHold,
  makeRooms,
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

/** A hold of frontend on three new rooms, expired and not tidied. */
async function makeExpired() {
  const roomIds = (await makeRooms(server, 3)).map(({ room_id }) => room_id);
  const [first = 0, second = 0, third = 0] = roomIds;
  const hold = await placeHold(server, roomIds);
  const endedAt = await expireHold(server.database, hold.hold_id);
  // The look-up that placing has cached knows nothing of time moved by SQL.
  server.platform.cache.hold.dropAll();
  return { hold, endedAt, roomIds, first, second, third };
}

const placeAgain = (roomIds: readonly number[]) => placeHold(server, roomIds, { token: server.as.frontend2 });

/** What the rooms' rows say, tidied or not. */
const rowStatuses = async (roomIds: readonly number[]) =>
  (
    await server.database.query('SELECT room_status FROM room WHERE room_id = ANY ($1) ORDER BY room_id', [
      roomIds,
    ])
  ).map(({ room_status }) => room_status);

const actionsOf = async (roomId: number) =>
  (await auditOf(server.database, roomId)).map(({ action, hold_id }) => [action, hold_id]);

test('201 for a room whose hold has expired, tidied or not, with the next fence', async () => {
  const { hold, first } = await makeExpired();
  const next = await placeAgain([first]);
  expect(next.rooms).toMatchObject([{ room_id: first, fence: 2 }]);
  expect(next.hold_id > hold.hold_id).toBe(true);
  expect(await readRoom(server, first)).toMatchObject({
    room_status: 'HELD',
    hold_id: next.hold_id,
    fence: 2,
  });
});

test('the old hold is EXPIRED since its expires_at, and its other rooms are free, in their rows too', async () => {
  const { hold, endedAt, roomIds, second } = await makeExpired();
  const seen = await Promise.all(roomIds.map((roomId) => readRoom(server, roomId)));
  expect(await rowStatuses(roomIds)).toEqual(['HELD', 'HELD', 'HELD']);
  await placeAgain([second]);
  expect(await rowStatuses(roomIds)).toEqual(['AVAILABLE', 'HELD', 'AVAILABLE']);
  const answer = await server.call('GET', `/rooms/hold/${hold.hold_id}`, { token: server.as.frontend });
  expect(answer.body).toMatchObject({
    status: 'EXPIRED',
    expires_at: endedAt,
    ended_at: endedAt,
    expires_in_seconds: 0,
  });
  // Tidying changed nothing that anybody sees of the rooms that were not held again.
  for (const room of [seen[0], seen[2]]) {
    expect(await readRoom(server, room?.room_id ?? 0)).toEqual(room);
    expect(room).toMatchObject({ room_status: 'AVAILABLE', updated_at: endedAt, fence: 1 });
  }
});

test('EXPIRE rows for all its rooms, by system, once, before the HOLD row', async () => {
  const { hold, endedAt, roomIds, second } = await makeExpired();
  const next = await placeAgain([second]);
  await server.database.query('SELECT sweep(1000)');
  for (const roomId of roomIds) {
    expect(await actionsOf(roomId)).toEqual([
      ['CREATE', null],
      ['HOLD', hold.hold_id],
      ['EXPIRE', hold.hold_id],
      ...(roomId === second ? [['HOLD', next.hold_id]] : []),
    ]);
    expect((await auditOf(server.database, roomId))[2]).toEqual({
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
  }
});

test('a refused hold that finds an expired one tidies it all the same, once', async () => {
  const { hold, roomIds, first } = await makeExpired();
  const [busy] = await makeRooms(server, 1);
  await placeHold(server, [busy?.room_id ?? 0]);
  for (let tries = 0; tries < 2; tries += 1) {
    const answer = await server.call('POST', '/rooms/hold', {
      token: server.as.frontend2,
      body: { room_ids: [first, busy?.room_id] },
    });
    expect(answer).toMatchObject({ status: 409, body: { conflicts: [{ room_id: busy?.room_id }] } });
  }
  for (const roomId of roomIds) {
    expect((await actionsOf(roomId)).slice(2)).toEqual([['EXPIRE', hold.hold_id]]);
  }
});

test('rooms of several expired holds can be held together: each old hold ends once', async () => {
  const one = await makeExpired();
  const two = await makeExpired();
  const next = await placeAgain([one.third, two.first]);
  expect(next.rooms.map(({ fence }) => fence)).toEqual([2, 2]);
  for (const { hold, roomIds } of [one, two]) {
    for (const roomId of roomIds) expect((await actionsOf(roomId))[2]).toEqual(['EXPIRE', hold.hold_id]);
  }
});

test('racing holds on the rooms of one expired hold end it once', async () => {
  const { hold, roomIds } = await makeExpired();
  const holds = await Promise.all(roomIds.map((roomId) => placeAgain([roomId])));
  expect(new Set(holds.map(({ hold_id }) => hold_id)).size).toBe(3);
  for (const roomId of roomIds) {
    const expires = (await actionsOf(roomId)).filter(([action]) => action === 'EXPIRE');
    expect(expires).toEqual([['EXPIRE', hold.hold_id]]);
  }
});

test('a room of the old hold that somebody has locked is not waited for: it is free, and tidied later without a second row', async () => {
  const { hold, first, third } = await makeExpired();
  const session = await openSession(server.database);
  await session.query('BEGIN');
  await session.query('SELECT FROM room WHERE room_id = $1 FOR NO KEY UPDATE', [third]);
  await placeAgain([first]);
  expect(await rowStatuses([third])).toEqual(['HELD']);
  expect(await readRoom(server, third)).toMatchObject({ room_status: 'AVAILABLE', hold_id: null });
  await session.query('ROLLBACK');
  const next = await placeAgain([third]);
  expect((await actionsOf(third)).slice(2)).toEqual([
    ['EXPIRE', hold.hold_id],
    ['HOLD', next.hold_id],
  ]);
});

test('one that waited for a room decides by the clock after the wait: what expired meanwhile is free', async () => {
  const [room] = await makeRooms(server, 1);
  const roomId = room?.room_id ?? 0;
  const old = await placeHold(server, [roomId]);
  const session = await openSession(server.database);
  await session.query('BEGIN');
  await session.query('SELECT FROM room WHERE room_id = $1 FOR UPDATE', [roomId]);
  const waiting = placeAgain([roomId]);
  await untilBlocked(server.database);
  // It began to wait while the hold was ACTIVE; when the wait is over the hold is too.
  const { rows } = await session.query<{ ended_at: string }>(
    `WITH over AS (UPDATE room SET hold_expires_at = clock() WHERE room_id = $1 RETURNING hold_id, hold_expires_at)
     UPDATE hold SET expires_at = over.hold_expires_at FROM over WHERE hold.hold_id = over.hold_id
     RETURNING instant(expires_at) AS ended_at`,
    [roomId],
  );
  await session.query('COMMIT');
  const next = await waiting;
  const times = [old.created_at, rows[0]?.ended_at, next.created_at];
  expect(times).toEqual(times.toSorted());
  expect((await actionsOf(roomId)).slice(2)).toEqual([
    ['EXPIRE', old.hold_id],
    ['HOLD', next.hold_id],
  ]);
});

test('no claim on a room is live but that of the hold that has it', async () => {
  const live = await server.database.query(
    `SELECT room_id FROM hold_room c JOIN room r USING (room_id) WHERE c.is_live AND r.hold_id IS DISTINCT FROM c.hold_id`,
  );
  expect(live).toEqual([]);
});

test('replayed from empty, the audit gives the rooms as they are', async () => {
  await replayAudit(server.database);
});
