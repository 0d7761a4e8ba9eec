/** Owns the proof that an answer which lay ready is the same as the one that was made, and that no rule is left out for it. */
import { connect } from 'node:net';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { readyBody } from '../../src/cache/entry.ts';
import { cacheControl, sendTagged } from '../../src/http/conditional.ts';
import { responses } from '../../src/http/openapi.ts';
import { openMetrics } from '../../src/metrics.ts';
import { text } from '../../src/wire-schemas.ts';
import { until } from '../helpers/connections.ts';
import { dial, exchange, listen, parseAnswers, type RawAnswer } from '../helpers/raw-http.ts';
import { goodClaims, hmacToken, inSeconds, tokenFor } from '../helpers/tokens.ts';
import { type BareOptions, startBareApp } from './bare.ts';

const reader = tokenFor('reader', 'ROOM_MANAGEMENT:READ');

/** A server with one route whose answer lies ready while `page.isReady`, and how often the route itself was asked. */
async function start(options: BareOptions = {}) {
  const page = { body: '{"pages":[1,"é"]}', isReady: true, isBroken: false, asked: 0 };
  const answer = () => readyBody(page.body, { 'x-last-event-id': '7' });
  const ready = () => {
    if (page.isBroken) throw new Error('broken');
    return page.isReady ? answer() : undefined;
  };
  const routes: FastifyPluginAsyncZod = async (app) => {
    app.addHook('onRequest', cacheControl('private, no-cache'));
    app.get(
      '/pages',
      {
        config: { anyOf: ['ROOM_MANAGEMENT:READ'], ready },
        schema: {
          querystring: z.strictObject({ q: text(1, 5).optional() }),
          response: responses({ 200: z.looseObject({}) }),
        },
      },
      async (request, reply) => {
        page.asked += 1;
        return sendTagged(request, reply, answer());
      },
    );
  };
  const { app, lines } = await startBareApp({ ...options, extraRoutes: routes });
  const port = await listen(app);
  const ask = async (
    headers: Record<string, string> | string[] = {},
    { method = 'GET', url = '/pages', token = reader } = {},
  ): Promise<RawAnswer> => {
    const more = Array.isArray(headers)
      ? headers
      : Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    const head = [`${method} ${url} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${token}`, ...more];
    const [got] = await exchange(port, `${head.join('\r\n')}\r\nConnection: close\r\n\r\n`);
    if (got === undefined) throw new Error('no answer');
    return got;
  };
  return { app, lines, page, port, ask };
}

/** Headers without those that are another's at each answer. */
function lasting({ headers }: RawAnswer): Record<string, string> {
  const { 'x-request-id': _id, date: _date, ...rest } = headers;
  return rest;
}

