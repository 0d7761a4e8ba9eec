/** Owns what every cache test starts from: an instance with a log to read, and a truth that is read by counted, stoppable loads. */
import { pino } from 'pino';
import { expect } from 'vitest';
import { type LoadedList, openRoomCache, type RoomCache } from '../../src/cache/room-cache.ts';
import { type RedisProcess, until } from './redis-process.ts';

export type Instance = {
  cache: RoomCache;
  /** This instance's monotonic clock. */
  nowMs(): number;
  /** Moves it ahead. */
  pass(ms: number): void;
  /** The log lines of this level so far. */
  said(level: 'warn' | 'info'): string[];
};

/** An instance of the cache; the caller closes it. A clock that stands still moves by `pass` alone. */
export function openInstance(redisUrl?: string, options?: { isClockStill: boolean }): Instance {
  const lines: { level: number; msg: string }[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  let aheadMs = 0;
  const startedAtMs = performance.now();
  const nowMs = () => (options?.isClockStill ? startedAtMs : performance.now()) + aheadMs;
  return {
    cache: openRoomCache({ redisUrl, log, nowMs }),
    nowMs,
    pass(ms) {
      aheadMs += ms;
    },
    said: (level) => lines.filter((line) => line.level === log.levels.values[level]).map((line) => line.msg),
  };
}

/** A database of one value: `load` reads it at once, and ends when the gate, if there is one, is opened. */
export type Truth = {
  value: number;
  loadsCount: number;
  load: () => Promise<LoadedList>;
  close(): () => void;
};

export function createTruth(): Truth {
  let gate: Promise<void> | undefined;
  const truth: Truth = {
    value: 1,
    loadsCount: 0,
    async load() {
      truth.loadsCount += 1;
      const body = String(truth.value);
      await gate;
      return { body, headers: { 'x-last-event-id': body } };
    },
    /** Loads that begin from now on wait for the returned function. */
    close() {
      let open = () => {};
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return () => {
        gate = undefined;
        open();
      };
    },
  };
  return truth;
}

/** What the instance answers now. */
export async function listed(instance: Instance, truth: Truth, query = '/rooms'): Promise<number> {
  return Number((await instance.cache.list(query, truth.load)).body);
}

/**
 * Asks until the answer is another than `stale`; how long after `sinceMs` the last stale answer was asked for. What
 * counts is the moment of asking: a busy machine makes no answer too old.
 */
export async function lastAskedMs<T>(sinceMs: number, stale: T, ask: () => Promise<T>): Promise<number> {
  let askedAtMs = sinceMs;
  await until(async () => {
    const nowMs = performance.now();
    const answer = await ask();
    if (answer === stale) askedAtMs = nowMs;
    expect(answer).not.toBe(stale);
  });
  return askedAtMs - sinceMs;
}

let probesCount = 0;

/** Waits until the instance shares what it reads through Redis. */
export async function untilSharing(instance: Instance, redis: RedisProcess): Promise<void> {
  await until(async () => {
    probesCount += 1;
    const query = `probe-${probesCount}`;
    await instance.cache.list(query, async () => ({ body: 'probe', headers: {} }));
    // The probe's SET and this question travel on different connections: a miss is just another round.
    await keyOf(redis, query);
  });
}

/** The key under which this query is kept in the present generation; fails while there is none. */
export async function keyOf(redis: RedisProcess, query: string): Promise<string> {
  const key = `rooms:${await redis.admin.get('rooms:generation')}:${query}`;
  expect(await redis.admin.exists(key)).toBe(1);
  return key;
}

/** Waits until this query is kept in Redis in the present generation. */
export function untilKept(redis: RedisProcess, query = '/rooms'): Promise<string> {
  return until(() => keyOf(redis, query));
}
