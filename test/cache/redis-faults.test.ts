/** What a Redis that is dead, dying, hanging, slow, full, read-only or out of its mind may cost: nothing but its help. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createTruth,
  type Instance,
  keyOf,
  listed,
  openInstance,
  type Truth,
  untilSharing,
} from './instances.ts';
import {
  type FakeServer,
  type RedisProcess,
  startHangUp,
  startNonsense,
  startOwnRedis,
  startSlowWay,
  until,
} from './redis-process.ts';

describe('Redis at fault', () => {
  let redis: RedisProcess;
  let instance: Instance;
  let truth: Truth;
  let fakes: FakeServer[];

  beforeAll(async () => {
    redis = await startOwnRedis();
  });
  afterAll(() => redis.close());
  beforeEach(async () => {
    await redis.restart();
    await until(() => redis.admin.ping());
    truth = createTruth();
    fakes = [];
    vi.spyOn(console, 'error');
    vi.spyOn(console, 'warn');
  });
  afterEach(async () => {
    await instance.cache.close();
    for (const fake of fakes) await fake.close();
    expect(console.error).not.toHaveBeenCalled();
    expect(console.warn).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  async function open(url = redis.url): Promise<void> {
    instance = openInstance(url);
    if (url === redis.url) await untilSharing(instance, redis);
  }

  /** What the answer is, if nothing but promises had to be waited for: no timer, and no reply of a network. */
  async function atOnce<T>(answer: Promise<T>): Promise<T | 'waited'> {
    const waited = async () => {
      for (let turns = 0; turns < 500; turns += 1) await undefined;
      return 'waited' as const;
    };
    return Promise.race([answer, waited()]);
  }

  /** A writer sees its write, and no reader waits for Redis. */
  async function expectRightAtOnce(): Promise<void> {
    truth.value += 1;
    instance.cache.changed();
    expect(await atOnce(listed(instance, truth))).toBe(truth.value);
    const hold = { body: 'a', ttlMs: 1_000 };
    const holdId = `hold-${truth.value}`;
    expect(await atOnce(instance.cache.hold.read(holdId, async () => hold))).toBe('a');
  }

  async function untilOut(): Promise<void> {
    await until(async () => {
      // Only a question shows that nobody answers.
      await instance.cache.list(`ask-${performance.now()}`, truth.load);
      expect(instance.said('warn')).toHaveLength(1);
    });
  }

  /** One outage: one warning, one line of information at its end, and Redis helps again. */
  async function expectBack(): Promise<void> {
    await until(() => expect(instance.said('info')).toEqual(['Redis is back in use']));
    await untilSharing(instance, redis);
    expect(await listed(instance, truth)).toBe(truth.value);
    expect(instance.said('warn')).toHaveLength(1);
  }

  it('dead at the start: right answers at once, and it is used when it comes', async () => {
    await redis.stop();
    instance = openInstance(redis.url);
    await expectRightAtOnce();
    await untilOut();
    await expectRightAtOnce();
    await redis.restart();
    await expectBack();
  });

  it('dies: the answers stay right, and it is used again when it is back', async () => {
    await open();
    await listed(instance, truth);
    await redis.stop();
    truth.value = 2;
    instance.cache.changed();
    expect(await listed(instance, truth)).toBe(2);
    await untilOut();
    await expectRightAtOnce();
    await redis.restart();
    await expectBack();
  });

  it('dies while readers wait for it: all get their answer', async () => {
    await open();
    redis.pause();
    const readers = Array.from({ length: 20 }, (_, index) => listed(instance, truth, `/rooms?${index}`));
    await redis.stop();
    expect(new Set(await Promise.all(readers))).toEqual(new Set([1]));
    await redis.restart();
    await expectBack();
  });

  it('hangs: a reader waits for one command timeout at most, the next ones not at all', async () => {
    await open();
    redis.pause();
    const startedAtMs = performance.now();
    expect(await listed(instance, truth)).toBe(1);
    // 100 ms, and a busy machine.
    expect(performance.now() - startedAtMs).toBeLessThan(900);
    expect(instance.said('warn')).toHaveLength(1);
    await expectRightAtOnce();
    await expectRightAtOnce();
    redis.resume();
    await expectBack();
  });

  it('hangs after a write: the writer sees it, the other sees it when Redis goes on', async () => {
    await open();
    const other = openInstance(redis.url);
    await untilSharing(other, redis);
    await listed(instance, truth);
    redis.pause();
    truth.value = 2;
    instance.cache.changed();
    expect(await listed(instance, truth)).toBe(2);
    await until(() => expect(instance.said('warn')).toHaveLength(1));
    redis.resume();
    await until(async () => expect(await listed(other, truth)).toBe(2));
    await expectBack();
    await other.cache.close();
  });

  it('is wiped: nothing is said, nothing is wrong, and it helps again', async () => {
    await open();
    await listed(instance, truth);
    await redis.flush();
    truth.value = 2;
    instance.cache.changed();
    expect(await listed(instance, truth)).toBe(2);
    await redis.flush();
    await untilSharing(instance, redis);
    expect(instance.said('warn')).toEqual([]);
  });

  it('is out of memory', async () => {
    await open();
    await listed(instance, truth);
    await redis.admin.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.admin.config('SET', 'maxmemory', '1');
    truth.value = 2;
    instance.cache.changed();
    expect(await listed(instance, truth)).toBe(2);
    await untilOut();
    await expectRightAtOnce();
    await redis.admin.config('SET', 'maxmemory', '0');
    await expectBack();
  });

  it('becomes a read-only replica', async () => {
    await open();
    await listed(instance, truth);
    await redis.admin.replicaof('127.0.0.1', '1');
    truth.value = 2;
    instance.cache.changed();
    expect(await listed(instance, truth)).toBe(2);
    await untilOut();
    await expectRightAtOnce();
    await redis.admin.replicaof('NO', 'ONE');
    await expectBack();
  });

  it('closes the connection again and again: one outage each, and it comes back by itself', async () => {
    await open();
    for (let count = 1; count <= 3; count += 1) {
      // The one connection of an instance has subscribed, so this is its type.
      await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await until(() => expect(instance.said('info')).toHaveLength(count));
      expect(instance.said('warn')).toHaveLength(count);
      await untilSharing(instance, redis);
    }
  });

  it('wants a password that nobody gave', async () => {
    await redis.admin.config('SET', 'requirepass', 'secret-of-redis');
    instance = openInstance(redis.url);
    await untilOut();
    await expectRightAtOnce();
    await redis.admin.config('SET', 'requirepass', '');
    await expectBack();
  });

  it('answers each command too late: it is left out, with one warning for all attempts', async () => {
    const way = await startSlowWay(redis.port, 60);
    fakes.push(way);
    instance = openInstance(way.url);
    await until(() => expect(way.connectionsCount()).toBeGreaterThanOrEqual(3));
    await expectRightAtOnce();
    expect(instance.said('warn')).toHaveLength(1);
    expect(instance.said('info')).toEqual([]);
  });

  it('is told of a change that came while it was being greeted', async () => {
    const way = await startSlowWay(redis.port, 15);
    fakes.push(way);
    instance = openInstance(way.url);
    await until(async () => expect(await redis.admin.exists('rooms:generation')).toBe(1));
    // The reply is still on its way.
    instance.cache.changed();
    await until(async () => {
      instance.pass(800);
      await listed(instance, truth);
      await keyOf(redis, '/rooms');
    });
  });

  it('fails for long: it is tried less and less often', async () => {
    const fake = await startHangUp();
    fakes.push(fake);
    const startedAtMs = performance.now();
    instance = openInstance(fake.url);
    await until(() => expect(fake.connectionsCount()).toBe(5));
    expect(performance.now() - startedAtMs).toBeGreaterThan(100 + 200 + 400 + 800 - 10);
  });

  it.each([
    ['text of another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['one reply for everything', '+OK\r\n'],
    ['an error for everything', '-ERR no\r\n'],
    ['a reply of the wrong type', '*2\r\n:1\r\n:2\r\n'],
    ['half a reply', '$100\r\nabc'],
    ['nothing', ''],
  ])('answers with %s', async (_what, reply) => {
    const fake = await startNonsense(reply);
    fakes.push(fake);
    instance = openInstance(fake.url);
    await until(() => expect(instance.said('warn')).toHaveLength(1));
    await until(() => expect(fake.connectionsCount()).toBeGreaterThanOrEqual(2));
    await expectRightAtOnce();
    expect(instance.said('info')).toEqual([]);
  });
});