describe('an answer that lies ready', () => {
  test('is, to the header, the one that the route made, and the route is not asked', async () => {
    const { page, ask } = await start();
    const made = await ask();
    const ready = await ask();
    expect(page.asked).toBe(1);
    expect(ready).toMatchObject({ status: 200, body: page.body });
    expect(lasting(ready)).toEqual(lasting(made));
    expect(ready.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(ready.headers['x-request-id']).not.toBe(made.headers['x-request-id']);
  });

  test('is 304 for whoever has it', async () => {
    const { page, ask } = await start();
    const etag = (await ask()).headers.etag ?? '';
    page.isReady = false;
    const made = await ask({ 'if-none-match': etag });
    page.isReady = true;
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const ready = await ask({ 'if-none-match': known });
      expect([ready.status, ready.body, lasting(ready)]).toEqual([304, '', lasting(made)]);
    }
    expect(await ask({ 'if-none-match': '"x"' })).toMatchObject({ status: 200, body: page.body });
    expect(page.asked).toBe(2);
  });

  test('is logged and counted as any other', async () => {
    const metrics = openMetrics();
    const { page, lines, ask } = await start({ metrics });
    await ask();
    const ready = await ask({}, { url: '/pages' });
    expect(page.asked).toBe(1);
    const request_id = ready.headers['x-request-id'];
    await until(() => expect(lines.filter((line) => line.msg === 'request')).toHaveLength(2));
    const [first, second] = lines.filter((line) => line.msg === 'request');
    expect(second).toEqual({ ...first, request_id, time: second?.time, ms: expect.any(Number) });
    expect(await metrics.registry.metrics()).toMatch(
      /http_requests_total\{method="GET",route="\/pages",status="200"\} 2\n/,
    );
    expect(await metrics.registry.metrics()).toMatch(
      /http_request_duration_seconds_count\{method="GET",route="\/pages"\} 2\n/,
    );
  });

  test('is the present one, and made anew where there is none', async () => {
    const { page, ask } = await start();
    await ask();
    page.body = '{"pages":[2]}';
    expect((await ask()).body).toBe('{"pages":[2]}');
    page.isReady = false;
    expect((await ask()).body).toBe('{"pages":[2]}');
    expect(page.asked).toBe(2);
  });

  test('is made as ever where the look for it fails, and the log tells of it', async () => {
    const { page, lines, ask } = await start();
    await ask();
    page.isBroken = true;
    expect((await ask()).status).toBe(200);
    expect(page.asked).toBe(2);
    expect(lines.filter((line) => line.msg === 'the short way failed')).toHaveLength(1);
  });

  test('comes in its turn on a connection, behind one that has to be made', async () => {
    const { page, port } = await start();
    const get = (url: string) => `GET ${url} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${reader}\r\n`;
    await exchange(port, `${get('/pages')}Connection: close\r\n\r\n`);
    const answers = await exchange(
      port,
      `${get('/things/5')}\r\n${get('/pages')}\r\n${get('/pages?q=new')}\r\n${get('/pages')}Connection: close\r\n\r\n`,
    );
    expect(answers.map(({ status, body }) => [status, body.slice(0, 8)])).toEqual([
      [200, '{"thing_'],
      [200, '{"pages"'],
      [200, '{"pages"'],
      [200, '{"pages"'],
    ]);
    expect(page.asked).toBe(2);
  });

  test('is no answer to another method, to another URL, or to a request with a body', async () => {
    const { page, ask } = await start();
    await ask();
    expect(await ask({}, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    expect((await ask({}, { method: 'DELETE' })).status).toBe(405);
    expect((await ask({}, { url: '/pages?q=toolong' })).status).toBe(400);
    expect((await ask({}, { url: '/pages?unknown=1' })).status).toBe(400);
    expect((await ask({ 'content-length': '0' })).status).toBe(200);
    expect(page.asked).toBe(3);
    const many = Array.from({ length: 1000 }, (_, at) => `x${at}: 1`);
    expect((await ask(many)).status).toBe(431);
  });
});

describe('the rules hold for it', () => {
  test('401 for tokens that are wrong, twice there, or over', async () => {
    const { page, ask } = await start();
    const exp = inSeconds(60);
    const token = hmacToken(goodClaims({ exp, scopes: ['ROOM_MANAGEMENT:READ'] }));
    expect((await ask({}, { token })).status).toBe(200);
    expect((await ask({}, { token: 'nonsense' })).status).toBe(401);
    expect((await ask([`Authorization: Bearer ${reader}`], { token })).status).toBe(401);
    expect((await ask([`authorization: Bearer ${token}`], { token })).status).toBe(401);
    vi.useFakeTimers({ toFake: ['Date'], now: (exp + 2) * 1000 + 1 });
    onTestFinished(() => void vi.useRealTimers());
    expect((await ask({}, { token })).status).toBe(401);
    expect(page.asked).toBe(1);
  });

  test('403 without the permission, also for a caller who is known', async () => {
    const { page, ask } = await start();
    const token = tokenFor('other', 'ROOM_HOLD:WRITE');
    await ask();
    expect([(await ask({}, { token })).status, (await ask({}, { token })).status]).toEqual([403, 403]);
    expect(page.asked).toBe(1);
  });

  test('429 past the limit, however the answers before it came about', async () => {
    const { page, ask } = await start({ config: { rateLimitPerMinute: 3 } });
    const statuses: number[] = [];
    for (let count = 0; count < 5; count += 1) statuses.push((await ask()).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect(page.asked).toBe(1);
    expect((await ask({}, { token: tokenFor('another', 'ROOM_MANAGEMENT:READ') })).status).toBe(200);
  });

  test('a page of another origin hears what it may do', async () => {
    const { ask } = await start({ config: { corsOrigins: ['https://hotel.example'] } });
    await ask();
    const own = await ask();
    const other = await ask({ origin: 'https://hotel.example' });
    expect(own.headers['access-control-allow-origin']).toBeUndefined();
    expect(other.headers['access-control-allow-origin']).toBe('https://hotel.example');
    expect(lasting(await ask())).toEqual(lasting(own));
  });

  test('draining, it says so; on a server that closes, 503', async () => {
    const draining = new AbortController();
    const { app, page, port, ask } = await start({ draining });
    await ask();
    const socket = await dial(port);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    const get = `GET /pages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${reader}\r\n\r\n`;
    const answered = (count: number) =>
      until(() => expect(parseAnswers(Buffer.concat(chunks))).toHaveLength(count));
    socket.write(get);
    await answered(1);
    const late = await dial(port);
    // Node takes a connection that has not spoken for a busy one, and keeps it.
    late.write('GET /pa');
    draining.abort();
    socket.write(get);
    await answered(2);
    const [before, after] = parseAnswers(Buffer.concat(chunks));
    expect([before?.headers.connection, after?.headers.connection]).toEqual(['keep-alive', 'close']);
    expect(page.asked).toBe(2);
    const closed = app.close();
    await until(() => expect(app.isGoingDown()).toBe(true));
    const bytes: Buffer[] = [];
    late.on('data', (chunk) => bytes.push(chunk));
    late.write(get.slice('GET /pa'.length));
    await until(() => expect(parseAnswers(Buffer.concat(bytes))[0]?.status).toBe(503));
    await closed;
  });

  test('a client that does not read a long one is cut', async () => {
    const { app, page, port, ask } = await start({ times: { answerTimeoutMs: 100 } });
    page.body = JSON.stringify({ pages: 'x'.repeat(20_000_000) });
    expect((await ask()).status).toBe(200);
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.pause();
    socket.write(`GET /pages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${reader}\r\n\r\n`);
    const connections = () =>
      new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)));
    await until(async () => expect(await connections()).toBe(0));
    expect(page.asked).toBe(1);
    socket.destroy();
  });

  test('where requests are traced, each goes all the way', async () => {
    const tracing = {
      requests: { start: () => ({}) as never, end() {}, within: (_: unknown, next: () => void) => next() },
    };
    const { page, ask } = await start({ tracing });
    await ask();
    await ask();
    expect(page.asked).toBe(2);
  });
});
