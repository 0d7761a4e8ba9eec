/** Owns the tests of when a hold ends: by the database's clock to the millisecond, in lists within 1 s, by no other clock ever. */
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { startExpiryWorker } from '../../src/holds/expiry-worker.ts';
import { roles, type TestApp } from '../helpers/app.ts';
import { expireFreeze, freezeRoom, makeRoom, makeRooms } from '../helpers/property.ts';
import { hmacToken, inSeconds } from '../helpers/tokens.ts';
import {
  confirmHold,
  extendHold,
  getHold,
  makeHold,
  makeOverHold,
  place,
  startHoldApp,
  timed,
} from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

/** An instance on which holds end after a second, on the same database or one of its own. */
async function startBrief(database?: TestApp['database']): Promise<TestApp> {
  const options = database === undefined ? {} : { database };
  const brief = await startHoldApp({ ...options, env: { HOLD_TTL_SECONDS_MAX: '1' } });
  onTestFinished(() => brief.close());
  return brief;
}

describe('in time', () => {
  test('the room can be held again from the very instant of its end, with no worker: 409 before, 201 after', async () => {
    const brief = await startBrief(server.database);
    const outcomes = new Set<number>();
    // Once more if this machine stood still for a second before the first attempt.
    while (!outcomes.has(409)) {
      outcomes.clear();
      const { hold, rooms } = await makeHold(brief, 2);
      const endMs = Date.parse(hold.expires_at);
      const room_ids = rooms.map(({ room_id }) => room_id);
      while (!outcomes.has(201)) {
        const { answer, fromMs, toMs } = await timed(brief, () =>
          brief.call('POST', '/rooms/hold', { token: roles.frontend2, body: { room_ids } }),
        );
        if (fromMs >= endMs) expect(answer.status).toBe(201);
        if (toMs < endMs) {
          expect(answer).toMatchObject({
            status: 409,
            body: { conflicts: [{ free_at: hold.expires_at }, { free_at: hold.expires_at }] },
          });
        }
        outcomes.add(answer.status);
      }
    }
    expect([...outcomes]).toEqual([409, 201]);
  });

  test('lists, filters and the summary show the end within 1 s, and never before it', async () => {
    const own = await startBrief();
    const { hold, rooms } = await makeHold(own, 1);
    const frozen = await makeRoom(own);
    await freezeRoom(own, frozen.room_id, { expires_in_seconds: 60 });
    const freezeEndsAt = await expireFreeze(own.database, frozen.room_id, -1_000);
    own.platform.cache.changed();
    const ids = async (query: string): Promise<number[]> => {
      const { body } = await own.call('GET', `/rooms?${query}`, { token: roles.operations });
      return body.rooms.map(({ room_id }: { room_id: number }) => room_id);
    };
    const counts = async () =>
      (await own.call('GET', '/rooms/summary', { token: roles.operations })).body.by_status;
    const held = rooms[0]?.room_id ?? 0;
    const holdEndMs = Date.parse(hold.expires_at);
    const freezeEndMs = Date.parse(freezeEndsAt);
    // Each tells whether it still shows the room as held or frozen.
    const looks: [string, number, () => Promise<boolean>][] = [
      ['HELD', holdEndMs, async () => (await ids('room_status=HELD')).includes(held)],
      ['AVAILABLE', holdEndMs, async () => !(await ids('room_status=AVAILABLE')).includes(held)],
      ['by expiry', holdEndMs, async () => (await ids('sort=hold_expires_at')).includes(held)],
      ['FROZEN', freezeEndMs, async () => (await ids('is_freezed=true')).includes(frozen.room_id)],
      ['not FROZEN', freezeEndMs, async () => !(await ids('is_freezed=false')).includes(frozen.room_id)],
      ['summary, held', holdEndMs, async () => (await counts()).HELD === 1],
      ['summary, frozen', freezeEndMs, async () => (await counts()).FROZEN === 1],
    ];
    const changed = new Set<string>();
    while (changed.size < looks.length) {
      for (const [name, endMs, isStale] of looks) {
        const { answer, fromMs, toMs } = await timed(own, isStale);
        if (toMs < endMs) expect([name, answer]).toEqual([name, true]);
        if (fromMs >= endMs + 1_000) expect([name, answer]).toEqual([name, false]);
        if (!answer) changed.add(name);
      }
    }
  });
});

describe('an instance whose own clock is wrong changes nothing about holds', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const hourMs = 3_600_000;
  test.each([
    ['an hour ahead', hourMs],
    ['an hour behind', -hourMs],
  ])('%s', async (_how, offsetMs) => {
    const brief = await startBrief(server.database);
    // Good by either clock.
    const token = hmacToken({ sub: 'frontend', exp: inSeconds(86_400), scopes: ['ROOM_HOLD:WRITE'] });
    const admin = hmacToken({ sub: 'admin', exp: inSeconds(86_400), scopes: ['ROOM_MANAGEMENT:WRITE'] });
    const rooms = await makeRooms(server, 2);
    const [one = 0, two = 0] = rooms.map(({ room_id }) => room_id);
    const over = await makeOverHold(server, 1);

    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + offsetMs);
    const { answer: placed, fromMs, toMs } = await timed(server, () => place(server, [one], token));
    expect(placed).toMatchObject({ status: 201, body: { status: 'ACTIVE', expires_in_seconds: 900 } });
    const createdMs = Date.parse(placed.body.created_at);
    expect(Date.parse(placed.body.expires_at) - createdMs).toBe(900_000);
    expect(createdMs).toBeGreaterThanOrEqual(fromMs);
    expect(createdMs).toBeLessThanOrEqual(toMs);
    expect(Math.abs(createdMs - Date.now())).toBeGreaterThan(hourMs / 2);

    expect((await getHold(server, placed.body, token)).body).toMatchObject({ status: 'ACTIVE' });
    const listed = await server.call('GET', `/rooms/hold?room_id=${one}&status=ACTIVE`, { token });
    expect(listed.body.holds).toHaveLength(1);
    expect(await extendHold(server, placed.body, { ttl_seconds: 60 }, token)).toMatchObject({
      status: 200,
      body: { expires_in_seconds: 60 },
    });
    expect((await place(server, [one], admin)).status).toBe(409);
    expect(await confirmHold(server, placed.body, {}, token)).toMatchObject({
      status: 200,
      body: { status: 'CONFIRMED' },
    });

    expect((await getHold(server, over.hold, token)).body).toMatchObject({ status: 'EXPIRED' });
    const ended = await server.call('GET', `/rooms/hold?room_id=${over.first}&status=EXPIRED`, { token });
    expect(ended.body.holds).toHaveLength(1);
    expect((await confirmHold(server, over.hold, {}, token)).status).toBe(410);
    const brieflyHeld = await brief.call('POST', '/rooms/hold', { token, body: { room_ids: [two] } });
    const worker = startExpiryWorker(server.platform);
    onTestFinished(() => worker.stop());
    const endMs = Date.parse(brieflyHeld.body.expires_at);
    for (let isOver = false; !isOver; ) {
      await worker.runOnce();
      const look = await timed(brief, () => getHold(brief, brieflyHeld.body, token));
      if (look.fromMs >= endMs) expect(look.answer.body.status).toBe('EXPIRED');
      if (look.toMs < endMs) expect(look.answer.body.status).toBe('ACTIVE');
      isOver = look.answer.body.status === 'EXPIRED';
    }
  });
});
