/** Owns the tests of GET /rooms/hold/{hold_id}. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startTcpProxy } from '../database/tcp-proxy.ts';
import { roles, type TestApp } from '../helpers/app.ts';
import { connect, until } from '../helpers/connections.ts';
import { changeRoom, freezeRoom, type Hold, placeHold } from '../helpers/property.ts';
import { startRedis } from '../helpers/redis.ts';
import { tokenFor } from '../helpers/tokens.ts';
import { said } from './ownership.ts';
import {
  confirmHold,
  endings,
  extendHold,
  getHold,
  makeEndedHold,
  makeHold,
  pathOf,
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

/** Another instance on the same database, closed at the end of the test. */
async function startAnother(env: Record<string, string> = {}): Promise<TestApp> {
  const another = await startHoldApp({ database: server.database, env });
  onTestFinished(() => another.close());
  return another;
}

describe('who may', () => {
  test.each([
    ['the one who placed it', roles.frontend],
    ['ROOM_MANAGEMENT:READ', roles.operations],
    ['ROOM_MANAGEMENT:WRITE', roles.admin],
    ['both kinds of permission', tokenFor('both', 'ROOM_MANAGEMENT:READ', 'ROOM_HOLD:WRITE')],
  ])('200 for %s: the hold as it was placed', async (_who, token) => {
    const { hold } = await makeHold(server, 3, { reference: 'cart 7' });
    const answer = await getHold(server, hold, token);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(hold);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  test('rooms stand in the order of their ids, whatever the order of asking', async () => {
    const { hold: earlier, rooms } = await makeHold(server, 3);
    await releaseHold(server, earlier);
    const roomIds = rooms.map(({ room_id }) => room_id);
    const [first, second, third] = roomIds;
    const placed = await placeHold(server, [third ?? 0, first ?? 0, second ?? 0]);
    const { body } = await getHold(server, placed);
    expect(body.rooms).toEqual(rooms.map(({ room_id, room_no }) => ({ room_id, room_no, fence: 2 })));
  });

  test('404 hold-not-found for somebody else’s hold, the same as a hold that never was', async () => {
    const { hold } = await makeHold(server, 1, { reference: 'cart 7' });
    const theirs = await getHold(server, hold, roles.frontend2);
    const never = await getHold(server, { hold_id: '0192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6e' }, roles.frontend2);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'hold-not-found' } });
    expect(said(theirs)).toEqual(said(never));
    // Also once it is cached by its owner's look.
    await getHold(server, hold);
    expect(said(await getHold(server, hold, roles.frontend2))).toEqual(said(never));
  });

  test('404 for the holder whom a delegate named: it is the one who placed it that may read', async () => {
    const { hold } = await makeHold(server, 1, { token: roles.delegate, holder: 'frontend' });
    expect((await getHold(server, hold, roles.frontend)).status).toBe(404);
    expect((await getHold(server, hold, roles.delegate)).body).toEqual(hold);
  });

  test('401 credentials-missing without a token', async () => {
    const { hold } = await makeHold(server, 1);
    expect(await server.call('GET', pathOf(hold))).toMatchObject({
      status: 401,
      body: { code: 'credentials-missing' },
    });
  });

  test('403 permission-denied without a permission that reads', async () => {
    const { hold } = await makeHold(server, 1);
    expect(await getHold(server, hold, roles.nobody)).toMatchObject({
      status: 403,
      body: { code: 'permission-denied' },
    });
  });

  test.each(['5', 'not-a-uuid', '0192D3B4-5F6A-7B8C-9D0E-1F2A3B4C5D6E', '0192d3b45f6a7b8c9d0e1f2a3b4c5d6e'])(
    '400 request-invalid for the id %s',
    async (holdId) => {
      expect(await getHold(server, { hold_id: holdId })).toMatchObject({
        status: 400,
        body: { code: 'request-invalid', errors: [{ path: 'hold_id' }] },
      });
    },
  );

  test('400 request-invalid for a query parameter', async () => {
    const { hold } = await makeHold(server, 1);
    const answer = await server.call('GET', `${pathOf(hold)}?fields=status`, { token: roles.frontend });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'fields' }] } });
  });

  test('HEAD answers as GET does, without the body', async () => {
    const { hold } = await makeHold(server, 1);
    const answer = await server.call('HEAD', pathOf(hold), { token: roles.frontend });
    expect(answer).toMatchObject({ status: 200, text: '', headers: { 'cache-control': 'no-store' } });
  });
});

