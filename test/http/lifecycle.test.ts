import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { healthRoutes } from '../../src/http/health.ts';
import { dial, listen, parseAnswers } from '../helpers/raw-http.ts';
import { startBareApp } from './bare.ts';

async function startWithHealth(checkReady: () => Promise<void>, config = {}) {
  const draining = new AbortController();
  const { app, lines } = await startBareApp({
    draining,
    config,
    extraRoutes: healthRoutes({ checkReady, draining: draining.signal }),
  });
  return { app, lines, draining };
}

describe('probes', () => {
  test('200 while all is well, without a token, uncounted and quiet', async () => {
    const { app, lines } = await startWithHealth(async () => {}, { rateLimitPerMinute: 1 });
    for (let i = 0; i < 5; i += 1) {
      for (const url of ['/livez', '/readyz']) {
        const answer = await app.inject({ url });
        expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'ok' }]);
      }
    }
    expect(lines.filter((line) => Number(line.level) >= 30)).toEqual([]);
  });

  test('/readyz is 503 dependency-unavailable while the database is not ready; /livez stays', async () => {
    const { app } = await startWithHealth(async () => {
      throw new Error('secret');
    });
    const answer = await app.inject({ url: '/readyz' });
    expect(answer.json()).toMatchObject({ status: 503, code: 'dependency-unavailable' });
    expect(answer.body).not.toContain('secret');
    expect((await app.inject({ url: '/livez' })).statusCode).toBe(200);
  });

  test('500 at once ask the database once, and the next asks again', async () => {
    let asked = 0;
    let answer = () => {};
    const { app } = await startWithHealth(() => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const probes = Array.from({ length: 500 }, () => app.inject({ url: '/readyz' }));
    await expect.poll(() => asked, { interval: 5 }).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    answer();
    expect(new Set((await Promise.all(probes)).map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    expect(asked).toBe(1);
    const next = app.inject({ url: '/readyz' });
    await expect.poll(() => asked, { interval: 5 }).toBe(2);
    answer();
    expect((await next).statusCode).toBe(200);
  });

  test('/readyz does not wait for a database that hangs', async () => {
    const { app } = await startWithHealth(() => new Promise(() => {}));
    expect((await app.inject({ url: '/readyz' })).json()).toMatchObject({
      status: 503,
      code: 'dependency-unavailable',
    });
  });
});

describe('going down', () => {
  test('while it drains /readyz is 503 draining, other requests are served, and answers close the connection', async () => {
    const { app, draining } = await startWithHealth(async () => {});
    expect((await app.inject({ url: '/things' })).headers.connection).not.toBe('close');
    draining.abort();
    const ready = await app.inject({ url: '/readyz' });
    expect(ready.json()).toMatchObject({ status: 503, code: 'draining' });
    expect([ready.headers.connection, ready.headers['retry-after']]).toEqual(['close', '1']);
    const served = await app.inject({ url: '/things' });
    expect([served.statusCode, served.headers.connection]).toEqual([200, 'close']);
    expect((await app.inject({ url: '/livez' })).statusCode).toBe(200);
    expect((await app.inject({ url: '/nothing' })).headers.connection).toBe('close');
  });

  test('after the listener closed, what arrives on an open connection is 503 draining; what is in flight is served', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { app } = await startBareApp({
      extraRoutes: async (scope) =>
        void scope.get('/slow', { config: { public: true } }, async () => {
          await held;
          return { slow: true };
        }),
    });
    const port = await listen(app);
    const [slow, late] = [await dial(port), await dial(port)];
    const answered = [slow, late].map((socket) => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      return once(socket, 'close').then(() => parseAnswers(Buffer.concat(chunks)));
    });
    const arrived = once(app.server, 'request');
    slow.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    // Half a request keeps the connection from being idle when the listener closes.
    late.write('GET /things HTTP/1.1\r\n');
    await arrived;
    const closed = app.close();
    await expect.poll(() => app.server.listening).toBe(false);
    late.write('Host: x\r\n\r\n');
    const lateAnswers = await answered[1];
    release();
    const slowAnswers = await answered[0];
    await closed;
    expect(lateAnswers?.map((answer) => [answer.status, answer.headers.connection])).toEqual([
      [503, 'close'],
    ]);
    expect(JSON.parse(lateAnswers?.[0]?.body ?? '')).toMatchObject({ code: 'draining', instance: '/things' });
    expect(slowAnswers?.map((answer) => [answer.status, answer.body])).toEqual([[200, '{"slow":true}']]);
  });
});
