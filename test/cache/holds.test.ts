/** What the cache of single holds promises, with and without Redis. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LoadedHold } from '../../src/cache/holds.ts';
import { type Instance, lastAskedMs, openInstance, untilSharing } from './instances.ts';
import { type RedisProcess, startOwnRedis, until } from './redis-process.ts';

const holdId = '019ab111-0000-7000-8000-000000000001';
const ended = Number.POSITIVE_INFINITY;

/** A database of one hold whose loads can be made to wait. */
function createHoldTruth() {
  let gate: Promise<void> | undefined;
  const truth = {
    body: 'placed',
    ttlMs: 60_000,
    loadsCount: 0,
    async load(): Promise<LoadedHold | undefined> {
      truth.loadsCount += 1;
      const { body, ttlMs } = truth;
      await gate;
      return { body, ttlMs };
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

describe.each([{ backend: 'in process' }, { backend: 'with Redis' }])('holds, $backend', ({ backend }) => {
  let redis: RedisProcess | undefined;
  let instance: Instance;
  let truth: ReturnType<typeof createHoldTruth>;
  const read = () => instance.cache.hold.read(holdId, truth.load);
  const put = (body: string, ttlMs: number, askedAtMs = instance.nowMs()) => {
    truth.body = body;
    instance.cache.hold.put(holdId, { body, ttlMs }, askedAtMs);
  };

  beforeAll(async () => {
    if (backend === 'with Redis') redis = await startOwnRedis();
  });
  afterAll(() => redis?.close());
  beforeEach(async () => {
    await redis?.flush();
    instance = openInstance(redis?.url, { isClockStill: true });
    truth = createHoldTruth();
    if (redis !== undefined) await untilSharing(instance, redis);
  });
  afterEach(() => instance.cache.close());

  it('answers what was put without asking the database, for 800 ms at most', async () => {
    put('placed', 60_000);
    expect(await read()).toBe('placed');
    expect(truth.loadsCount).toBe(0);
    truth.body = 'changed elsewhere';
    instance.pass(799);
    expect(await read()).toBe('placed');
    await redis?.flush();
    instance.pass(1);
    expect(await read()).toBe('changed elsewhere');
  });

  it('keeps what was read, for 800 ms at most', async () => {
    expect(await read()).toBe('placed');
    truth.body = 'changed elsewhere';
    expect(await read()).toBe('placed');
    await redis?.flush();
    instance.pass(800);
    expect(await read()).toBe('changed elsewhere');
    expect(truth.loadsCount).toBe(2);
  });

  it('asks once for many readers', async () => {
    const open = truth.close();
    const readers = Array.from({ length: 50 }, read);
    open();
    expect(new Set(await Promise.all(readers))).toEqual(new Set(['placed']));
    expect(truth.loadsCount).toBe(1);
  });

  it('never serves a hold at or after its expiry, counted from before the command was sent', async () => {
    const askedAtMs = instance.nowMs();
    instance.pass(200);
    put('active', 500, askedAtMs);
    expect(await read()).toBe('active');
    truth.body = 'expired';
    truth.ttlMs = ended;
    instance.pass(300);
    expect(await read()).toBe('expired');
  });

  it('never serves a read hold at or after its expiry, counted from before the read', async () => {
    const open = truth.close();
    truth.ttlMs = 500;
    const slow = read();
    await expect.poll(() => truth.loadsCount).toBe(1);
    instance.pass(500);
    truth.body = 'expired';
    open();
    expect(await slow).toBe('expired');
    expect(await read()).toBe('expired');
  });

  it.each([0, -5, Number.NaN])(
    'keeps nothing that has %s ms left, and forgets what it kept',
    async (ttlMs) => {
      put('placed', 60_000);
      put('expired', ttlMs);
      truth.body = 'from the database';
      expect(await read()).toBe('from the database');
    },
  );

  it('does not let a slow reader put back what it read before a change', async () => {
    const open = truth.close();
    const slow = read();
    await expect.poll(() => truth.loadsCount).toBe(1);
    put('confirmed', ended);
    expect(await read()).toBe('confirmed');
    open();
    expect(await slow).toBe('placed');
    expect(await read()).toBe('confirmed');
    if (redis !== undefined)
      expect((await redis.admin.get(`holds:${holdId}`))?.endsWith('confirmed')).toBe(true);
  });

  it('does not let a reader join a read from before a drop, nor keep its answer', async () => {
    for (const drop of [() => instance.cache.hold.drop([holdId]), () => instance.cache.hold.dropAll()]) {
      truth.body = 'placed';
      const open = truth.close();
      const before = truth.loadsCount;
      const slow = read();
      await expect.poll(() => truth.loadsCount).toBe(before + 1);
      truth.body = 'revoked';
      drop();
      const late = read();
      await expect.poll(() => truth.loadsCount).toBe(before + 2);
      open();
      expect(await Promise.all([slow, late])).toEqual(['placed', 'revoked']);
      expect(await read()).toBe('revoked');
      drop();
    }
  });

  it('asks the database anew after a drop', async () => {
    put('placed', 60_000);
    truth.body = 'revoked';
    instance.cache.hold.drop([holdId]);
    expect(await read()).toBe('revoked');
    truth.body = 'renamed';
    instance.cache.hold.dropAll();
    expect(await read()).toBe('renamed');
  });

  it('does not keep that there is no such hold, and shares no failure with later readers', async () => {
    expect(await instance.cache.hold.read(holdId, async () => undefined)).toBe(undefined);
    const failing = () => Promise.reject(new Error('no database'));
    const readers = [instance.cache.hold.read(holdId, failing), instance.cache.hold.read(holdId, failing)];
    const outcomes = await Promise.allSettled(readers);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await read()).toBe('placed');
  });

  it('joins no read that hangs for longer than 800 ms', async () => {
    const open = truth.close();
    const hanging = read();
    await expect.poll(() => truth.loadsCount).toBe(1);
    truth.close()();
    truth.body = 'confirmed';
    instance.pass(800);
    expect(await read()).toBe('confirmed');
    open();
    expect(await hanging).toBe('placed');
    expect(await read()).toBe('confirmed');
  });
});

describe('holds of two instances on one Redis', () => {
  let redis: RedisProcess;
  let one: Instance;
  let other: Instance;
  let truth: ReturnType<typeof createHoldTruth>;
  const key = `holds:${holdId}`;
  const readAt = (instance: Instance) => instance.cache.hold.read(holdId, truth.load);
  const putAt = (instance: Instance, body: string) => {
    truth.body = body;
    instance.cache.hold.put(holdId, { body, ttlMs: ended }, instance.nowMs());
  };

  beforeAll(async () => {
    redis = await startOwnRedis();
  });
  afterAll(() => redis.close());
  beforeEach(async () => {
    await redis.flush();
    truth = createHoldTruth();
    one = openInstance(redis.url);
    other = openInstance(redis.url);
    await untilSharing(one, redis);
    await untilSharing(other, redis);
  });
  afterEach(async () => {
    await one.cache.close();
    await other.cache.close();
  });

  it('share a hold, for at most a second in Redis', async () => {
    putAt(one, 'placed');
    await until(async () => expect(await redis.admin.exists(key)).toBe(1));
    expect(await redis.admin.pttl(key)).toBeLessThanOrEqual(800);
    expect(await readAt(other)).toBe('placed');
    expect(truth.loadsCount).toBe(0);
  });

  it("see each other's change at most 1 s late: two ages in a row do not add up", async () => {
    const placedAtMs = performance.now();
    putAt(one, 'placed');
    await until(async () => expect(await redis.admin.exists(key)).toBe(1));
    await until(async () => expect(await redis.admin.pttl(key)).toBeLessThan(150));
    await readAt(other);
    putAt(one, 'confirmed');
    expect(await lastAskedMs(placedAtMs, 'placed', () => readAt(other))).toBeLessThan(1_000);
  });

  it("the one that made a change never takes the other's older reading from Redis", async () => {
    const open = truth.close();
    const slow = readAt(other);
    await expect.poll(() => truth.loadsCount).toBe(1);
    truth.close()();
    putAt(one, 'confirmed');
    await until(async () => expect((await redis.admin.get(key))?.endsWith('confirmed')).toBe(true));
    open();
    expect(await slow).toBe('placed');
    await until(async () => expect((await redis.admin.get(key))?.endsWith('placed')).toBe(true));
    for (const drop of [() => {}, () => one.cache.hold.drop([holdId]), () => one.cache.hold.dropAll()]) {
      drop();
      expect(await readAt(one)).toBe('confirmed');
    }
  });

  it('nor when more holds have changed since than it can remember', async () => {
    truth.body = 'placed';
    expect(await readAt(other)).toBe('placed');
    await until(async () => expect(await redis.admin.exists(key)).toBe(1));
    truth.body = 'revoked';
    one.cache.hold.drop([holdId]);
    one.cache.hold.drop(Array.from({ length: 10_000 }, (_, index) => `hold-${index}`));
    expect(await readAt(one)).toBe('revoked');
  });

  it('believe no garbage, and no hold of another id', async () => {
    putAt(one, 'placed');
    await until(async () => expect(await redis.admin.exists(key)).toBe(1));
    const sound = (await redis.admin.getBuffer(key)) ?? Buffer.alloc(0);
    truth.body = 'from the database';
    for (const value of [sound, 'garbage', '']) {
      const id = `other-${value.length}`;
      await redis.admin.set(`holds:${id}`, value);
      expect(await other.cache.hold.read(id, truth.load)).toBe('from the database');
    }
    expect(other.said('warn')).toHaveLength(1);
  });
});
