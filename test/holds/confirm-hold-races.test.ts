/** Owns the tests of confirming a hold while others have its rows locked, or want to end it too. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApp } from '../helpers/app.ts';
import { connect, lockRooms, untilBlocked } from '../helpers/connections.ts';
import { auditOf, readRoom } from '../helpers/property.ts';
import {
  confirmHold,
  databaseNowMs,
  expire,
  makeHold,
  readHold,
  releaseHold,
  startHoldApp,
} from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

describe('at once with another verb: one of them wins, whole', () => {
  test('confirm and release', async () => {
    for (const order of [0, 1, 2, 3]) {
      const { hold, rooms } = await makeHold(server, 2);
      const verbs = [() => confirmHold(server, hold), () => releaseHold(server, hold)];
      if (order % 2 === 1) verbs.reverse();
      const answers = await Promise.all(verbs.map((verb) => verb()));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      const { status } = await readHold(server, hold);
      const loser = answers.find((answer) => answer.status === 409);
      expect(loser?.body.code).toBe(status === 'CONFIRMED' ? 'hold-confirmed' : 'hold-released');
      for (const { room_id } of rooms) {
        expect((await readRoom(server, room_id)).room_status).toBe(
          status === 'CONFIRMED' ? 'BOOKED' : 'AVAILABLE',
        );
        const actions = (await auditOf(server.database, room_id)).map(({ action }) => action);
        expect(actions).toEqual(['CREATE', 'HOLD', status === 'CONFIRMED' ? 'CONFIRM' : 'RELEASE']);
      }
    }
  });

  test('confirm and a freeze that supersedes', async () => {
    const { hold, rooms } = await makeHold(server, 2);
    const [first = 0, second = 0] = rooms.map(({ room_id }) => room_id);
    const [confirmed, frozen] = await Promise.all([
      confirmHold(server, hold),
      server.call('POST', `/rooms/${second}/freeze`, {
        token: server.as.admin,
        body: { supersede_hold: true },
      }),
    ]);
    const isConfirmed = confirmed.status === 200;
    expect([confirmed.status, frozen.status]).toEqual(isConfirmed ? [200, 409] : [409, 200]);
    expect(await readHold(server, hold)).toMatchObject({ status: isConfirmed ? 'CONFIRMED' : 'REVOKED' });
    const statuses = [await readRoom(server, first), await readRoom(server, second)];
    expect(statuses.map(({ room_status }) => room_status)).toEqual(
      isConfirmed ? ['BOOKED', 'BOOKED'] : ['AVAILABLE', 'FROZEN'],
    );
  });
});

describe('a lock held across expires_at: 410 hold-expired, and the rooms are free', () => {
  test.each([
    ['its first room', 0],
    ['its last room', 1],
  ])('when the confirmation waits for %s', async (_which, index) => {
    const { hold, rooms } = await makeHold(server);
    const expiresAt = await expire(server, hold, -2_000);
    const rival = await lockRooms(server.database.url, rooms[index]?.room_id ?? 0);
    const answer = confirmHold(server, hold, { booking_reference: 'late' });
    await untilBlocked(rival, server.database);
    expect(await databaseNowMs(server)).toBeLessThan(Date.parse(expiresAt));
    await rival.query('SELECT pg_sleep(extract(epoch FROM $1::timestamptz - clock_timestamp()))', [
      expiresAt,
    ]);
    await rival.query('COMMIT');
    expect(await answer).toMatchObject({ status: 410, body: { code: 'hold-expired' } });
    expect(await readHold(server, hold)).toMatchObject({ status: 'EXPIRED', ended_at: expiresAt });
    for (const room of rooms) {
      expect(await readRoom(server, room.room_id)).toMatchObject({ room_status: 'AVAILABLE' });
    }
  });

  test('when the confirmation waits for the hold itself', async () => {
    const { hold, rooms } = await makeHold(server, 1);
    const expiresAt = await expire(server, hold, -2_000);
    const rival = await connect(server.database.url);
    await rival.query('BEGIN');
    await rival.query('SELECT FROM hold WHERE hold_id = $1 FOR NO KEY UPDATE', [hold.hold_id]);
    const answer = confirmHold(server, hold);
    await untilBlocked(rival, server.database);
    expect(await databaseNowMs(server)).toBeLessThan(Date.parse(expiresAt));
    await rival.query('SELECT pg_sleep(extract(epoch FROM $1::timestamptz - clock_timestamp()))', [
      expiresAt,
    ]);
    await rival.query('COMMIT');
    expect(await answer).toMatchObject({ status: 410, body: { code: 'hold-expired' } });
    expect(await readRoom(server, rooms[0]?.room_id ?? 0)).toMatchObject({ room_status: 'AVAILABLE' });
  });

  test('and 200 when the lock is gone before', async () => {
    const { hold, rooms } = await makeHold(server);
    const rival = await lockRooms(server.database.url, rooms[0]?.room_id ?? 0);
    const answer = confirmHold(server, hold);
    await untilBlocked(rival, server.database);
    await rival.query('COMMIT');
    expect(await answer).toMatchObject({ status: 200, body: { status: 'CONFIRMED' } });
  });
});

test('503 overloaded when a room’s row lock is not to be had in time: nothing was done', async () => {
  const own = await startHoldApp();
  try {
    await own.database.query(`ALTER FUNCTION hold_confirm(jsonb) SET lock_timeout = '100ms'`);
    const { hold, rooms } = await makeHold(own, 1);
    await lockRooms(own.database.url, rooms[0]?.room_id ?? 0);
    expect(await confirmHold(own, hold)).toMatchObject({ status: 503, body: { code: 'overloaded' } });
    expect(await readHold(own, hold)).toEqual(hold);
  } finally {
    await own.close();
  }
});
