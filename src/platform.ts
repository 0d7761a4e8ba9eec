/** Owns what every part of a running server stands on: settings, database, cache, log, measures, token keys, draining. */
import type { Logger } from 'pino';
import type { CacheCounter } from './cache/counter.ts';
import { openRoomCache, type RoomCache } from './cache/room-cache.ts';
import type { Config, KeySetting } from './config.ts';
import { type Database, openDatabase } from './database.ts';
import { keptSecret } from './kept-secret.ts';
import { type Metrics, openMetrics } from './metrics.ts';
import { openSignInCodes, type SignInCodes } from './sign-in-codes.ts';
import { openTracing, type Tracing } from './tracing.ts';

/** What a server is built on. Opened once in `server.ts`, and by each test for itself. */
export type Platform = Readonly<{
  config: Config;
  database: Database;
  cache: RoomCache;
  log: Logger;
  metrics: Metrics;
  tracing: Tracing;
  /** The key setting in force: the configured one, or the secret that was made and kept in the data folder. */
  keys: KeySetting;
  /** One-time codes for the console; only where the secret was made up here, so never in production. */
  signInCodes: SignInCodes | undefined;
  /**
   * Aborts when the server begins to drain: from then on /readyz is 503, answers carry `Connection: close` and
   * event streams end, but requests are still served.
   */
  draining: AbortSignal;
  /** Begins draining. Returns at once; further calls do nothing. */
  drain(): void;
  /** Closes cache and database, and sends the last traces. Call it after the app has closed; never throws. */
  close(): Promise<void>;
}>;

/**
 * Opens what a server stands on; nothing is connected yet. Throws when `config` names no database (an embedded
 * one has to be started before, and its URL put in), or when the data folder cannot be written.
 */
export async function openPlatform(config: Config, log: Logger): Promise<Platform> {
  if (config.databaseUrl === undefined) throw new Error('openPlatform needs a database URL');
  const keys = config.key ?? { kind: 'secret', secret: await keptSecret(config.dataDir, 'jwt-secret') };
  const metrics = openMetrics();
  const tracing = await openTracing(config.tracing, log);
  const database = openDatabase({ url: config.databaseUrl, poolMax: config.databasePoolMax, log, tracing });
  const cache = openRoomCache({ redisUrl: config.redisUrl, log, count: cacheCounter(metrics) });
  const draining = new AbortController();
  return {
    config,
    database,
    cache,
    log,
    metrics,
    tracing,
    keys,
    signInCodes: config.key === undefined && !config.isProduction ? openSignInCodes() : undefined,
    draining: draining.signal,
    drain: () => draining.abort(),
    close: async () => {
      for (const part of [cache, database, tracing]) {
        await part.close().catch((error: unknown) => log.warn({ err: error }, 'closing went wrong'));
      }
    },
  };
}

function cacheCounter({ cacheLookups }: Metrics): CacheCounter {
  const results = (cache: string, level: string) => ({
    hit: cacheLookups.on({ cache, level, result: 'hit' }),
    joined: cacheLookups.on({ cache, level, result: 'joined' }),
    miss: cacheLookups.on({ cache, level, result: 'miss' }),
  });
  const levels = (cache: string) => ({ process: results(cache, 'process'), redis: results(cache, 'redis') });
  const counts = { list: levels('list'), hold: levels('hold') };
  return (cache, level, result) => counts[cache][level][result]();
}