describe('an ended hold stays readable', () => {
  test.each(endings)('%s', async (ending) => {
    const { hold, roomIds } = await makeEndedHold(server, ending);
    const { body } = await getHold(server, hold);
    expect(body).toEqual(hold);
    expect(body).toMatchObject({
      status: statusOf(ending),
      expires_in_seconds: 0,
      booking_reference: ending === 'CONFIRMED' ? 'B-1' : null,
      reacquired: false,
    });
    expect(body.rooms.map((room: Hold['rooms'][number]) => room.room_id)).toEqual(roomIds);
    if (body.status === 'EXPIRED') expect(body.ended_at).toBe(body.expires_at);
    else expect(Date.parse(body.ended_at)).toBeGreaterThanOrEqual(Date.parse(body.created_at));
  });

  test('also when its rooms are deleted', async () => {
    const { hold, roomIds } = await makeEndedHold(server, 'RELEASED');
    for (const roomId of roomIds) await server.call('DELETE', `/rooms/${roomId}`, { token: roles.admin });
    server.platform.cache.hold.dropAll();
    expect((await getHold(server, hold)).body).toEqual(hold);
  });
});

test('expiry and expires_in_seconds are exact at every look, cached or not', async () => {
  const brief = await startAnother({ HOLD_TTL_SECONDS_MAX: '2' });
  const { hold } = await makeHold(brief, 1);
  const expiresAtMs = Date.parse(hold.expires_at);
  expect(expiresAtMs - Date.parse(hold.created_at)).toBe(2_000);
  const secondsLeft = (atMs: number) => Math.max(0, Math.ceil((expiresAtMs - atMs) / 1_000));
  const looks = { ACTIVE: 0, EXPIRED: 0 };
  while (looks.EXPIRED < 5) {
    const { answer, fromMs, toMs } = await timed(brief, () => getHold(brief, hold));
    const { status, expires_in_seconds, ended_at }: Hold = answer.body;
    if (fromMs >= expiresAtMs) expect([status, ended_at]).toEqual(['EXPIRED', hold.expires_at]);
    if (toMs < expiresAtMs) expect([status, ended_at]).toEqual(['ACTIVE', null]);
    expect(expires_in_seconds).toBeLessThanOrEqual(secondsLeft(fromMs));
    expect(expires_in_seconds).toBeGreaterThanOrEqual(secondsLeft(toMs));
    looks[status === 'ACTIVE' ? 'ACTIVE' : 'EXPIRED'] += 1;
  }
  expect(looks.ACTIVE).toBeGreaterThan(0);
});

