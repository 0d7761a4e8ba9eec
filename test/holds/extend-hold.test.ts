/** Owns the tests of PATCH /rooms/hold/{hold_id}. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { roles, type TestApp } from '../helpers/app.ts';
import { lockRooms, untilBlocked } from '../helpers/connections.ts';
import { auditOf, readRoom } from '../helpers/property.ts';
import { testOwnership } from './ownership.ts';
import {
  databaseNowMs,
  type Ending,
  endings,
  expire,
  extendHold,
  getHold,
  makeEndedHold,
  makeHold,
  pathOf,
  readHold,
  startHoldApp,
  timed,
} from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

const later = (instant: string, ms: number) => new Date(Date.parse(instant) + ms).toISOString();

describe('200', () => {
  test.each([
    ['lengthens', 3_600],
    ['shortens', 30],
  ])('%s: the hold and its rooms end ttl_seconds from now', async (_how, ttlSeconds) => {
    const { hold, rooms } = await makeHold(server, 2, { reference: 'cart 7' });
    const { answer, fromMs, toMs } = await timed(server, () =>
      extendHold(server, hold, { ttl_seconds: ttlSeconds }),
    );
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    const { expires_at } = answer.body;
    expect(Date.parse(expires_at)).toBeGreaterThanOrEqual(fromMs + ttlSeconds * 1_000);
    expect(Date.parse(expires_at)).toBeLessThanOrEqual(toMs + ttlSeconds * 1_000);
    expect(answer.body).toEqual({ ...hold, expires_at, expires_in_seconds: ttlSeconds });
    expect((await getHold(server, hold)).body).toMatchObject({ status: 'ACTIVE', expires_at });
    for (const [index, room] of rooms.entries()) {
      expect(await readRoom(server, room.room_id)).toMatchObject({
        room_status: 'HELD',
        hold_id: hold.hold_id,
        hold_expires_at: expires_at,
        fence: hold.rooms[index]?.fence,
      });
    }
  });

  test('one EXTEND row per room, with what was and what is', async () => {
    const { hold, rooms } = await makeHold(server);
    const answer = await extendHold(server, hold, { ttl_seconds: 60 });
    for (const room of rooms) {
      const entries = await auditOf(server.database, room);
      expect(entries.map(({ action }) => action)).toEqual(['CREATE', 'HOLD', 'EXTEND']);
      const { updated_at } = await readRoom(server, room.room_id);
      expect(entries.at(-1)).toEqual({
        audit_id: expect.any(Number),
        at: updated_at,
        entity: 'room',
        entity_id: String(room.room_id),
        action: 'EXTEND',
        old_value: { hold_expires_at: hold.expires_at },
        new_value: { hold_expires_at: answer.body.expires_at, updated_at },
        actor: 'frontend',
        hold_id: hold.hold_id,
        request_id: answer.headers['x-request-id'],
      });
    }
  });

  test.each([30, 7_200, '60.0', '6e1'])('takes %s seconds', async (ttlSeconds) => {
    const { hold } = await makeHold(server, 1);
    // Two hours from now would be past the lifetime of a hold that was placed a moment ago.
    await server.database.query(
      `UPDATE hold SET created_at = created_at + interval '1 s' WHERE hold_id = $1`,
      [hold.hold_id],
    );
    const answer = await server.call('PATCH', pathOf(hold), {
      token: roles.frontend,
      body: `{"ttl_seconds": ${ttlSeconds}}`,
    });
    expect(answer).toMatchObject({ status: 200, body: { expires_in_seconds: Number(ttlSeconds) } });
  });

  test('again and again, as far as the lifetime goes', async () => {
    const { hold } = await makeHold(server, 1);
    for (const ttlSeconds of [600, 1_200, 90]) {
      const answer = await extendHold(server, hold, { ttl_seconds: ttlSeconds });
      expect(answer).toMatchObject({ status: 200, body: { expires_in_seconds: ttlSeconds } });
    }
  });
});

describe('409 hold-lifetime-exceeded', () => {
  test('past created_at + HOLD_LIFETIME_SECONDS_MAX, with the latest possible expires_at; up to it 200', async () => {
    const { hold } = await makeHold(server, 1);
    // Placed 14 minutes ago.
    await expire(server, hold, -60_000);
    const moved = await readHold(server, hold);
    const refused = await extendHold(server, hold, { ttl_seconds: 7_200 });
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'hold-lifetime-exceeded', expires_at: later(moved.created_at, 7_200_000) },
    });
    expect(await readHold(server, hold)).toMatchObject({ status: 'ACTIVE', expires_at: moved.expires_at });

    const secondsLeft = Math.floor(
      (Date.parse(refused.body.expires_at) - (await databaseNowMs(server))) / 1_000,
    );
    expect((await extendHold(server, hold, { ttl_seconds: secondsLeft + 2 })).status).toBe(409);
    const granted = await extendHold(server, hold, { ttl_seconds: secondsLeft - 2 });
    expect(granted.status).toBe(200);
    expect(Date.parse(granted.body.expires_at)).toBeLessThanOrEqual(Date.parse(refused.body.expires_at));
  });

  test('extensions do not move it, and what was refused leaves no audit row', async () => {
    const { hold, rooms } = await makeHold(server, 1);
    await expire(server, hold, -60_000);
    await extendHold(server, hold, { ttl_seconds: 3_600 });
    const moved = await readHold(server, hold);
    expect(await extendHold(server, hold, { ttl_seconds: 7_199 })).toMatchObject({
      status: 409,
      body: { expires_at: later(moved.created_at, 7_200_000) },
    });
    const entries = await auditOf(server.database, rooms[0]?.room_id ?? 0);
    expect(entries.map(({ action }) => action)).toEqual(['CREATE', 'HOLD', 'EXTEND']);
  });
});

describe('an ended hold', () => {
  const refusals: Record<Ending, readonly [number, string]> = {
    CONFIRMED: [409, 'hold-confirmed'],
    RELEASED: [409, 'hold-released'],
    EXPIRED: [410, 'hold-expired'],
    'EXPIRED and tidied': [410, 'hold-expired'],
    REVOKED: [409, 'hold-revoked'],
  };

  test.each(endings.map((ending) => [...refusals[ending], ending] as const))(
    '%i %s when it is %s, and nothing changes',
    async (status, code, ending) => {
      const { hold, roomIds } = await makeEndedHold(server, ending);
      const rooms = await Promise.all(roomIds.map((roomId) => readRoom(server, roomId)));
      expect(await extendHold(server, hold, { ttl_seconds: 60 })).toMatchObject({ status, body: { code } });
      expect(await readHold(server, hold)).toEqual(hold);
      expect(await Promise.all(roomIds.map((roomId) => readRoom(server, roomId)))).toEqual(rooms);
      const entries = await auditOf(server.database, roomIds[1] ?? 0);
      expect(entries.map(({ action }) => action)).not.toContain('EXTEND');
    },
  );

  test('410 hold-expired when it expires while the extension waits for its room', async () => {
    const { hold, rooms } = await makeHold(server);
    const expiresAt = await expire(server, hold, -2_000);
    const rival = await lockRooms(server.database.url, rooms[1]?.room_id ?? 0);
    const answer = extendHold(server, hold, { ttl_seconds: 600 });
    await untilBlocked(rival, server.database);
    expect(await databaseNowMs(server)).toBeLessThan(Date.parse(expiresAt));
    await rival.query('SELECT pg_sleep(extract(epoch FROM $1::timestamptz - clock_timestamp()))', [
      expiresAt,
    ]);
    await rival.query('COMMIT');
    expect(await answer).toMatchObject({ status: 410, body: { code: 'hold-expired' } });
    expect(await readHold(server, hold)).toMatchObject({ status: 'EXPIRED', ended_at: expiresAt });
  });
});

describe('400 request-invalid', () => {
  test.each([
    ['without ttl_seconds', {}],
    ['when it is null', { ttl_seconds: null }],
    ['when it is text', { ttl_seconds: '60' }],
    ['when it is too short', { ttl_seconds: 29 }],
    ['when it is 0', { ttl_seconds: 0 }],
    ['when it is negative', { ttl_seconds: -60 }],
    ['when it is past HOLD_TTL_SECONDS_MAX', { ttl_seconds: 7_201 }],
    ['when it is not whole', { ttl_seconds: 60.5 }],
    ['when it is beyond any number', { ttl_seconds: 1e300 }],
    ['with an unknown field', { ttl_seconds: 60, expires_at: '2030-01-01T00:00:00.000Z' }],
    ['when the body is a list', [60]],
  ])('%s', async (_what, body) => {
    const { hold } = await makeHold(server, 1);
    const answer = await server.call('PATCH', pathOf(hold), { token: roles.frontend, body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
    expect(await readHold(server, hold)).toEqual(hold);
  });

  test('without a body', async () => {
    const { hold } = await makeHold(server, 1);
    const answer = await server.call('PATCH', pathOf(hold), { token: roles.frontend });
    expect(answer).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
  });
});

testOwnership(() => server, { method: 'PATCH', body: { ttl_seconds: 600 }, action: 'EXTEND' });
