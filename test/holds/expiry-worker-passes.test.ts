/** Owns the tests of how the passes of a worker follow each other, fail and stop. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { TestApp } from '../helpers/app.ts';
import { connect, until, untilBlocked } from '../helpers/connections.ts';
import { expire, makeHold, startHoldApp, storedStatus, sweep } from './verbs.ts';
import {
  endedCounts,
  holdUpPasses,
  intervalSeconds,
  makeOverHolds,
  passTime,
  startIdleWorker,
  startWorker,
  stopTime,
} from './worker.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
  // Counts the passes that have begun; a sequence does not roll back.
  await server.database.query('CREATE SEQUENCE passes');
  await server.database.query('CREATE TABLE batch (rooms_max integer)');
  await server.database.query('ALTER FUNCTION sweep(integer) RENAME TO sweep_uncounted');
  await server.database.query(`
    CREATE FUNCTION sweep(batch_max integer) RETURNS json LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM nextval('passes');
      INSERT INTO batch VALUES (batch_max);
      RETURN sweep_uncounted(batch_max);
    END $$`);
});
afterAll(() => server.close());
beforeEach(async () => {
  await sweep(server);
  await server.database.query('ALTER SEQUENCE passes RESTART');
  await server.database.query('TRUNCATE batch');
});
afterEach(() => {
  vi.useRealTimers();
});

const passesCount = async () => {
  const [row] = await server.database.query<{ count: string }>(
    'SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS count FROM passes',
  );
  return Number(row?.count);
};

test('one at the start, then one every HOLD_SWEEP_INTERVAL_SECONDS', async () => {
  stopTime();
  const { swept } = await startIdleWorker(server);
  expect(await passesCount()).toBe(1);
  for (const passes of [2, 3]) {
    const { hold } = await makeHold(server, 1);
    await expire(server, hold);
    vi.advanceTimersByTime(intervalSeconds * 500);
    expect(await passesCount()).toBe(passes - 1);
    vi.advanceTimersByTime(intervalSeconds * 500);
    await until(() => expect(swept()).toHaveLength(passes));
    expect(await passesCount()).toBe(passes);
    expect(swept().at(-1)).toMatchObject({ holdsExpired: 1, freezesEnded: 0, keysForgotten: 0 });
  }
});

test('never two at a time: while one runs, its instants go by', async () => {
  stopTime();
  const { hold } = await makeHold(server, 1);
  await expire(server, hold);
  const rival = await holdUpPasses(server);
  const { worker, swept } = startWorker(server);
  await untilBlocked(rival, server.database);
  passTime(3);
  await rival.query('COMMIT');
  await until(() => expect(swept()).toHaveLength(1));
  expect(await passesCount()).toBe(1);
  passTime();
  await until(async () => expect(await passesCount()).toBe(2));
  await worker.stop();
  expect(await passesCount()).toBe(2);
});

test('one that fails is logged, and the next one runs', async () => {
  stopTime();
  const { hold, rooms } = await makeHold(server, 1);
  await expire(server, hold);
  await server.database.query('ALTER FUNCTION sweep_uncounted(integer) RENAME TO sweep_away');
  const { lines, swept } = startWorker(server);
  await until(() => expect(lines.filter(({ level }) => level >= 50)).toHaveLength(1));
  expect(lines[0]?.msg).toMatch(/sweep failed/);
  await server.database.query('ALTER FUNCTION sweep_away(integer) RENAME TO sweep_uncounted');
  passTime();
  await until(() => expect(swept()).toMatchObject([{ holdsExpired: 1 }]));
  expect(await storedStatus(server, rooms[0]?.room_id ?? 0)).toBe('AVAILABLE');
});

test('a hold that somebody else has locked is passed over, with its rooms, and is ended by the next one', async () => {
  const { hold, rooms } = await makeHold(server, 2);
  await expire(server, hold);
  const rival = await connect(server.database.url);
  await rival.query('BEGIN');
  await rival.query('SELECT FROM hold WHERE hold_id = $1 FOR NO KEY UPDATE', [hold.hold_id]);
  const { worker, swept } = startWorker(server);
  expect(await worker.runOnce()).toMatchObject({ holdsExpired: 0 });
  expect(await storedStatus(server, rooms[0]?.room_id ?? 0)).toBe('HELD');
  await rival.query('COMMIT');
  expect(await worker.runOnce()).toMatchObject({ holdsExpired: 1 });
  expect(await storedStatus(server, rooms[0]?.room_id ?? 0)).toBe('AVAILABLE');
  expect(swept()).toEqual([]);
});

test('stop() waits for the one that runs, and none follows', async () => {
  stopTime();
  const { hold, rooms } = await makeHold(server, 1);
  await expire(server, hold);
  const rival = await holdUpPasses(server);
  const { worker } = startWorker(server);
  await untilBlocked(rival, server.database);
  let isStopped = false;
  const stopped = worker.stop().then(() => {
    isStopped = true;
  });
  await untilBlocked(rival, server.database);
  expect(isStopped).toBe(false);
  await rival.query('COMMIT');
  await stopped;
  expect(await storedStatus(server, rooms[0]?.room_id ?? 0)).toBe('AVAILABLE');
  passTime(3);
  await worker.stop();
  expect(await passesCount()).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('stop() does not wait for a backlog: the batch that runs is the last', async () => {
  const holdIds = await makeOverHolds(server, 600);
  const rival = await holdUpPasses(server);
  const { worker } = startWorker(server);
  await untilBlocked(rival, server.database);
  const stopped = worker.stop();
  await rival.query('COMMIT');
  await stopped;
  expect(await passesCount()).toBe(1);
  const counts = await endedCounts(server, holdIds);
  expect(counts?.ended).toBeGreaterThan(0);
  expect(counts?.ended).toBeLessThan(600);
});

const roomsMaxOfBatches = () => server.database.query('SELECT DISTINCT rooms_max FROM batch');

test('batches of 100 rooms while somebody books', async () => {
  const holdIds = await makeOverHolds(server, 300);
  await makeHold(server, 1);
  const { swept } = startWorker(server);
  await until(() => expect(swept()).toMatchObject([{ holdsExpired: 300 }]));
  expect(await endedCounts(server, holdIds)).toMatchObject({ ended: 300, expires_max: 1, untidy: 0 });
  expect(await roomsMaxOfBatches()).toEqual([{ rooms_max: 100 }]);
});

test.each([
  { quietMs: 999, roomsMax: 100 },
  { quietMs: 1_000, roomsMax: 500 },
])('batches of $roomsMax rooms when somebody booked $quietMs ms ago', async ({ quietMs, roomsMax }) => {
  const holdIds = await makeOverHolds(server, 300);
  const database = { ...server.platform.database, quietMs: () => quietMs };
  const { swept } = startWorker({ ...server, platform: { ...server.platform, database } });
  await until(() => expect(swept()).toMatchObject([{ holdsExpired: 300 }]));
  expect(await endedCounts(server, holdIds)).toMatchObject({ ended: 300, expires_max: 1, untidy: 0 });
  expect(await roomsMaxOfBatches()).toEqual([{ rooms_max: roomsMax }]);
});

test('a batch that fails ends the pass, both lanes of it', async () => {
  stopTime();
  await makeOverHolds(server, 600);
  // The first batch is done, those after it are not.
  await server.database.query('ALTER TABLE batch ADD CONSTRAINT once UNIQUE (rooms_max)');
  onTestFinished(async () => {
    await server.database.query('ALTER TABLE batch DROP CONSTRAINT once');
  });
  // The second lane rests meanwhile, and runs no batch that could fail.
  const database = { ...server.platform.database, quietMs: () => 0 };
  const { lines } = startWorker({ ...server, platform: { ...server.platform, database } });
  await until(() => expect(lines.filter(({ level }) => level >= 50)).toHaveLength(1));
  expect(lines[0]?.msg).toMatch(/sweep failed/);
});
