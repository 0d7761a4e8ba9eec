import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startRedis, type TestRedis } from '../helpers/redis.ts';
import { tokenFor } from '../helpers/tokens.ts';
import { type BareOptions, startBareApp } from './bare.ts';

const perMinute = 3;

async function start(options: BareOptions['config'] = {}) {
  const { app, lines } = await startBareApp({ config: { rateLimitPerMinute: perMinute, ...options } });
  const get = async (token?: string, url = '/things/5', remoteAddress = '10.0.0.1', more = {}) => {
    const headers = { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...more };
    const answer = await app.inject({ method: 'GET', url, headers, remoteAddress });
    return { status: answer.statusCode, retryAfter: answer.headers['retry-after'], body: answer.json() };
  };
  const statuses = async (count: number, ...args: Parameters<typeof get>) => {
    const all: number[] = [];
    for (let i = 0; i < count; i += 1) all.push((await get(...args)).status);
    return all;
  };
  return { app, lines, get, statuses };
}

const reader = (sub: string) => tokenFor(sub, 'ROOM_MANAGEMENT:READ');

describe('the rate limit', () => {
  test('429 rate-limited with Retry-After past the limit of a sub, whatever its token or address', async () => {
    const { get, statuses } = await start();
    expect(await statuses(perMinute, reader('one'))).toEqual([200, 200, 200]);
    const answer = await get(tokenFor('one', 'ROOM_MANAGEMENT:WRITE'), '/things/5', '10.0.0.2');
    expect(answer).toMatchObject({ status: 429, body: { code: 'rate-limited', limit: perMinute } });
    expect(Number(answer.retryAfter)).toBeGreaterThanOrEqual(1);
    expect(Number(answer.retryAfter)).toBeLessThanOrEqual(60);
    expect(answer.retryAfter).toMatch(/^\d+$/);
    expect((await get(reader('two'))).status).toBe(200);
  });

  test('comes after the token and before the permission', async () => {
    const { get, statuses } = await start();
    const noPermission = tokenFor('one');
    expect(await statuses(perMinute, noPermission)).toEqual([403, 403, 403]);
    expect((await get(noPermission)).status).toBe(429);
    expect((await get('nonsense')).status).toBe(401);
    expect((await get(undefined, '/nothing')).status).toBe(404);
  });

  test('does not apply to a token that names ROOM_HOLD:DELEGATE', async () => {
    const { statuses } = await start();
    const delegate = tokenFor('frontend', 'ROOM_MANAGEMENT:READ', 'ROOM_HOLD:DELEGATE');
    expect(await statuses(perMinute + 2, delegate)).toEqual([200, 200, 200, 200, 200]);
    expect((await statuses(perMinute + 1, tokenFor('admin', 'ROOM_MANAGEMENT:WRITE'))).at(-1)).toBe(429);
  });

  test('counts by address where there is no valid token, and the /64 of an IPv6 address', async () => {
    const { get, statuses } = await start();
    expect(await statuses(perMinute + 1, undefined, '/things')).toEqual([200, 200, 200, 429]);
    expect((await get(undefined, '/things', '10.0.0.2')).status).toBe(200);
    expect(await statuses(perMinute + 1, 'nonsense', '/things/5', '2001:db8::1')).toEqual([
      401, 401, 401, 429,
    ]);
    expect((await get('nonsense', '/things/5', '2001:db8::2')).status).toBe(429);
    expect((await get('nonsense', '/things/5', '2001:db8:1::2')).status).toBe(401);
    expect((await get(reader('one'), '/things/5', '2001:db8::1')).status).toBe(200);
  });

  test('believes X-Forwarded-For from trusted proxies only', async () => {
    const forwarded = (address: string) => ['/things', '10.0.0.1', { 'x-forwarded-for': address }] as const;
    const closed = await start();
    for (let i = 0; i < perMinute; i += 1) await closed.get(undefined, ...forwarded(`192.0.2.${i}`));
    expect((await closed.get(undefined, ...forwarded('192.0.2.9'))).status).toBe(429);
    const open = await start({ trustProxy: 1 });
    for (let i = 0; i < perMinute; i += 1) await open.get(undefined, ...forwarded('192.0.2.1'));
    expect((await open.get(undefined, ...forwarded('192.0.2.1'))).status).toBe(429);
    expect((await open.get(undefined, ...forwarded('192.0.2.1, 192.0.2.2'))).status).toBe(200);
  });

  test('0 is off; OPTIONS and unknown paths are not counted', async () => {
    expect(await (await start({ rateLimitPerMinute: 0 })).statuses(10, reader('one'))).toEqual(
      Array(10).fill(200),
    );
    const { app, statuses } = await start();
    for (let i = 0; i < 5; i += 1) {
      expect(
        (await app.inject({ method: 'OPTIONS', url: '/things', remoteAddress: '10.0.0.1' })).statusCode,
      ).toBe(204);
      expect(
        (await app.inject({ method: 'PUT', url: '/things', remoteAddress: '10.0.0.1' })).statusCode,
      ).toBe(405);
    }
    expect(await statuses(perMinute, undefined, '/things')).toEqual([200, 200, 200]);
  });
});

describe('the rate limit with Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  test('is counted by all instances together', async () => {
    await redis.flush();
    const one = await start({ redisUrl: redis.url });
    const other = await start({ redisUrl: redis.url });
    // Counts are shared from the moment that both are connected.
    await expect
      .poll(async () => {
        await redis.flush();
        await one.statuses(perMinute, reader('shared'));
        return (await other.get(reader('shared'))).status;
      })
      .toBe(429);
    expect((await one.get(reader('another'))).status).toBe(200);
  });

  test('counts alone while Redis is dead, and nobody waits or fails', async () => {
    const { statuses } = await start({ redisUrl: 'redis://127.0.0.1:1' });
    expect(await statuses(perMinute + 1, reader('alone'))).toEqual([200, 200, 200, 429]);
  });

  test('counts alone while Redis says nothing', async () => {
    const sockets: { destroy(): void }[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const { statuses } = await start({ redisUrl: `redis://127.0.0.1:${port}` });
    const startedAtMs = performance.now();
    expect(await statuses(perMinute + 1, reader('alone'))).toEqual([200, 200, 200, 429]);
    expect(performance.now() - startedAtMs).toBeLessThan(1000);
  });

  test('asks a Redis that hangs once in a while only', async () => {
    const { get, statuses } = await start({ redisUrl: redis.url, rateLimitPerMinute: 1000 });
    await get(reader('hang'));
    redis.pause();
    onTestFinished(() => redis.resume());
    const startedAtMs = performance.now();
    expect(new Set(await statuses(50, reader('hang')))).toEqual(new Set([200]));
    // One wait of 100 ms, not fifty.
    expect(performance.now() - startedAtMs).toBeLessThan(1500);
  });
});
