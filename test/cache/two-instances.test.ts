/** What two instances on one Redis promise each other about lists. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createTruth,
  type Instance,
  keyOf,
  lastAskedMs,
  listed,
  openInstance,
  type Truth,
  untilKept,
  untilSharing,
} from './instances.ts';
import { type RedisProcess, startOwnRedis, until } from './redis-process.ts';

describe('two instances on one Redis', () => {
  let redis: RedisProcess;
  let one: Instance;
  let other: Instance;
  let truth: Truth;

  beforeAll(async () => {
    redis = await startOwnRedis();
  });
  afterAll(() => redis.close());
  beforeEach(async () => {
    await redis.admin.flushall();
    truth = createTruth();
    one = openInstance(redis.url);
    other = openInstance(redis.url);
    await untilSharing(one, redis);
    await untilSharing(other, redis);
  });
  afterEach(async () => {
    await one.cache.close();
    await other.cache.close();
  });

  /** How often Redis has been sent this command since it started. */
  async function commandsCount(name: string): Promise<number> {
    const stats = await redis.admin.info('commandstats');
    return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  }

  it('share a list: the second asks the database for nothing, and answers the same to the byte', async () => {
    const first = await one.cache.list('/rooms', truth.load);
    const lifeMs = await redis.admin.pttl(await untilKept(redis));
    expect(lifeMs).toBeGreaterThan(0);
    expect(lifeMs).toBeLessThanOrEqual(800);
    const second = await other.cache.list('/rooms', truth.load);
    expect(second).toEqual(first);
    expect(truth.loadsCount).toBe(1);
  });

  it("hear of each other's changes, long before an age would end", async () => {
    expect(await listed(other, truth)).toBe(1);
    truth.value = 2;
    one.cache.changed();
    expect(await lastAskedMs(performance.now(), 1, () => listed(other, truth))).toBeLessThan(500);
  });

  it('never see a change late by more than 1 s when its message and its generation are lost', async () => {
    const startedAtMs = performance.now();
    expect(await listed(one, truth)).toBe(1);
    const key = await untilKept(redis);
    truth.value = 2;
    // The other takes it from Redis as late as it can: two ages in a row must not add up.
    await until(async () => expect(await redis.admin.pttl(key)).toBeLessThan(150));
    await listed(other, truth);
    for (const instance of [other, one]) {
      expect(await lastAskedMs(startedAtMs, 1, () => listed(instance, truth))).toBeLessThan(1_000);
    }
  });

  it('do not put back what was read before a change, in neither level', async () => {
    const before = await redis.admin.get('rooms:generation');
    const open = truth.close();
    const early = listed(one, truth);
    await expect.poll(() => truth.loadsCount).toBe(1);
    truth.value = 2;
    one.cache.changed();
    await until(async () => expect(await redis.admin.get('rooms:generation')).not.toBe(before));
    open();
    expect(await early).toBe(1);
    // The late answer is in Redis, where nobody looks any more.
    await until(async () => expect(await redis.admin.exists(`rooms:${before}:/rooms`)).toBe(1));
    expect(await listed(one, truth)).toBe(2);
    expect(await listed(other, truth)).toBe(2);
  });

  it("do not share what was read before the other's change", async () => {
    const open = truth.close();
    const early = listed(one, truth);
    await expect.poll(() => truth.loadsCount).toBe(1);
    truth.value = 2;
    other.cache.changed();
    expect(await listedOnceOpen()).toEqual([1, 2]);
    await until(async () => expect(await listed(one, truth)).toBe(2));

    async function listedOnceOpen() {
      const own = listed(other, truth);
      await expect.poll(() => truth.loadsCount).toBe(2);
      open();
      return [await early, await own];
    }
  });

  it('believe Redis again after a change only when it has confirmed the new generation', async () => {
    expect(await listed(one, truth)).toBe(1);
    await untilKept(redis);
    // As a replica it answers reads and refuses writes, so the old list stays where it is.
    await redis.admin.replicaof('127.0.0.1', '1');
    truth.value = 2;
    one.cache.changed();
    expect(await listed(one, truth)).toBe(2);
    expect(await listed(one, truth)).toBe(2);
    one.cache.changed();
    truth.value = 3;
    expect(await listed(one, truth)).toBe(3);
    await until(() => expect(one.said('warn')).toHaveLength(1));
    await redis.admin.replicaof('NO', 'ONE');
    await until(() => expect(one.said('info')).toHaveLength(1));
    expect(await listed(one, truth)).toBe(3);
    expect(one.said('warn')).toHaveLength(1);
  });

  it('lose no change and press Redis little when there are hundreds in a row', async () => {
    const setsBefore = await commandsCount('set');
    for (let value = 1; value <= 500; value += 1) {
      truth.value = value;
      one.cache.changed();
      if (value % 10 === 0) await new Promise(setImmediate);
    }
    expect(await listed(one, truth)).toBe(500);
    await until(async () => expect(await listed(other, truth)).toBe(500));
    await untilSharing(one, redis);
    expect(await listed(one, truth)).toBe(500);
    expect((await commandsCount('set')) - setsBefore).toBeLessThan(100);
  });

  it('do not trust a generation that came back while the connection was lost', async () => {
    expect(await listed(one, truth)).toBe(1);
    await untilKept(redis);
    const before = (await redis.admin.get('rooms:generation')) ?? '';
    truth.value = 2;
    one.cache.changed();
    await until(async () => expect(await redis.admin.get('rooms:generation')).not.toBe(before));
    // As when a replica takes over that had not heard of the change.
    const failover = redis.admin.multi().set('rooms:generation', before);
    await failover.call('CLIENT', 'KILL', 'TYPE', 'pubsub').exec();
    await until(() => expect(one.said('info')).toHaveLength(1));
    expect(await listed(one, truth)).toBe(2);
  });

  it('tell of the last change before they close', async () => {
    const before = await redis.admin.get('rooms:generation');
    one.cache.changed();
    const first = await until(async () => {
      const generation = await redis.admin.get('rooms:generation');
      expect(generation).not.toBe(before);
      return generation;
    });
    // So soon after the first, this one has to wait for its turn.
    one.cache.changed();
    await one.cache.close();
    expect(await redis.admin.get('rooms:generation')).not.toBe(first);
  });

  it('make a new generation when it was wiped, damaged or is of another type', async () => {
    const damages = [
      () => redis.admin.flushall(),
      () => redis.admin.set('rooms:generation', ''),
      () => redis.admin.set('rooms:generation', 'x'.repeat(100_000)),
      () => redis.admin.multi().del('rooms:generation').lpush('rooms:generation', 'a').exec(),
    ];
    for (const damage of damages) {
      await damage();
      truth.value += 1;
      one.cache.changed();
      expect(await listed(one, truth)).toBe(truth.value);
      await until(async () => expect(await listed(other, truth)).toBe(truth.value));
      await damage();
      await until(async () => {
        one.pass(800);
        await listed(one, truth);
        await keyOf(redis, '/rooms');
      });
    }
    expect(one.said('warn')).toEqual([]);
  });

  it('take a damaged, cut, foreign or copied entry for a miss, and say so once', async () => {
    await one.cache.list('/other', async () => ({ body: '99', headers: {} }));
    const foreign = await redis.admin.getBuffer(await untilKept(redis, '/other'));
    await listed(one, truth);
    const key = await untilKept(redis);
    const sound = (await redis.admin.getBuffer(key)) ?? Buffer.alloc(0);
    const flipped = Buffer.from(sound);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 3;
    const values = [
      foreign ?? '',
      flipped,
      sound.subarray(0, -1),
      sound.subarray(0, 40),
      '',
      'garbage',
      Buffer.alloc(5000, 255),
    ];
    for (const value of values) {
      other.pass(800);
      truth.value += 1;
      await redis.admin.set(key, value);
      expect(await listed(other, truth)).toBe(truth.value);
    }
    other.pass(800);
    truth.value += 1;
    await redis.admin.multi().del(key).hset(key, 'a', '1').exec();
    expect(await listed(other, truth)).toBe(truth.value);
    expect(other.said('warn')).toHaveLength(1);
  });

  it('refuse an entry that was kept from ending', async () => {
    await listed(one, truth);
    const key = await untilKept(redis);
    await redis.admin.persist(key);
    const [seconds = 0, microseconds = 0] = await redis.admin.time();
    await until(async () => {
      const [nowSeconds = 0, nowMicroseconds = 0] = await redis.admin.time();
      expect(
        Number(nowSeconds) - Number(seconds) + (Number(nowMicroseconds) - Number(microseconds)) / 1e6,
      ).toBeGreaterThan(0.8);
    });
    truth.value = 2;
    expect(await redis.admin.pttl(key)).toBe(-1);
    expect(await listed(other, truth)).toBe(2);
  });

  it('do not bring an old list back that was long on its way to Redis', async () => {
    const open = truth.close();
    const early = listed(one, truth);
    await expect.poll(() => truth.loadsCount).toBe(1);
    const startedAtMs = performance.now();
    const generation = await redis.admin.get('rooms:generation');
    redis.pause();
    open();
    expect(await early).toBe(1);
    await until(() => expect(one.said('warn')).toHaveLength(1));
    await one.cache.close();
    truth.value = 2;
    await until(() => expect(performance.now() - startedAtMs).toBeGreaterThan(850));
    redis.resume();
    await until(async () => expect(await redis.admin.exists(`rooms:${generation}:/rooms`)).toBe(1));
    expect(await redis.admin.get('rooms:generation')).toBe(generation);
    expect(await listed(other, truth)).toBe(2);
  });
});
