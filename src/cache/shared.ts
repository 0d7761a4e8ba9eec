/** Owns the second level, the values that all instances share in Redis: their keys, and which of them may be believed. */
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { ageMsMax, type ServerTime, toMonotonicMs, toServerMs } from './ages.ts';
import { decodeEntry, encodeEntry, type ReadyBody, readyBody } from './entry.ts';
import type { Generation, Generations } from './generation.ts';
import { commandTimeoutMs, type RedisLink, readBytes } from './redis.ts';

/** A list that may be served while the monotonic clock (milliseconds) has not reached `endsAtMs`. */
export type TimedList = Readonly<{ list: ReadyBody; endsAtMs: number }>;

/** Where a list may be kept: the generation that was current before the database is read, and Redis' clock then. */
export type ListPlace = Readonly<{ key: string; time: ServerTime }>;

export type SharedLevel = {
  /**
   * The list, or else where to keep it once it is read; undefined: go on without Redis and keep nothing there.
   * Never rejects; takes `commandTimeoutMs` at most.
   */
  findList(query: string): Promise<TimedList | ListPlace | undefined>;
  /** Keeps a list whose database read began after `place` was found. Never throws, never waits. */
  keepList(place: ListPlace, timed: TimedList): void;
  /** The hold as some instance saw it, or undefined. Never rejects; takes `commandTimeoutMs` at most. */
  findHold(holdId: string): Promise<{ body: string; endsAtMs: number } | undefined>;
  /** Keeps a hold's body until the monotonic `endsAtMs`. Never throws, never waits. */
  keepHold(holdId: string, body: string, endsAtMs: number): void;
};

/** A longer query becomes its digest, so that no client decides how long a key is. */
const queryLengthMax = 200;

function listKey(generation: Generation, query: string): string {
  const name =
    query.length > queryLengthMax
      ? `sha256:${createHash('sha256').update(query).digest('base64url')}`
      : query;
  return `rooms:${generation.token}:${name}`;
}

/** The second level over a link that `generations` keeps greeted. */
export function openSharedLevel(options: {
  link: RedisLink;
  generations: Generations;
  log: Logger;
  nowMs: () => number;
}): SharedLevel {
  const { link, generations, log, nowMs } = options;
  let isDamageTold = false;

  function believe(key: string, bytes: Buffer | null, time: ServerTime): TimedList | undefined {
    if (bytes === null) return undefined;
    const entry = decodeEntry(key, bytes);
    const lifeMs = entry === undefined ? Number.NaN : entry.endsAtServerMs - time.serverMs;
    // An entry of a reader who began a moment after `time` may end a little later than ageMsMax from it; no honest one more.
    if (entry !== undefined && lifeMs <= ageMsMax + commandTimeoutMs) {
      const endsAtMs = toMonotonicMs(time, Math.min(entry.endsAtServerMs, time.serverMs + ageMsMax));
      return nowMs() < endsAtMs ? { list: entry.ready, endsAtMs } : undefined;
    }
    if (!isDamageTold)
      log.warn({ key }, 'Redis holds a damaged entry; it and others like it count as missing');
    isDamageTold = true;
    return undefined;
  }

  function keep(key: string, time: ServerTime, ready: ReadyBody, endsAtMs: number): void {
    const lifeMs = Math.floor(endsAtMs - nowMs());
    if (lifeMs <= 0) return;
    const bytes = encodeEntry(key, { ready, endsAtServerMs: toServerMs(time, endsAtMs) });
    // PX only tidies: a command that was long on its way starts it late. The instant inside the entry is what counts.
    void link.ask((redis: Redis) => redis.set(key, bytes, 'PX', lifeMs));
  }

  return {
    findList: (query) =>
      link.ask(async (redis) => {
        const generation = await generations.look(redis);
        if (generation === undefined) return undefined;
        const { time } = generation;
        const key = listKey(generation, query);
        return believe(key, await readBytes(redis, key), time) ?? { key, time };
      }),
    keepList: ({ key, time }, { list, endsAtMs }) => keep(key, time, list, endsAtMs),
    findHold: (holdId) =>
      link.ask(async (redis) => {
        const key = `holds:${holdId}`;
        const [time, bytes] = await Promise.all([generations.askTime(redis), readBytes(redis, key)]);
        const found = believe(key, bytes, time);
        return found && { body: found.list.body.toString(), endsAtMs: found.endsAtMs };
      }),
    keepHold(holdId, body, endsAtMs) {
      const time = generations.time();
      if (time !== undefined) keep(`holds:${holdId}`, time, readyBody(body, {}), endsAtMs);
    },
  };
}
