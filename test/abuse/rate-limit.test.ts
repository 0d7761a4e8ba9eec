import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { until } from '../helpers/connections.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { startRedis, type TestRedis } from '../helpers/redis.ts';
import { tokenFor } from '../helpers/tokens.ts';
import { startBareApp } from '../http/bare.ts';

const perMinute = 20;

/** Asks once; how it was answered. */
type Ask = (options?: {
  token?: string;
  address?: string;
  headers?: Record<string, string>;
}) => Promise<number>;

async function startBare(trustProxy: boolean | number | string[] = false): Promise<Ask> {
  const { app } = await startBareApp({ config: { rateLimitPerMinute: perMinute, trustProxy } });
  return async ({ token, address = '198.51.100.1', headers = {} } = {}) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await app.inject({
      url: token === undefined ? '/things' : '/things/5',
      headers: { ...authorization, ...headers },
      remoteAddress: address,
    });
    return answer.statusCode;
  };
}

/** How many of so many requests got through. */
async function passed(count: number, ask: (n: number) => Promise<number>): Promise<number> {
  const statuses = await Promise.all(Array.from({ length: count }, (_, n) => ask(n)));
  expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([]);
  return statuses.filter((status) => status === 200).length;
}

const reader = (sub: string) => tokenFor(sub, 'ROOM_MANAGEMENT:READ');

describe('the limit cannot be walked around', () => {
  test('100 at once of one sub, from 100 addresses, with 100 tokens: exactly the limit gets through', async () => {
    const ask = await startBare();
    const token = (n: number) => tokenFor('one', 'ROOM_MANAGEMENT:READ', `x${n}`);
    expect(await passed(100, (n) => ask({ token: token(n), address: `10.0.0.${n}` }))).toBe(perMinute);
  });

  test('a forged token does not use up the limit of the sub that it names', async () => {
    const ask = await startBare();
    const forged = `${reader('victim').slice(0, -4)}AAAA`;
    for (let n = 0; n < 2 * perMinute; n += 1) await ask({ token: forged });
    expect(await passed(perMinute + 5, () => ask({ token: reader('victim') }))).toBe(perMinute);
  });

  test.each([
    ['X-Forwarded-For', 'x-forwarded-for', (n: number) => `192.0.2.${n}`],
    ['Forwarded', 'forwarded', (n: number) => `for=192.0.2.${n}`],
    ['X-Real-IP', 'x-real-ip', (n: number) => `192.0.2.${n}`],
    ['CF-Connecting-IP', 'cf-connecting-ip', (n: number) => `192.0.2.${n}`],
  ])('100 addresses claimed in %s are one, without TRUST_PROXY', async (_what, name, value) => {
    const ask = await startBare();
    expect(await passed(100, (n) => ask({ headers: { [name]: value(n) } }))).toBe(perMinute);
  });

  test('behind one trusted proxy, what clients claim before it counts for nothing', async () => {
    const ask = await startBare(1);
    const claim = (n: number, real: string) =>
      ask({ headers: { 'x-forwarded-for': `192.0.2.${n}, ${real}` } });
    expect(await passed(100, (n) => claim(n, '203.0.113.7'))).toBe(perMinute);
    expect(await claim(1, '203.0.113.8')).toBe(200);
  });

  test('a proxy that is trusted by its address is believed, anybody else is not', async () => {
    const ask = await startBare(['10.0.0.0/8']);
    const claim = (n: number, address: string) =>
      ask({ address, headers: { 'x-forwarded-for': `192.0.2.${n}` } });
    expect(await passed(100, (n) => claim(n, '10.1.2.3'))).toBe(100);
    expect(await passed(100, (n) => claim(n, '198.51.100.9'))).toBe(perMinute);
  });

  test.each([
    ['the port behind an address', (n: number) => `203.0.113.7:${1000 + n}`],
    ['the port behind an IPv6 address', (n: number) => `[2001:db8::${n}]:${1000 + n}`],
    ['addresses of one /64', (n: number) => `2001:db8::${n.toString(16)}`],
    ['an IPv4 address as IPv6', (n: number) => (n % 2 === 0 ? '203.0.113.7' : '::ffff:203.0.113.7')],
    ['words', (n: number) => `unknown-${n}`],
    ['long words', (n: number) => `${n}${'x'.repeat(6000)}`],
    ['an empty address', () => ','],
    ['half an address', (n: number) => `[::${n}`],
  ])('%s from a trusted proxy: one client, and no failure', async (_what, value) => {
    const ask = await startBare(1);
    expect(await passed(100, (n) => ask({ headers: { 'x-forwarded-for': value(n) } }))).toBe(perMinute);
  });
});

describe('over three instances with Redis', () => {
  let redis: TestRedis;
  let database: TestDatabase;
  let servers: TestApp[];
  beforeAll(async () => {
    redis = await startRedis();
    database = await createTestDatabase();
    const env = { REDIS_URL: redis.url, RATE_LIMIT_PER_MINUTE: String(perMinute) };
    servers = await Promise.all([0, 1, 2].map(() => startTestApp({ database, env })));
  });
  afterAll(async () => {
    await Promise.all(servers.map(({ close }) => close()));
    await database.drop();
    await redis.close();
  });

  const ask = async (n: number, token: string) =>
    (await servers[n % 3]?.call('GET', '/rooms', { token }))?.status ?? 0;

  /** Each instance counts alone until it is connected: then the third ask of a new sub is seen by all. */
  async function untilShared(): Promise<void> {
    let tries = 0;
    await until(async () => {
      tries += 1;
      const token = reader(`probe ${tries}`);
      for (let n = 0; n < perMinute; n += 1) await ask(0, token);
      expect([await ask(1, token), await ask(2, token)]).toEqual([429, 429]);
    });
  }

  test('100 at once of one sub: exactly the limit gets through, another sub is not touched', async () => {
    await untilShared();
    expect(await passed(100, (n) => ask(n, reader('flood')))).toBe(perMinute);
    expect(await ask(0, reader('bystander'))).toBe(200);
  });

  test('while Redis is out, each counts alone: the limit is at most three times as large', async () => {
    await untilShared();
    await redis.stop();
    onTestFinished(() => redis.restart());
    const count = await passed(200, (n) => ask(n, reader('flood without Redis')));
    expect(count).toBeGreaterThanOrEqual(perMinute);
    expect(count).toBeLessThanOrEqual(3 * perMinute);
  });
});
