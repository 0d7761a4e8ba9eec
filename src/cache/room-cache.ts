/** Owns the promise of the cache: what a reader may be served, from which level, and how a change is made known. */
import type { Logger } from 'pino';
import { ageMsMax } from './ages.ts';
import type { CacheCounter } from './counter.ts';
import { type ReadyBody, readyBody } from './entry.ts';
import { openFlights } from './flights.ts';
import { openGenerations } from './generation.ts';
import { type HoldCache, openHoldCache } from './holds.ts';
import { openListMemory } from './memory.ts';
import { openRedisLink } from './redis.ts';
import { openSharedLevel } from './shared.ts';

/** A list that is ready to be sent: its bytes, their strong ETag (quotes included) and the headers that belong to them. */
export type CachedList = ReadyBody;

/** A list as the database gave it: the JSON text and the headers that belong to it. */
export type LoadedList = Readonly<{ body: string; headers: Record<string, string> }>;

export type RoomCache = {
  /**
   * The answer to this query. When the call is made it is at most `ageMsMax` old, counted from before its database
   * read began, whichever level it comes from; and it was read after every `changed()` of this instance that came
   * before the call. `query` must name all that the answer depends on, the caller's view included. `load` must begin
   * its database read when it is called; its rejection reaches every reader that joined, and is not kept.
   */
  list(query: string, load: () => Promise<LoadedList>): Promise<CachedList>;
  /** What `list` would answer from this process, at once; undefined where it would have to ask elsewhere. */
  ready(query: string): CachedList | undefined;
  /**
   * To be called after each commit that changed what lists show, before its request is answered: from now on lists of
   * this instance are read anew, and the other instances hear of it. Never throws, never waits.
   */
  changed(): void;
  /**
   * Calls `listener` when this instance has changed something, and when it hears from Redis that another has. Word may
   * be lost on the way: whoever must know looks by itself as well. Answers how to stop that; `listener` must not throw.
   */
  onChanged(listener: () => void): () => void;
  hold: HoldCache;
  /** Whether Redis is in use now; undefined when there is none. */
  isRedisUp(): boolean | undefined;
  /** Closes what was opened, in bounded time, and leaves no timer. Lists and holds then come from `load`. */
  close(): Promise<void>;
};

/**
 * The cache of this process, with Redis as the second level when there is a `redisUrl`. Redis may be dead, slow, wiped
 * or full of garbage from the start or at any time: then it is left out, and no answer changes.
 * `nowMs` is a monotonic clock in milliseconds; another than the default is for tests. `count` hears of every look.
 */
export function openRoomCache(options: {
  redisUrl: string | undefined;
  log: Logger;
  nowMs?: () => number;
  count?: CacheCounter;
}): RoomCache {
  const { redisUrl, log, nowMs = () => performance.now(), count = () => undefined } = options;
  const link = redisUrl === undefined ? undefined : openRedisLink({ url: redisUrl, log });
  const generations = openGenerations({ link, nowMs });
  const shared = link && openSharedLevel({ link, generations, log, nowMs });
  const memory = openListMemory(nowMs);
  const flights = openFlights<CachedList>({ epoch: generations.epoch, nowMs, joinMsMax: ageMsMax });

  async function read(query: string, epoch: number, load: () => Promise<LoadedList>): Promise<CachedList> {
    const look = await shared?.findList(query);
    const isFound = look !== undefined && 'list' in look;
    if (shared !== undefined) count('list', 'redis', isFound ? 'hit' : 'miss');
    if (isFound) {
      memory.put(query, epoch, look);
      return look.list;
    }
    const endsAtMs = nowMs() + ageMsMax;
    const { body, headers } = await load();
    const timed = { list: readyBody(body, headers), endsAtMs };
    memory.put(query, epoch, timed);
    // The generation is the one from before the read: if rooms have changed since, nobody will look there.
    if (look !== undefined) shared?.keepList(look, timed);
    return timed.list;
  }

  function ready(query: string): CachedList | undefined {
    const kept = memory.get(query, generations.epoch());
    if (kept !== undefined) count('list', 'process', 'hit');
    return kept;
  }

  return {
    ready,
    async list(query, load) {
      const kept = ready(query);
      if (kept !== undefined) return kept;
      let isOwnRead = false;
      const flight = flights.join(query, (epoch) => {
        isOwnRead = true;
        return read(query, epoch, load);
      });
      // A reader who waits for the next read has not begun one yet: he joins those who will.
      count('list', 'process', isOwnRead ? 'miss' : 'joined');
      return flight;
    },
    changed: generations.changed,
    onChanged: generations.onRise,
    hold: openHoldCache({ shared, nowMs, count }),
    isRedisUp: () => link?.isUp(),
    async close() {
      await generations.settle();
      await link?.close();
    },
  };
}
