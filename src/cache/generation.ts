/** Owns the two tokens that say which cached lists are too old: this process' epoch, and the generation that all share in Redis. */
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { parseServerMs, type ServerTime } from './ages.ts';
import { type RedisLink, readBytes } from './redis.ts';

const generationKey = 'rooms:generation';
const generationChannel = 'rooms:changed';
const generationPattern = /^[\w-]{22}$/;

/** Changes that follow each other faster are told to Redis and to the others together: at most 100 a second. */
const announceIntervalMsMin = 10;

/** What a reader must know before it reads the database for others. */
export type Generation = Readonly<{ token: string; time: ServerTime }>;

export type Generations = {
  /** Rises whenever rooms may have changed: a cached list of another epoch is never served. */
  epoch(): number;
  /**
   * To be called after a commit. The epoch changes at once; the shared generation is replaced and the others are told
   * as soon as Redis allows, many calls in a row by one replacement. Never throws, never waits.
   */
  changed(): void;
  /** Calls `listener` at each rise of the epoch; it must not throw. Answers how to stop that. */
  onRise(listener: () => void): () => void;
  /**
   * The shared generation now, or undefined when it must not be relied on: a change of this process is not yet known
   * to Redis, or nothing sensible is stored (then a new one is on its way). Rejects as Redis does.
   */
  look(redis: Redis): Promise<Generation | undefined>;
  /** Redis' clock now. Rejects as Redis does. */
  askTime(redis: Redis): Promise<ServerTime>;
  /** Redis' clock as last seen, or undefined when that was too long ago to reckon with. */
  time(): ServerTime | undefined;
  /** Tells Redis of the last changes before the end; waits for two commands at the longest. */
  settle(): Promise<void>;
};

/** Two quartz clocks drift apart by a few milliseconds in this time, at the worst. */
const timeAgeMsMax = 60_000;

type Announcer = {
  /** Counts a change, and sends word of it as soon as may be. */
  changed(): void;
  /** True while Redis knows of every change so far. */
  isDone(): boolean;
  /** Sends word of every change so far; rejects as Redis does. */
  announce(redis: Redis): Promise<void>;
  /** Sends word of what could not be told before. */
  resume(): void;
  settle(): Promise<void>;
};

/** Sends word of changes over the link with `send`: of many in a row together, of the last one always. */
function openAnnouncer(link: RedisLink | undefined, send: (redis: Redis) => Promise<unknown>): Announcer {
  let changesCount = 0;
  let announcedCount = 0;
  let announcing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function announce(redis: Redis): Promise<void> {
    const count = changesCount;
    await send(redis);
    announcedCount = Math.max(announcedCount, count);
  }

  function resume(): void {
    if (link === undefined || announcing !== undefined || timer !== undefined) return;
    if (!link.isUp() || announcedCount === changesCount) return;
    announcing = link.ask(announce).then(() => {
      announcing = undefined;
      timer = setTimeout(continueLater, announceIntervalMsMin).unref();
    });
  }

  function continueLater(): void {
    clearTimeout(timer);
    timer = undefined;
    resume();
  }

  return {
    changed() {
      changesCount += 1;
      resume();
    },
    isDone: () => announcedCount === changesCount,
    announce,
    resume,
    async settle() {
      await announcing;
      continueLater();
      await announcing;
      clearTimeout(timer);
    },
  };
}

/** Without a `link` only the epoch is kept. Starts the link. */
export function openGenerations(options: { link: RedisLink | undefined; nowMs: () => number }): Generations {
  const { link, nowMs } = options;
  /** Tells the own messages from those of others: the own changes are known already. */
  const sender = randomBytes(12).toString('base64url');
  const listeners = new Set<() => void>();
  let epoch = 0;
  let lastTime: ServerTime | undefined;

  function rise(): void {
    epoch += 1;
    for (const listener of listeners) listener();
  }

  async function askTime(redis: Redis): Promise<ServerTime> {
    const sentAtMs = nowMs();
    const serverMs = parseServerMs(await redis.time());
    lastTime = { serverMs, sentAtMs, receivedAtMs: nowMs() };
    return lastTime;
  }

  const announcer = openAnnouncer(link, (redis) => {
    // Random, never counted: a counter that starts again would bring old entries back.
    const token = randomBytes(16).toString('base64url');
    // On one connection, so in this order: whoever hears of it finds the new generation.
    const replaced = redis.set(generationKey, token);
    return Promise.all([replaced, redis.publish(generationChannel, sender), askTime(redis)]);
  });

  link?.start({
    async greet(redis) {
      await redis.subscribe(generationChannel);
      if (redis.mode === 'subscriber') throw new Error('Redis 6 or newer is needed (RESP3)');
      // Whatever was lost, restored or failed over since the last greeting: no entry from before it can be reached.
      await announcer.announce(redis);
    },
    whenUp() {
      // Messages may have been missed.
      rise();
      announcer.resume();
    },
    whenTold(message) {
      if (message !== sender) rise();
    },
  });

  return {
    epoch: () => epoch,
    changed() {
      rise();
      announcer.changed();
    },
    onRise(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async look(redis) {
      if (!announcer.isDone()) return undefined;
      const [bytes, time] = await Promise.all([readBytes(redis, generationKey), askTime(redis)]);
      const token = bytes?.toString('latin1') ?? '';
      if (generationPattern.test(token)) return { token, time };
      // A new one; unless that is on its way already.
      if (announcer.isDone()) announcer.changed();
      return undefined;
    },
    askTime,
    time: () =>
      lastTime !== undefined && nowMs() - lastTime.receivedAtMs < timeAgeMsMax ? lastTime : undefined,
    settle: announcer.settle,
  };
}
