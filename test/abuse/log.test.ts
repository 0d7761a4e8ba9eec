import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createLogger } from '../../src/log.ts';
import { startTestApp } from '../helpers/app.ts';
import { until } from '../helpers/connections.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { keysAnswer, startKeySetServer } from '../helpers/key-set-server.ts';
import { exchange, listen } from '../helpers/raw-http.ts';
import { startRedis } from '../helpers/redis.ts';
import { startServer } from '../helpers/server-process.ts';
import { goodClaims, keyPair, keyToken, testSecret } from '../helpers/tokens.ts';
import { places, singing, song } from './canary.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.query(`INSERT INTO room_type (name) VALUES ('type')`);
  await database.query(
    `INSERT INTO room (room_no, room_type_id) SELECT n::text, 1 FROM generate_series(1, 1000) n`,
  );
  // A rule that our own checks do not foresee: Postgres answers with the whole row that it refused.
  await database.query(`ALTER TABLE room_type ADD CONSTRAINT refused CHECK (name NOT LIKE '% refused')`);
  await database.query(`ALTER TABLE hold ADD CONSTRAINT refused CHECK (reference NOT LIKE '% refused')`);
});
afterAll(() => database.drop());

/** Sends a canary in every place, `rounds` times; how often each status was answered. */
async function sing(port: number, rounds: number): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(
      places.map(async ([name, bytes], at) => {
        const [answer] = await exchange(
          port,
          bytes(`${song}${round}x${at}`, 1 + Math.floor(Math.random() * 1000)),
        );
        if (answer === undefined) throw new Error(`no answer for ${name}`);
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      }),
    );
  }
  return statuses;
}

const sent = (statuses: Record<string, number>): number =>
  Object.values(statuses).reduce((sum, count) => sum + count, 0);

describe('a canary in every place of a request', () => {
  test('1,000 times, at LOG_LEVEL=trace: no hit in what the process prints, none in /metrics', async () => {
    const server = await startServer({
      DATABASE_URL: database.url,
      JWT_SECRET: testSecret,
      LOG_LEVEL: 'trace',
      RATE_LIMIT_PER_MINUTE: '0',
      HOLDS_ACTIVE_MAX: '0',
    });
    const statuses = await sing(Number(new URL(server.url).port), Math.ceil(1000 / places.length));
    expect(sent(statuses)).toBeGreaterThanOrEqual(1000);
    // Every kind of ending is among them.
    for (const status of [200, 201, 400, 401, 403, 404, 405, 413, 414, 415, 431, 500])
      expect(statuses).toHaveProperty(String(status));
    const lines = () => server.output().split('\n');
    await until(() =>
      expect(lines().filter((line) => line.includes('"request')).length).toBeGreaterThan(900),
    );
    expect(lines().some((line) => line.includes('"level":"error"') && line.includes('constraint'))).toBe(
      true,
    );
    expect(singing(server.output())).toEqual([]);
    expect(singing(server.errors())).toEqual([]);
    const metrics = await fetch(`${server.url}/metrics`);
    expect(metrics.status).toBe(200);
    const text = await metrics.text();
    expect(text).toContain('/rooms/hold');
    expect(singing(text)).toEqual([]);
  });

  test.each(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])(
    'once, at level %s: no hit',
    async (logLevel) => {
      const lines: string[] = [];
      const log = createLogger({ logLevel, destination: { write: (line) => lines.push(line) } });
      const server = await startTestApp({ database, log });
      onTestFinished(server.close);
      const statuses = await sing(await listen(server.app), 1);
      expect(sent(statuses)).toBe(places.length);
      expect(singing(lines.join(''))).toEqual([]);
      expect(lines.length > 0).toBe(!['fatal', 'silent'].includes(logLevel));
    },
  );
});

describe('the server’s own secrets', () => {
  const logged = () => {
    const lines: string[] = [];
    return {
      lines,
      log: createLogger({ logLevel: 'trace', destination: { write: (line) => lines.push(line) } }),
    };
  };

  test('the password of Redis is not in the log when Redis refuses it', async () => {
    const redis = await startRedis();
    onTestFinished(redis.close);
    const admin = new Redis(redis.url);
    await admin.config('SET', 'requirepass', 'another password');
    onTestFinished(() => admin.disconnect());
    const { lines, log } = logged();
    const REDIS_URL = redis.url.replace('//', `//:${song}@`);
    const server = await startTestApp({ database, log, env: { REDIS_URL, RATE_LIMIT_PER_MINUTE: '100' } });
    onTestFinished(server.close);
    await until(() => expect(lines.join('')).toContain('WRONGPASS'));
    await server.call('GET', '/rooms', { token: server.as.admin });
    expect(singing(lines.join(''))).toEqual([]);
  });

  test('the password of Postgres is not in the log when Postgres is out of reach or refuses it', async () => {
    const refusing = Object.assign(new URL(database.url), { username: 'nobody', password: song });
    for (const url of [`postgresql://x:${song}@127.0.0.1:1/x`, refusing.href]) {
      const { lines, log } = logged();
      const server = await startTestApp({ database: { ...database, url }, log });
      onTestFinished(server.close);
      expect((await server.call('GET', '/rooms/1', { token: server.as.admin })).status).toBe(503);
      expect(lines.join('')).toContain('dependency-unavailable');
      expect(singing(lines.join(''))).toEqual([]);
    }
  });

  test('what a key set endpoint answers instead of keys is not in the log', async () => {
    const { privateKey } = keyPair('ed25519');
    for (const answer of [keysAnswer({ kty: song }), keysAnswer()]) {
      const keys = await startKeySetServer(answer);
      keys.answer = (response) => response.end(`${song} is no JSON`);
      const { lines, log } = logged();
      const server = await startTestApp({ database, log, env: { JWT_SECRET: '', JWT_JWKS_URL: keys.url } });
      onTestFinished(server.close);
      const token = keyToken(goodClaims(), privateKey, { kid: song });
      expect((await server.call('GET', '/rooms', { token })).status).toBe(503);
      expect(lines.join('')).toContain('the key set is out of reach');
      expect(singing(lines.join(''))).toEqual([]);
    }
  });
});
