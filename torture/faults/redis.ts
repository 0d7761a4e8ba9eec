/** Owns the faults of Redis. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { RedisServer } from '../world/redis.ts';
import type { Fault } from './fault.ts';

const killed: Fault = {
  name: 'redis killed',
  layer: 'redis',
  lastsMs: [200, 2_500],
  async inject({ world: { redis } }) {
    await redis.kill();
    return { detail: 'it comes back empty', heal: redis.start };
  },
};

const hung: Fault = {
  name: 'redis hung',
  layer: 'redis',
  lastsMs: [500, 4_000],
  async inject({ world: { redis } }) {
    redis.freeze();
    return { detail: 'it takes connections and says nothing', heal: async () => redis.thaw() };
  },
};

/** A fault that sends commands again and again. */
function pestering(
  name: string,
  detail: string,
  act: (redis: RedisServer, random: Random) => Promise<unknown>,
  undo: readonly string[] = [],
): Fault {
  return {
    name,
    layer: 'redis',
    lastsMs: [800, 2_500],
    async inject({ world: { redis }, random }) {
      let isStopped = false;
      const run = async () => {
        while (!isStopped) {
          await act(redis, random).catch(() => undefined);
          await delay(random.integer(5, 40));
        }
      };
      const running = run();
      const heal = async () => {
        isStopped = true;
        await running;
        if (undo.length > 0) await redis.send(undo);
      };
      return { detail, heal };
    },
  };
}

/** The keys that are there now. */
async function keysOf(redis: RedisServer): Promise<string[]> {
  const text = await redis.send(['KEYS *']);
  return text.split('\r\n').filter((line) => line !== '' && !/^[*$+-]/.test(line));
}

/** A key as an argument of a command sent as text. */
const quoted = (key: string): string => `"${key.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

const wiped = pestering('redis wiped', 'FLUSHALL again and again', (redis) => redis.send(['FLUSHALL']));

const generationDeleted = pestering('generation deleted', 'DEL again and again', (redis) =>
  redis.send(['DEL rooms:generation']),
);

const poisoned = pestering('redis poisoned', 'garbage in every key', async (redis, random) => {
  const keys = await keysOf(redis);
  const rubbish = ['garbage', '""', '"{\\"rooms\\":[]}"', `"${'x'.repeat(500)}"`, '"\\x00\\xff\\x00"'];
  const commands = keys.map((key) => `SET ${quoted(key)} ${random.pick(rubbish)}`);
  const others = keys.slice(0, 1).flatMap((key) => [`DEL ${quoted(key)}`, `LPUSH ${quoted(key)} a list`]);
  await redis.send([...commands, ...(random.chance(0.3) ? others : []), 'PUBLISH rooms:changed rubbish']);
});

const outOfMemory = pestering(
  'redis out of memory',
  'every SET is refused',
  (redis) => redis.send(['CONFIG SET maxmemory-policy noeviction', 'CONFIG SET maxmemory 1']),
  ['CONFIG SET maxmemory 0'],
);

/** Every fault of Redis. */
export const redisFaults: readonly Fault[] = [killed, hung, wiped, generationDeleted, poisoned, outOfMemory];
