/** Owns the proof of what is measured of requests: each once, by route, method and status, with labels nobody can multiply. */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openMetrics } from '../../src/metrics.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { until } from '../helpers/connections.ts';
import { makeRoom } from '../helpers/property.ts';
import { dial, exchange, listen } from '../helpers/raw-http.ts';
import { readScrape, type Sample, scrape, watchMetrics } from '../helpers/scrape.ts';
import { startBareApp } from '../http/bare.ts';

let server: TestApp;
let port: number;
beforeAll(async () => {
  server = await startTestApp();
  port = await listen(server.app);
});
afterAll(() => server.close());

const requests = 'holdfast_http_requests_total';
const problems = 'holdfast_http_problems_total';

test('a request counts once, by the pattern of its route, its method and its status, with its time', async () => {
  const { room_id } = await makeRoom(server);
  const moved = await watchMetrics(server);
  const token = server.as.operations;
  await server.call('GET', `/rooms/${room_id}?`, { token });
  await server.call('GET', `/rooms/${room_id}`, { token });
  await server.call('HEAD', `/rooms/${room_id}`, { token });
  await server.call('GET', '/rooms/2000000000', { token });
  const route = '/rooms/{room_id}';
  await until(async () => {
    expect(await moved(requests, { route, method: 'GET', status: '200' })).toBe(2);
    expect(await moved(requests, { route, method: 'HEAD', status: '200' })).toBe(1);
    expect(await moved(requests, { route, method: 'GET', status: '404' })).toBe(1);
    expect(await moved('holdfast_http_request_duration_seconds_count', { route, method: 'GET' })).toBe(3);
  });
  const seconds = await moved('holdfast_http_request_duration_seconds_sum', { route, method: 'GET' });
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThan(30);
  expect(await moved(problems, { code: 'room-not-found' })).toBe(1);
});

test('unknown paths are one route, and methods that no route has are one method', async () => {
  const moved = await watchMetrics(server);
  for (let n = 0; n < 20; n += 1) await server.call('GET', `/nothing/${n}`);
  await exchange(port, 'PROPFIND /rooms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await exchange(port, 'SEARCH /rooms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await until(async () => {
    expect(await moved(requests, { route: 'unknown', status: '404' })).toBe(20);
    expect(await moved(requests, { route: '/rooms', method: 'other', status: '405' })).toBe(2);
  });
});

test('no label tells a path, a query, a token or a caller', async () => {
  await server.call('GET', '/rooms?room_no=find-me', { token: server.as.admin });
  await server.call('GET', '/find-me', { token: server.as.admin });
  const { samples } = await until(async () => {
    const found = await scrape(server);
    expect(found.value(requests, { route: 'unknown' })).toBeGreaterThan(0);
    return found;
  });
  const routes = new Set([...server.app.patterns.keys()].map((url) => url.replaceAll(/:(\w+)/g, '{$1}')));
  const said = samples.flatMap(({ labels }: Sample) => Object.values(labels));
  expect(said.filter((value) => /find-me|Bearer|eyJ|admin/.test(value))).toEqual([]);
  const named = samples.flatMap(({ labels }) => labels.route ?? []).filter((route) => route !== 'unknown');
  expect(named.filter((route) => !routes.has(route))).toEqual([]);
});

test('the time of a stream is not measured: it lasts for as long as its client likes', async () => {
  const metrics = openMetrics();
  const { app } = await startBareApp({
    metrics,
    extraRoutes: async (extra) => {
      extra.get('/stream', { config: { public: true, isStream: true } }, async () => 'said');
    },
  });
  await app.inject('/stream');
  await app.inject('/livez');
  await until(async () => {
    const said = readScrape(await metrics.registry.metrics());
    expect(said.value(requests, { route: '/stream', status: '200' })).toBe(1);
    expect(said.value(requests, { route: 'unknown' })).toBe(1);
    expect(said.value('holdfast_http_request_duration_seconds_count')).toBe(1);
    expect(said.value('holdfast_http_request_duration_seconds_count', { route: '/stream' })).toBeUndefined();
  });
});

test('event streams are counted while they are open', async () => {
  const streams = async () => (await scrape(server)).value('holdfast_event_streams');
  expect(await streams()).toBe(0);
  const socket = await dial(port);
  socket.write(`GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.as.admin}\r\n\r\n`);
  await until(async () => expect(await streams()).toBe(1));
  socket.destroy();
  await until(async () => expect(await streams()).toBe(0));
  const said = await scrape(server);
  expect(said.value('holdfast_http_request_duration_seconds_count', { route: '/events' })).toBeUndefined();
});

test('what HTTP itself refuses counts by its problem', async () => {
  const moved = await watchMetrics(server);
  await exchange(port, 'GET /rooms/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await exchange(port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  await exchange(port, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n');
  expect(await moved(problems, { code: 'url-malformed' })).toBe(1);
  expect(await moved(problems, { code: 'headers-too-large' })).toBe(1);
  expect(await moved(problems, { code: 'method-not-allowed' })).toBe(1);
});

test('a client that hangs up before its answer counts as cut', async () => {
  const other = await startTestApp({ database: server.database });
  onTestFinished(() => other.close());
  const moved = await watchMetrics(other);
  const socket = await dial(await listen(other.app));
  const arrived = once(other.app.server, 'request');
  const token = `Authorization: Bearer ${server.as.admin}\r\n`;
  const head = 'Content-Type: application/json\r\nContent-Length: 9\r\n';
  socket.write(`POST /rooms HTTP/1.1\r\nHost: x\r\n${token}${head}\r\n{`);
  await arrived;
  socket.destroy();
  await until(async () => {
    expect(await moved(requests, { route: '/rooms', method: 'POST', status: 'cut' })).toBe(1);
  });
});
