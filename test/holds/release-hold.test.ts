/** Owns the tests of DELETE /rooms/hold/{hold_id}. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApp } from '../helpers/app.ts';
import { lockRooms, untilBlocked } from '../helpers/connections.ts';
import { auditOf, placeHold, readRoom, replayAudit } from '../helpers/property.ts';
import { testOwnership } from './ownership.ts';
import {
  databaseNowMs,
  endings,
  expire,
  getHold,
  makeEndedHold,
  makeHold,
  readHold,
  releaseHold,
  startHoldApp,
  statusOf,
  timed,
} from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

describe('200', () => {
  test('the hold is RELEASED, its rooms are AVAILABLE, fences stay', async () => {
    const { hold, rooms } = await makeHold(server, 3, { reference: 'cart 7' });
    const { answer, fromMs, toMs } = await timed(server, () => releaseHold(server, hold));
    const { ended_at } = answer.body;
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toEqual({ ...hold, status: 'RELEASED', expires_in_seconds: 0, ended_at });
    expect(Date.parse(ended_at)).toBeGreaterThanOrEqual(fromMs);
    expect(Date.parse(ended_at)).toBeLessThanOrEqual(toMs);
    expect((await getHold(server, hold)).body).toEqual(answer.body);
    for (const room of rooms) {
      expect(await readRoom(server, room.room_id)).toEqual({ ...room, fence: 1, updated_at: ended_at });
    }
  });

  test('the rooms can be held again at once, with higher fences', async () => {
    const { hold, rooms } = await makeHold(server);
    await releaseHold(server, hold);
    const again = await placeHold(
      server,
      rooms.map(({ room_id }) => room_id),
    );
    expect(again.rooms.map(({ fence }) => fence)).toEqual([2, 2]);
  });

  test('one RELEASE row per room, with what was and what is', async () => {
    const { hold, rooms } = await makeHold(server);
    const answer = await releaseHold(server, hold);
    for (const room of rooms) {
      const entries = await auditOf(server.database, room);
      expect(entries.map(({ action }) => action)).toEqual(['CREATE', 'HOLD', 'RELEASE']);
      expect(entries.at(-1)).toEqual({
        audit_id: expect.any(Number),
        at: answer.body.ended_at,
        entity: 'room',
        entity_id: String(room.room_id),
        action: 'RELEASE',
        old_value: { room_status: 'HELD', hold_id: hold.hold_id, hold_expires_at: hold.expires_at },
        new_value: {
          room_status: 'AVAILABLE',
          hold_id: null,
          hold_expires_at: null,
          updated_at: answer.body.ended_at,
        },
        actor: 'frontend',
        hold_id: hold.hold_id,
        request_id: answer.headers['x-request-id'],
      });
    }
    await replayAudit(server.database);
  });

  test.each(endings.filter((ending) => ending !== 'CONFIRMED'))(
    'a hold that is %s already stays as it is, however often it is released',
    async (ending) => {
      const { hold, roomIds } = await makeEndedHold(server, ending);
      const rooms = await Promise.all(roomIds.map((roomId) => readRoom(server, roomId)));
      expect(hold.status).toBe(statusOf(ending));
      for (const _ of [1, 2]) {
        const answer = await releaseHold(server, hold);
        expect(answer.status).toBe(200);
        expect(answer.body).toEqual(hold);
      }
      expect(await Promise.all(roomIds.map((roomId) => readRoom(server, roomId)))).toEqual(rooms);
      for (const roomId of roomIds) {
        const actions = (await auditOf(server.database, roomId)).map(({ action }) => action);
        expect(actions.filter((action) => action === 'RELEASE')).toHaveLength(ending === 'RELEASED' ? 1 : 0);
        expect(actions.filter((action) => action === 'EXPIRE')).toHaveLength(
          statusOf(ending) === 'EXPIRED' ? 1 : 0,
        );
      }
    },
  );

  test('a release that comes late takes nothing from who holds the room now', async () => {
    const { hold, rooms } = await makeHold(server, 1);
    const roomId = rooms[0]?.room_id ?? 0;
    await expire(server, hold);
    const next = await placeHold(server, [roomId]);
    expect(await releaseHold(server, hold)).toMatchObject({ status: 200, body: { status: 'EXPIRED' } });
    expect(await readRoom(server, roomId)).toMatchObject({ room_status: 'HELD', hold_id: next.hold_id });
  });

  test('EXPIRED, not RELEASED, when it expires while the release waits for its room', async () => {
    const { hold, rooms } = await makeHold(server);
    const expiresAt = await expire(server, hold, -2_000);
    const rival = await lockRooms(server.database.url, rooms[0]?.room_id ?? 0);
    const answer = releaseHold(server, hold);
    await untilBlocked(rival, server.database);
    expect(await databaseNowMs(server)).toBeLessThan(Date.parse(expiresAt));
    await rival.query('SELECT pg_sleep(extract(epoch FROM $1::timestamptz - clock_timestamp()))', [
      expiresAt,
    ]);
    await rival.query('COMMIT');
    expect(await answer).toMatchObject({ status: 200, body: { status: 'EXPIRED', ended_at: expiresAt } });
  });
});

test('409 hold-confirmed when it is CONFIRMED: the rooms stay BOOKED', async () => {
  const { hold, roomIds } = await makeEndedHold(server, 'CONFIRMED');
  expect(await releaseHold(server, hold)).toMatchObject({ status: 409, body: { code: 'hold-confirmed' } });
  expect(await readHold(server, hold)).toEqual(hold);
  for (const roomId of roomIds) {
    expect(await readRoom(server, roomId)).toMatchObject({ room_status: 'BOOKED', booking_reference: 'B-1' });
    const actions = (await auditOf(server.database, roomId)).map(({ action }) => action);
    expect(actions).toEqual(['CREATE', 'HOLD', 'CONFIRM']);
  }
});

test('400 request-invalid with a body that says something', async () => {
  const { hold } = await makeHold(server, 1);
  const answer = await server.call('DELETE', `/rooms/hold/${hold.hold_id}`, {
    token: server.as.frontend,
    body: { reason: 'changed my mind' },
  });
  expect(answer).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
  expect(await readHold(server, hold)).toEqual(hold);
});

test('two releases at once: both answer the same hold, and the audit shows one', async () => {
  const { hold, rooms } = await makeHold(server, 1);
  const answers = await Promise.all([releaseHold(server, hold), releaseHold(server, hold)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(answers[0]?.body).toEqual(answers[1]?.body);
  const actions = (await auditOf(server.database, rooms[0]?.room_id ?? 0)).map(({ action }) => action);
  expect(actions).toEqual(['CREATE', 'HOLD', 'RELEASE']);
});

testOwnership(() => server, { method: 'DELETE', action: 'RELEASE' });
