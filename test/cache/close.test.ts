/** That a closed cache leaves no timer and no connection behind, whatever state Redis is in. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisProcess, startOwnRedis } from './redis-process.ts';

const source = new URL('../../src/cache/room-cache.ts', import.meta.url).href;

/** Opens a cache, uses it, closes it, and prints what would keep the process alive. */
const script = (url: string) => `
  import { setImmediate as turn } from 'node:timers/promises';
  import { pino } from 'pino';
  import { openRoomCache } from ${JSON.stringify(source)};
  let isLost = false;
  const log = pino({ level: 'warn' }, { write: () => { isLost = true; } });
  const cache = openRoomCache({ redisUrl: ${JSON.stringify(url)}, log });
  // What Redis is like is known: it is in use, or an attempt has failed and the next is under way.
  while (!cache.isRedisUp() && !isLost) await turn();
  for (let count = 0; count < 3; count += 1) {
    cache.changed();
    await cache.list('/rooms', async () => ({ body: String(count), headers: {} }));
  }
  cache.changed();
  await cache.close();
  await cache.close();
  console.log(process.getActiveResourcesInfo().filter((kind) => /Timeout|Immediate|TCP/.test(kind)).join());
`;

describe('a closed cache', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startOwnRedis();
  });
  afterAll(() => redis.close());

  async function leftBehind(): Promise<string> {
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script(redis.url)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (bytes) => {
      printed += bytes;
    });
    const [exitCode] = await once(child, 'close');
    expect(exitCode).toBe(0);
    return printed.trim();
  }

  it('leaves nothing behind, and has told Redis of the last change', async () => {
    const before = await redis.admin.get('rooms:generation');
    expect(await leftBehind()).toBe('');
    expect(await redis.admin.get('rooms:generation')).not.toBe(before);
  });

  it('leaves nothing behind: Redis hanging', async () => {
    redis.pause();
    expect(await leftBehind()).toBe('');
    redis.resume();
  });

  it('leaves nothing behind: Redis dead', async () => {
    await redis.stop();
    expect(await leftBehind()).toBe('');
  });
});
