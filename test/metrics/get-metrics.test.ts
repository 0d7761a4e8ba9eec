/** Owns the proof of GET /metrics: who may scrape, in which form, and that no outage holds a scrape up. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { buildApp } from '../../src/app.ts';
import type { Prisma } from '../../src/generated/prisma/client.ts';
import { startTcpProxy } from '../database/tcp-proxy.ts';
import { roles, startTestApp, type TestApp, type TestAppOptions } from '../helpers/app.ts';
import { until } from '../helpers/connections.ts';
import { createEmptyDatabase } from '../helpers/database.ts';
import { freezeRoom, makeRoomIn, makeRooms, placeHold } from '../helpers/property.ts';
import { readScrape, scrape } from '../helpers/scrape.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

const start = async (options: TestAppOptions): Promise<TestApp> => {
  const other = await startTestApp(options);
  onTestFinished(() => other.close());
  return other;
};

test('200 in the text format of Prometheus, without a token, never cached', async () => {
  const { status, headers, text } = await server.call('GET', '/metrics');
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'cache-control': 'no-store',
  });
  expect(readScrape(text).value('holdfast_ready')).toBe(1);
});

test('HEAD, OPTIONS and other methods are as on every route', async () => {
  expect(await server.call('HEAD', '/metrics')).toMatchObject({ status: 200, text: '' });
  const options = await server.call('OPTIONS', '/metrics');
  expect(options).toMatchObject({ status: 204, headers: { allow: 'GET, HEAD, OPTIONS' } });
  expect(await server.call('POST', '/metrics')).toMatchObject({ status: 405 });
  expect(await server.call('GET', '/metrics?name=x')).toMatchObject({ status: 400 });
});

test('with a METRICS_TOKEN: 401 without it or with another token, and 200 with it', async () => {
  const guarded = await start({ env: { METRICS_TOKEN: 'for-the-scraper' }, database: server.database });
  const scrapeWith = (token?: string) =>
    guarded.call('GET', '/metrics', token === undefined ? {} : { token });
  expect(await scrapeWith()).toMatchObject({ status: 401, body: { code: 'credentials-missing' } });
  for (const token of ['for-the-scrape', 'for-the-scraper2', roles.admin]) {
    expect(await scrapeWith(token)).toMatchObject({ status: 401, body: { code: 'credentials-invalid' } });
  }
  expect(await scrapeWith('for-the-scraper')).toMatchObject({ status: 200 });
  const head = await guarded.call('HEAD', '/metrics');
  expect(head.status).toBe(401);
});

test('is not limited in its rate', async () => {
  const limited = await start({ env: { RATE_LIMIT_PER_MINUTE: '1' }, database: server.database });
  for (let n = 0; n < 3; n += 1) expect(await limited.call('GET', '/metrics')).toMatchObject({ status: 200 });
});

test('every metric has a help text in whole sentences and a name by the conventions', async () => {
  const { helps, types } = await scrape(server);
  const own = [...types].filter(([name]) => name.startsWith('holdfast_'));
  expect(own.length).toBeGreaterThan(30);
  for (const [name, type] of own) {
    expect(helps.get(name), name).toMatch(/^[A-Z1].*\.$/);
    expect(name.endsWith('_total'), `${name} is a ${type}`).toBe(type === 'counter');
    expect(name, 'units are base units').not.toMatch(/_(ms|milliseconds|minutes|percent)(_|$)/);
  }
});

test('rooms by status and reason, and active holds, are those of the summary', async () => {
  const other = await start({});
  const rooms = await makeRooms(other, 5);
  const [a, b, c] = rooms.map(({ room_id }) => room_id);
  if (a === undefined || b === undefined || c === undefined) throw new Error('five rooms were made');
  await placeHold(other, [a, b]);
  await freezeRoom(other, c, { freeze_reason: 'CLEANING' });
  await makeRoomIn(other, 'BOOKED');
  const { body } = await other.call('GET', '/rooms/summary', { token: roles.operations });
  const said = await scrape(other);
  expect(said.value('holdfast_counts_up')).toBe(1);
  for (const [status, count] of Object.entries(body.by_status)) {
    expect(said.value('holdfast_rooms', { status }), status).toBe(count);
  }
  expect(body.by_status).toMatchObject({ HELD: 2, FROZEN: 1, BOOKED: 1 });
  expect(said.value('holdfast_rooms_frozen', { reason: 'CLEANING' })).toBe(1);
  expect(said.value('holdfast_holds_active')).toBe(1);
  expect(said.value('holdfast_overdue_seconds')).toBe(0);
});

test('counts rooms no more often than the summary does, and scrapes at once share what they read', async () => {
  const reads: string[] = [];
  const { database } = server.platform;
  const counted = {
    ...database,
    read: <Row>(query: Prisma.Sql) => {
      reads.push(query.sql);
      return database.read<Row>(query);
    },
  };
  const app = await buildApp({ ...server.platform, database: counted });
  onTestFinished(() => app.close());
  const asked = { url: '/rooms/summary', headers: { authorization: `Bearer ${roles.operations}` } };
  await Promise.all([app.inject(asked), ...Array.from({ length: 20 }, () => app.inject('/metrics'))]);
  expect(reads.filter((sql) => /GROUP BY room_status/.test(sql))).toHaveLength(1);
  expect(reads).toHaveLength(2);
});

test('while Postgres says nothing, a scrape answers within a second, and leaves out what it does not know', async () => {
  const proxy = await startTcpProxy(server.database.url);
  const cut = await start({ database: { ...server.database, url: proxy.url } });
  expect((await scrape(cut)).value('holdfast_holds_active')).toBe(0);
  proxy.deafen();
  // Until the summary that was counted a moment ago is too old.
  const said = await until(async () => {
    const startedAtMs = performance.now();
    const found = await scrape(cut);
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    expect(found.value('holdfast_rooms')).toBeUndefined();
    return found;
  });
  expect(said.value('holdfast_counts_up')).toBe(0);
  expect(said.value('holdfast_ready')).toBe(0);
  for (const name of ['holdfast_holds_active', 'holdfast_overdue_seconds', 'holdfast_rooms_frozen']) {
    expect(said.value(name), name).toBeUndefined();
  }
  expect(said.value('holdfast_database_pool_connections', { state: 'busy' })).toBeGreaterThan(0);
  proxy.cut();
  await until(async () => expect((await scrape(cut)).value('holdfast_counts_up')).toBe(1));
});

test('not ready while migrations are missing', async () => {
  const empty = await createEmptyDatabase();
  onTestFinished(() => empty.drop());
  const unready = await start({ database: empty });
  expect((await scrape(unready)).value('holdfast_ready')).toBe(0);
});

test('servers in one process have registries of their own', async () => {
  const other = await start({ database: server.database });
  await other.call('GET', '/livez');
  await until(async () => {
    expect((await scrape(other)).value('holdfast_http_requests_total', { route: '/livez' })).toBe(1);
  });
  expect((await scrape(server)).value('holdfast_http_requests_total', { route: '/livez' })).toBeUndefined();
});