describe('a change shows at once on the instance that made it', () => {
  const reading = async (hold: Pick<Hold, 'hold_id'>) => {
    // So that there is something old in the cache.
    await getHold(server, hold);
    return async () => (await getHold(server, hold)).body;
  };

  test('place, extend, confirm', async () => {
    const { hold } = await makeHold(server, 1);
    const now = await reading(hold);
    const extended = await extendHold(server, hold, { ttl_seconds: 60 });
    expect(await now()).toMatchObject({ expires_at: extended.body.expires_at, expires_in_seconds: 60 });
    await confirmHold(server, hold, { booking_reference: 'B-1' });
    expect(await now()).toMatchObject({ status: 'CONFIRMED', booking_reference: 'B-1' });
  });

  test('release', async () => {
    const { hold } = await makeHold(server, 1);
    const now = await reading(hold);
    await releaseHold(server, hold);
    expect(await now()).toMatchObject({ status: 'RELEASED' });
  });

  test('a freeze that supersedes it', async () => {
    const { hold, rooms } = await makeHold(server, 2);
    const now = await reading(hold);
    await freezeRoom(server, rooms[1]?.room_id ?? 0, { supersede_hold: true });
    expect(await now()).toMatchObject({ status: 'REVOKED', expires_in_seconds: 0 });
  });

  test('another number of one of its rooms', async () => {
    const { hold, rooms } = await makeHold(server, 2);
    const now = await reading(hold);
    await changeRoom(server, rooms[0]?.room_id ?? 0, { room_no: `${rooms[0]?.room_no} renamed` });
    expect(await now()).toMatchObject({ rooms: [{ room_no: `${rooms[0]?.room_no} renamed` }, {}] });
  });

  test('one whose outcome is unknown to who asked: a look tells what became of it', async () => {
    const proxy = await startTcpProxy(server.database.url);
    const instance = await startAnother({ DATABASE_URL: proxy.url, DATABASE_POOL_MAX: '2' });
    const { hold } = await makeHold(instance, 1);
    expect((await getHold(instance, hold)).body).toMatchObject({ status: 'ACTIVE' });
    proxy.deafen();
    const answer = confirmHold(instance, hold);
    await until(async () => {
      const [row] = await server.database.query('SELECT status FROM hold WHERE hold_id = $1', [hold.hold_id]);
      expect(row).toEqual({ status: 'CONFIRMED' });
    });
    proxy.cut();
    expect(await answer).toMatchObject({ status: 503, body: { code: 'outcome-unknown' } });
    expect(await getHold(instance, hold)).toMatchObject({ status: 200, body: { status: 'CONFIRMED' } });
  });
});

describe('a change shows within 1 s on another instance', () => {
  /** How long after the change the other instance was last asked and showed the old hold. */
  async function lastStaleMs(another: TestApp, hold: Hold, change: () => Promise<unknown>): Promise<number> {
    expect((await getHold(another, hold)).body.status).toBe('ACTIVE');
    await change();
    const changedAtMs = performance.now();
    let staleAskedMs = 0;
    await until(async () => {
      const askedAtMs = performance.now();
      const { status } = (await getHold(another, hold)).body;
      if (status === 'ACTIVE') staleAskedMs = askedAtMs - changedAtMs;
      expect(status).not.toBe('ACTIVE');
    });
    return staleAskedMs;
  }

  test('without Redis', async () => {
    const another = await startAnother();
    const { hold } = await makeHold(server, 1);
    expect(await lastStaleMs(another, hold, () => confirmHold(server, hold))).toBeLessThan(1_000);
  });

  test('with Redis, also when it is taken away in the middle', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const one = await startAnother({ REDIS_URL: redis.url });
    const another = await startAnother({ REDIS_URL: redis.url });
    const first = await makeHold(one, 1);
    expect(await lastStaleMs(another, first.hold, () => releaseHold(one, first.hold))).toBeLessThan(1_000);
    const second = await makeHold(one, 1);
    const wipe = async () => {
      await releaseHold(one, second.hold);
      await redis.flush();
    };
    expect(await lastStaleMs(another, second.hold, wipe)).toBeLessThan(1_000);
  });
});

test('readers of a cached hold ask the database once', async () => {
  const { hold } = await makeHold(server, 1);
  server.platform.cache.hold.dropAll();
  // Nobody can read holds while this is locked; those who come meanwhile join the first.
  const rival = await connect(server.database.url);
  await rival.query('BEGIN; LOCK TABLE hold IN ACCESS EXCLUSIVE MODE');
  const answers = Array.from({ length: 20 }, () => getHold(server, hold));
  await until(async () => {
    const waiting = await server.database.query(
      'SELECT pid FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))',
      [rival.pid],
    );
    expect(waiting).toHaveLength(1);
  });
  await rival.query('COMMIT');
  for (const answer of await Promise.all(answers)) expect(answer.body).toEqual(hold);
});
