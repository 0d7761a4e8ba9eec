/** Owns the connection to Redis: when it may be used, how long anybody waits for it, what the log says when it goes and comes. */
import { Redis } from 'ioredis';
import type { Logger } from 'pino';

/** The longest anybody waits for Redis, in milliseconds; a healthy one answers in one. */
export const commandTimeoutMs = 100;

/** An attempt to connect, each step of it: nobody waits for this one, and a slow start is no outage. */
const connectTimeoutMs = 1_000;
/** How long a connection that is being given up may take to say goodbye. */
const disconnectTimeoutMs = 100;
const retryDelayMsMin = 100;
const retryDelayMsMax = 2_000;
/** A connection that lived shorter than this goes on counting as the same run of failures, so that attempts stay rare. */
const upMsUntilTrusted = 5_000;

/** What is done on a new connection before it is used, and what is told of it. */
export type RedisGuest = Readonly<{
  /** Runs before the connection is used and after each failure; a rejection keeps Redis out of use. */
  greet(redis: Redis): Promise<void>;
  /** Redis is in use from now on. */
  whenUp(): void;
  /** A message of a channel that `greet` subscribed to. */
  whenTold(message: string): void;
}>;

export type RedisLink = {
  /** Begins to connect, and goes on by itself for ever. Called once. */
  start(guest: RedisGuest): void;
  /** True while Redis is known to answer and to take writes. */
  isUp(): boolean;
  /**
   * What the commands came to; undefined at once when Redis is not in use, and after `commandTimeoutMs` at the latest
   * when they fail. Any failure takes Redis out of use until it has been greeted again. Never rejects.
   */
  ask<T>(commands: (redis: Redis) => Promise<T>): Promise<T | undefined>;
  /** Closes the connection and leaves no timer behind. Resolves in bounded time whatever Redis does. */
  close(): Promise<void>;
};

/** The bytes at a key, null when there are none; no bytes at all when the key holds something that is not a string. */
export async function readBytes(redis: Redis, key: string): Promise<Buffer | null> {
  try {
    return await redis.getBuffer(key);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return Buffer.alloc(0);
    throw error;
  }
}

/** Settles as `reply` does, or rejects after `commandTimeoutMs`. */
function withinTimeout<T>(reply: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // After a stall of this process the reply may already lie in the socket: it is read before Redis gets the blame.
      setImmediate(() => reject(new Error(`no reply within ${commandTimeoutMs} ms`)));
    }, commandTimeoutMs);
    reply.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** An error that Redis itself answered: the connection is sound. */
function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Only the text: the errors of ioredis carry the command's arguments, passwords among them. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  // Node leaves the message of "refused on every address" empty.
  return error.message || ('code' in error ? String(error.code) : error.name);
}

function createClient(url: string, delayMs: () => number): Redis {
  return new Redis(url, {
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    commandTimeout: connectTimeoutMs,
    disconnectTimeout: disconnectTimeoutMs,
    retryStrategy: delayMs,
    enableOfflineQueue: false,
    // Each command runs at most once and fails with its connection: a SET that is sent again later would bring back
    // a generation that others have replaced.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // The greeting does both, and its failure is handled.
    autoResubscribe: false,
    enableReadyCheck: false,
  });
}

/** Says once that Redis is out of use and once that it is back, and makes attempts rarer while they fail. */
function openOutages(log: Logger) {
  let isTold = false;
  let failuresCount = 0;
  let upSinceMs = Number.POSITIVE_INFINITY;
  return {
    lost(error: unknown): void {
      if (performance.now() - upSinceMs > upMsUntilTrusted) failuresCount = 0;
      upSinceMs = Number.POSITIVE_INFINITY;
      const reason = reasonOf(error);
      if (!isTold) log.warn({ reason }, 'Redis is out of use; reads go to Postgres until it is back');
      isTold = true;
    },
    back(): void {
      upSinceMs = performance.now();
      if (isTold) log.info('Redis is back in use');
      isTold = false;
    },
    nextDelayMs: () => Math.min(retryDelayMsMin * 2 ** failuresCount++, retryDelayMsMax),
  };
}

/**
 * A link to the Redis or Valkey (6 or newer) at `url`. It fails fast and recovers by itself: after a failure nobody
 * waits for Redis until a new greeting has succeeded. Each outage is one warning, its end one line of information.
 */
export function openRedisLink(options: { url: string; log: Logger }): RedisLink {
  const outages = openOutages(options.log);
  const redis = createClient(options.url, outages.nextDelayMs);
  let isUp = false;
  let isClosed = false;
  let greetTimer: NodeJS.Timeout | undefined;
  let guest: RedisGuest | undefined;
  const isReady = () => !isClosed && redis.status === 'ready';

  function lose(error: unknown): void {
    isUp = false;
    if (!isClosed) outages.lost(error);
  }

  /** Takes Redis out of use: its connection is made anew, or, when that is sound, it is greeted again a little later. */
  function retire(error: unknown): void {
    lose(error);
    if (!isReady()) return;
    clearTimeout(greetTimer);
    if (isReply(error)) greetTimer = setTimeout(greet, outages.nextDelayMs()).unref();
    else redis.disconnect(true);
  }

  function greet(): void {
    if (guest !== undefined && isReady()) withinTimeout(guest.greet(redis)).then(use, retire);
  }

  function use(): void {
    if (!isReady()) return;
    isUp = true;
    outages.back();
    guest?.whenUp();
  }

  async function ask<T>(commands: (redis: Redis) => Promise<T>): Promise<T | undefined> {
    if (!isUp) return undefined;
    return withinTimeout(commands(redis)).catch((error: unknown) => {
      if (isUp) retire(error);
      return undefined;
    });
  }

  function start(theGuest: RedisGuest): void {
    guest = theGuest;
    redis.on('ready', greet).on('message', (_channel: string, message: string) => theGuest.whenTold(message));
    whenClosed(redis, lose);
    redis.connect().catch(() => undefined);
  }

  async function close(): Promise<void> {
    isClosed = true;
    isUp = false;
    clearTimeout(greetTimer);
    await closeClient(redis);
  }

  return { start, isUp: () => isUp, ask, close };
}

/** Tells of each connection, or attempt at one, that has ended, and why. */
function whenClosed(redis: Redis, tell: (error: unknown) => void): void {
  let error: unknown;
  redis.on('error', (latest) => {
    error = latest;
  });
  redis.on('close', () => {
    tell(error ?? new Error('connection closed'));
    error = undefined;
  });
}

/** Between two attempts ioredis says nothing when it ends, so the wait for its last word is bounded. */
async function closeClient(redis: Redis): Promise<void> {
  if (redis.status === 'end') return;
  const ended = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 2 * disconnectTimeoutMs);
    redis.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  redis.disconnect();
  await ended;
}
