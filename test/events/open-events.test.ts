import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startTcpProxy } from '../database/tcp-proxy.ts';
import { makeRoom } from '../helpers/property.ts';
import { goodClaims, hmacToken, tokenFor } from '../helpers/tokens.ts';
import {
  firstBlock,
  type ListeningApp,
  logIds,
  type OpenedStream,
  openEvents,
  startListening,
  until,
  untilIds,
} from './streams.ts';

let server: ListeningApp;

beforeAll(async () => {
  server = await startListening();
});
afterAll(() => server.close());

test.each([
  [200, 'ROOM_MANAGEMENT:READ'],
  [200, 'ROOM_MANAGEMENT:WRITE'],
  [200, 'ROOM_HOLD:WRITE'],
  [403, 'ROOM_HOLD:DELEGATE'],
  [403, 'something-else'],
])('%i with %s', async (status, scope) => {
  const { call } = server;
  expect((await call('HEAD', '/events', { token: tokenFor('somebody', scope) })).status).toBe(status);
});

test('401 without a token, 403 without a permission, 400 for a query that is not known or not right', async () => {
  const { call, as } = server;
  expect((await call('GET', '/events')).body).toMatchObject({ code: 'credentials-missing' });
  expect((await call('GET', '/events', { token: as.nobody })).body).toMatchObject({
    code: 'permission-denied',
  });
  for (const query of [
    'room=1',
    'room_id=0',
    'room_id=abc',
    'room_id=1&room_id=2',
    'last_event_id=1&last_event_id=2',
  ]) {
    const answer = await call('GET', `/events?${query}`, { token: as.operations });
    expect([query, answer.status, answer.body.code]).toEqual([query, 400, 'request-invalid']);
  }
});

test('HEAD has the headers of the stream and ends, OPTIONS tells the methods, others are 405', async () => {
  const { call, as } = server;
  const head = await call('HEAD', '/events', { token: as.operations });
  expect([head.status, head.text]).toEqual([200, '']);
  expect(head.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  expect(head.headers['content-length']).toBeUndefined();
  const options = await call('OPTIONS', '/events');
  expect([options.status, options.headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS']);
  const post = await call('POST', '/events', { token: as.admin });
  expect([post.status, post.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
});

test('a page of an allowed origin may read the stream, and send where it goes on from', async () => {
  const env = { CORS_ORIGINS: 'https://book.example.com' };
  const cors = await startListening({ database: server.database, env });
  const headers = { origin: 'https://book.example.com' };
  const stream = await openEvents(cors.port, { token: server.as.frontend, headers });
  expect(stream.headers).toMatchObject({
    'access-control-allow-origin': 'https://book.example.com',
    'access-control-expose-headers': expect.stringContaining('X-Request-Id'),
  });
  const preflight = await cors.call('OPTIONS', '/events', {
    headers: {
      ...headers,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization,last-event-id',
    },
  });
  expect(preflight.headers['access-control-allow-headers']).toContain('last-event-id');
  await cors.close();
});

test('the rate limit counts that a stream is opened, not what it sends', async () => {
  const env = { RATE_LIMIT_PER_MINUTE: '3' };
  const limited = await startListening({ database: server.database, env, times: { events: { beatMs: 5 } } });
  const token = tokenFor('watcher', 'ROOM_MANAGEMENT:READ');
  const streams: OpenedStream[] = [];
  for (let n = 0; n < 3; n += 1) streams.push(await openEvents(limited.port, { token }));
  const refused = await openEvents(limited.port, { token });
  expect([refused.status, refused.headers['content-type']]).toEqual([429, 'application/problem+json']);
  await makeRoom(server);
  for (const stream of streams) {
    await until(() => expect(stream.events().length).toBeGreaterThan(0));
    await until(() => expect(stream.blocks.length).toBeGreaterThan(10));
  }
  await limited.close();
});

test('while Postgres is out of reach streams stay and others are refused; then they go on without a gap', async () => {
  const proxy = await startTcpProxy(server.database.url);
  const far = await startListening({
    database: { ...server.database, url: proxy.url },
    times: { events: { beatMs: 20 } },
  });
  onTestFinished(() => far.close());
  const token = server.as.operations;
  const live = await openEvents(far.port, { token });
  const { id } = await firstBlock(live);
  const before = Number(id);
  await makeRoom(server);
  await untilIds(live, await logIds(server.database, before));

  proxy.refuse();
  proxy.cut();
  const refused = await openEvents(far.port, { token });
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
  await until(() => expect(JSON.parse(refused.text())).toMatchObject({ code: 'dependency-unavailable' }));
  await makeRoom(server);
  const beatsCount = live.blocks.length;
  await until(() => expect(live.blocks.length).toBeGreaterThan(beatsCount + 5));

  proxy.accept();
  await makeRoom(server);
  const ids = await logIds(server.database, before);
  await untilIds(live, ids);
  await untilIds(await openEvents(far.port, { token, lastEventId: before }), ids);
});

test('an expired token opens nothing', async () => {
  const token = hmacToken(goodClaims({ exp: 1_000_000, scopes: ['ROOM_MANAGEMENT:READ'] }));
  expect((await openEvents(server.port, { token })).status).toBe(401);
});
