/** What lists promise, with and without Redis. */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTruth, type Instance, listed, openInstance, type Truth, untilSharing } from './instances.ts';
import { type RedisProcess, startOwnRedis } from './redis-process.ts';

describe.each([{ backend: 'in process' }, { backend: 'with Redis' }])('lists, $backend', ({ backend }) => {
  let redis: RedisProcess | undefined;
  let instance: Instance;
  let truth: Truth;

  beforeAll(async () => {
    if (backend === 'in process') return;
    redis = await startOwnRedis();
  });
  afterAll(() => redis?.close());
  beforeEach(async () => {
    await redis?.admin.flushall();
    instance = openInstance(redis?.url, { isClockStill: true });
    truth = createTruth();
    if (redis !== undefined) await untilSharing(instance, redis);
  });
  afterEach(() => instance.cache.close());

  it('answers ready bytes with their headers and a strong ETag of the bytes', async () => {
    const list = await instance.cache.list('/rooms', truth.load);
    expect(list.body.toString()).toBe('1');
    expect(list.headers).toEqual({ 'x-last-event-id': '1' });
    const digest = createHash('sha256').update('1').digest('base64url');
    expect(list.etag).toBe(`"${digest.slice(0, 22)}"`);
  });

  it('asks the database once for 200 cold readers, and not again for the next ones', async () => {
    const open = truth.close();
    const readers = Array.from({ length: 200 }, () => listed(instance, truth));
    open();
    expect(new Set(await Promise.all(readers))).toEqual(new Set([1]));
    expect(await listed(instance, truth)).toBe(1);
    expect(truth.loadsCount).toBe(1);
  });

  it('keeps different queries apart, long ones and strange ones too', async () => {
    const queries = [
      '/rooms?a',
      '/rooms?b',
      `/rooms?${'x'.repeat(4000)}`,
      `/rooms?${'x'.repeat(4001)}`,
      ' \n\u{1f511}',
      '',
    ];
    for (const query of queries) {
      const list = await instance.cache.list(query, async () => ({
        body: `answer to ${query}`,
        headers: {},
      }));
      expect(list.body.toString()).toBe(`answer to ${query}`);
    }
  });

  it('shows a writer its own write in its next list, a hundred times in a row', async () => {
    for (let value = 1; value <= 100; value += 1) {
      truth.value = value;
      instance.cache.changed();
      expect(await listed(instance, truth)).toBe(value);
    }
  });

  it('lets no reader join a read that began before a write', async () => {
    const open = truth.close();
    const early = listed(instance, truth);
    await expect.poll(() => truth.loadsCount).toBe(1);
    truth.value = 2;
    instance.cache.changed();
    const late = listed(instance, truth);
    await expect.poll(() => truth.loadsCount).toBe(2);
    open();
    expect(await Promise.all([early, late])).toEqual([1, 2]);
  });

  it('does not keep what was read before a write, when that read ends after it', async () => {
    const open = truth.close();
    const early = listed(instance, truth);
    await expect.poll(() => truth.loadsCount).toBe(1);
    truth.value = 2;
    instance.cache.changed();
    open();
    expect(await early).toBe(1);
    expect(await listed(instance, truth)).toBe(2);
    expect(await listed(instance, truth)).toBe(2);
  });

  it('does not let the end of an old read displace a newer list', async () => {
    const openOld = truth.close();
    const early = listed(instance, truth);
    await expect.poll(() => truth.loadsCount).toBe(1);
    truth.close()();
    truth.value = 2;
    instance.cache.changed();
    expect(await listed(instance, truth)).toBe(2);
    openOld();
    expect(await early).toBe(1);
    expect(await listed(instance, truth)).toBe(2);
    expect(truth.loadsCount).toBe(2);
  });

  it('has two reads of a query under way at most: later readers share the next one', async () => {
    const opens = [1, 2].map(() => {
      const open = truth.close();
      instance.cache.changed();
      return { open, reader: listed(instance, truth) };
    });
    await expect.poll(() => truth.loadsCount).toBe(2);
    truth.close()();
    instance.cache.changed();
    const waiting = [1, 2, 3].map(() => listed(instance, truth));
    truth.value = 7;
    instance.cache.changed();
    waiting.push(listed(instance, truth));
    expect(truth.loadsCount).toBe(2);
    for (const { open } of opens) open();
    expect(await Promise.all(waiting)).toEqual([7, 7, 7, 7]);
    expect(truth.loadsCount).toBe(3);
  });

  it('serves nothing that is older than 800 ms, unchanged or not', async () => {
    expect(await listed(instance, truth)).toBe(1);
    truth.value = 2;
    instance.pass(799);
    expect(await listed(instance, truth)).toBe(1);
    await redis?.admin.flushall();
    instance.pass(1);
    expect(await listed(instance, truth)).toBe(2);
  });

  it('counts the age from before the database read: a read of 800 ms is not kept', async () => {
    const open = truth.close();
    const slow = listed(instance, truth);
    await expect.poll(() => truth.loadsCount).toBe(1);
    instance.pass(800);
    truth.value = 2;
    open();
    expect(await slow).toBe(1);
    expect(await listed(instance, truth)).toBe(2);
  });

  it('lets no reader join a read that hangs for longer than 800 ms', async () => {
    const open = truth.close();
    const hanging = listed(instance, truth);
    await expect.poll(() => truth.loadsCount).toBe(1);
    truth.close()();
    truth.value = 2;
    instance.pass(800);
    expect(await listed(instance, truth)).toBe(2);
    open();
    expect(await hanging).toBe(1);
    expect(await listed(instance, truth)).toBe(2);
  });

  it('rejects everybody who joined a read that fails, and forgets it', async () => {
    const failing = () => Promise.reject(new Error('no database'));
    const readers = [1, 2, 3].map(() => instance.cache.list('/rooms', failing));
    const outcomes = await Promise.allSettled(readers);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(await listed(instance, truth)).toBe(1);
  });

  it('goes on answering from the database after close', async () => {
    await instance.cache.close();
    instance.cache.changed();
    expect(await listed(instance, truth)).toBe(1);
    truth.value = 2;
    instance.cache.changed();
    expect(await listed(instance, truth)).toBe(2);
    await instance.cache.close();
  });
});
