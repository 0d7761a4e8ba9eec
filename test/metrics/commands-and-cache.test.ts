/** Owns the proof of what is measured between a request and its answer: batches, queues, the cache, Redis, connections. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openCommand } from '../../src/commands.ts';
import { startOwnRedis } from '../cache/redis-process.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { until } from '../helpers/connections.ts';
import { makeRoom, makeRooms, openSession, placeHold, untilBlocked } from '../helpers/property.ts';
import { scrape, watchMetrics } from '../helpers/scrape.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp({ env: { HOLDS_ACTIVE_MAX: '0' } });
});
afterAll(() => server.close());

const lookups = 'holdfast_cache_lookups_total';
const command = 'hold_place';

/** A transaction that keeps others from changing a room until it is committed. */
const lockRoom = async (roomId: number) => {
  const session = await openSession(server.database);
  await session.query('BEGIN');
  await session.query('SELECT FROM room WHERE room_id = $1 FOR UPDATE', [roomId]);
  return session;
};

const placement = (roomId: number) => ({
  created_by: 'a',
  holder: 'a',
  room_ids: [roomId],
  ttl_seconds: 60,
  is_patient: false,
  actor: 'a',
  request_id: 'r',
});

test('a batch counts by its size, its requests by how long they waited, those that wait are the queue', async () => {
  const [first = 0, ...rest] = (await makeRooms(server, 6)).map(({ room_id }) => room_id);
  const session = await lockRoom(first);
  const moved = await watchMetrics(server);
  const limits = { flightsMax: 1, queuedRequestsMax: 5 };
  const place = openCommand<Record<string, unknown>, { hold_id: string }>(server.platform, command, limits);
  const placed = [place(placement(first))];
  await untilBlocked(server.database);
  for (const roomId of rest) placed.push(place(placement(roomId)));
  expect((await scrape(server)).value('holdfast_command_queued_requests', { command })).toBe(5);
  await expect(place(placement(first))).rejects.toMatchObject({ code: 'overloaded' });
  expect((await scrape(server)).value('holdfast_command_queued_requests', { command })).toBe(5);
  await session.query('COMMIT');
  await Promise.all(placed);
  expect((await scrape(server)).value('holdfast_command_queued_requests', { command })).toBe(0);
  expect(await moved('holdfast_command_batch_requests_count', { command })).toBe(2);
  expect(await moved('holdfast_command_batch_requests_sum', { command })).toBe(6);
  expect(await moved('holdfast_command_wait_seconds_count', { command })).toBe(6);
  expect(await moved('holdfast_command_wait_seconds_sum', { command })).toBeGreaterThan(0);
  expect(await moved('holdfast_command_duration_seconds_count', { command })).toBe(2);
  expect(await moved('holdfast_command_refusals_total', { command, code: 'overloaded' })).toBe(1);
  expect(await moved('holdfast_holds_placed_total')).toBe(6);
});

test('a request whose batch fails as a whole waits and counts once', async () => {
  const [first = 0, poisoned = 0, ...rest] = (await makeRooms(server, 4)).map(({ room_id }) => room_id);
  const session = await lockRoom(first);
  const moved = await watchMetrics(server);
  const limits = { flightsMax: 1 };
  const place = openCommand<Record<string, unknown>, { hold_id: string }>(server.platform, command, limits);
  const placed = [place(placement(first))];
  await untilBlocked(server.database);
  for (const roomId of rest) placed.push(place(placement(roomId)));
  placed.push(place({ ...placement(poisoned), holder: null }));
  const outcomes = Promise.allSettled(placed);
  await session.query('COMMIT');
  expect((await outcomes).map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'fulfilled',
    'rejected',
  ]);
  expect(await moved('holdfast_command_wait_seconds_count', { command })).toBe(4);
  expect(await moved('holdfast_holds_placed_total')).toBe(3);
  expect(await moved('holdfast_command_refusals_total', { command, code: 'internal-error' })).toBe(1);
  expect((await scrape(server)).value('holdfast_command_queued_requests', { command })).toBe(0);
});

test('a look into the cache counts by level and result; without Redis there is one level', async () => {
  await makeRoom(server);
  const moved = await watchMetrics(server);
  const list = () => server.call('GET', '/rooms?floor=cache', { token: server.as.operations });
  await list();
  await list();
  const hold = await placeHold(server, [(await makeRoom(server)).room_id]);
  await server.call('GET', `/rooms/hold/${hold.hold_id}`, { token: server.as.operations });
  expect(await moved(lookups, { cache: 'list', level: 'process', result: 'miss' })).toBe(1);
  expect(await moved(lookups, { cache: 'list', level: 'process', result: 'hit' })).toBe(1);
  expect(await moved(lookups, { cache: 'hold', level: 'process', result: 'hit' })).toBe(1);
  expect(await moved(lookups, { level: 'redis' })).toBe(0);
  const said = await scrape(server);
  expect(said.value('holdfast_redis_up')).toBeUndefined();
  expect(said.value('holdfast_database_pool_connections_max')).toBe(8);
  expect(said.value('holdfast_database_pool_waiting')).toBe(0);
  expect(said.value('holdfast_database_pool_connections')).toBeGreaterThan(0);
});

test('readers of one list at once: one misses, the others join', async () => {
  const moved = await watchMetrics(server);
  const list = () => server.call('GET', '/rooms?floor=joined', { token: server.as.operations });
  await Promise.all(Array.from({ length: 10 }, list));
  const results = ['hit', 'joined', 'miss'].map((result) =>
    moved(lookups, { cache: 'list', level: 'process', result }),
  );
  const [hits = 0, joined = 0, misses = 0] = await Promise.all(results);
  expect(misses).toBe(1);
  expect(hits + joined).toBe(9);
  expect(joined).toBeGreaterThan(0);
});

test('with Redis: what one instance has read, the other finds there; a Redis that dies is told', async () => {
  const redis = await startOwnRedis();
  onTestFinished(() => redis.close());
  const env = { REDIS_URL: redis.url };
  const [one, two] = await Promise.all([
    startTestApp({ env, database: server.database }),
    startTestApp({ env, database: server.database }),
  ]);
  onTestFinished(async () => {
    await one.close();
    await two.close();
  });
  for (const instance of [one, two]) {
    await until(async () => expect((await scrape(instance)).value('holdfast_redis_up')).toBe(1));
  }
  const { room_id } = await makeRoom(one, { floor: 'shared' });
  const list = (instance: TestApp) =>
    instance.call('GET', '/rooms?floor=shared', { token: server.as.operations });
  const moved = await watchMetrics(two);
  await until(async () => {
    await list(one);
    expect((await list(two)).body.rooms).toMatchObject([{ room_id }]);
    expect(await moved(lookups, { cache: 'list', level: 'redis', result: 'hit' })).toBeGreaterThan(0);
  });
  await redis.stop();
  await until(async () => {
    await list(one);
    expect((await scrape(one)).value('holdfast_redis_up')).toBe(0);
  });
});
