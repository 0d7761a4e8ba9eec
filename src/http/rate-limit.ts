/** Owns how many requests a minute one caller, or one address, may make. */
import { isIP } from 'node:net';
import rateLimitPlugin, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { Problem } from '../problems.ts';
import type { Caller } from './caller.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether requests of this caller are counted without a wait: in this process, or not at all. */
    countsAtOnce: (caller: Caller) => boolean;
    /** Counts a request of such a caller, and answers whether it is within the limit. */
    countAtOnce: (caller: Caller) => boolean;
  }
  interface FastifyContextConfig {
    /** The route is not counted: probes of an orchestrator must not fail because of load. */
    isUncounted?: true;
  }
}

/** How many a minute (0: no limit), and where instances count together. */
export type RateLimitOptions = { perMinute: number; redisUrl: string | undefined };

const windowMs = 60_000;

/** Callers and addresses counted at once in the process; the one not seen longest is forgotten first. */
const countersMax = 20_000;

/** A count is worth this much waiting; then the process counts alone. */
const redisTimeoutMs = 100;

/** After Redis failed, this long it is not asked. */
const redisPauseMs = 2000;

type Count = { isExceeded: boolean; ttlMs: number };
type OwnCounter = (key: string) => Count;
type SharedCounter = (request: FastifyRequest) => Promise<Count>;

/** Some proxies put the port behind the address, and each connection has another. */
const addressAndPort = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[\d.]+))(?::\d+)?$/;

/** The address that asks: that of the connection when what a trusted proxy forwarded is none. */
function addressOf({ ip, socket }: FastifyRequest): string {
  const { v4, v6 } = addressAndPort.exec(ip)?.groups ?? {};
  const forwarded = v4 ?? v6 ?? ip;
  return isIP(forwarded) === 0 ? (socket.remoteAddress ?? '') : forwarded;
}

function callerKey({ sub }: Caller): string {
  return `sub:${sub}`;
}

function keyOf(request: FastifyRequest): string {
  // The IPv6 addresses of one /64 are one customer's.
  return request.caller === undefined
    ? `address:${normalizeIP(addressOf(request), 64)}`
    : callerKey(request.caller);
}

/**
 * Counts in this process alone. The plugin's own store hands one object to all who are counted at once: of a burst
 * past the limit it would refuse everyone.
 */
function openOwnCounter(max: number): OwnCounter {
  const windows = new LRUCache<string, { count: number; endsAtMs: number }>({ max: countersMax });
  return (key) => {
    const nowMs = performance.now();
    const known = windows.get(key);
    const window =
      known !== undefined && nowMs < known.endsAtMs ? known : { count: 0, endsAtMs: nowMs + windowMs };
    if (window !== known) windows.set(key, window);
    window.count += 1;
    return { isExceeded: window.count > max, ttlMs: window.endsAtMs - nowMs };
  };
}

/** Counts in Redis, together with the other instances. */
async function openSharedCounter(app: FastifyInstance, max: number, redis: Redis): Promise<SharedCounter> {
  await app.register(rateLimitPlugin, {
    global: false,
    max,
    timeWindow: windowMs,
    keyGenerator: keyOf,
    redis,
    nameSpace: 'holdfast:rate:',
  });
  const count = app.createRateLimit();
  return async (request) => {
    const result = await count(request);
    return result.isAllowed
      ? { isExceeded: false, ttlMs: 0 }
      : { isExceeded: result.isExceeded, ttlMs: result.ttl };
  };
}

function openRedis(app: FastifyInstance, url: string): Redis {
  const redis = new Redis(url, {
    commandTimeout: redisTimeoutMs,
    connectTimeout: 1000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2000),
  });
  redis.on('error', (error) => app.log.debug({ err: error }, 'the rate limit cannot reach Redis'));
  app.addHook('onClose', async () => redis.disconnect());
  return redis;
}

/** Counts together with the other instances while Redis answers, and alone while it does not. */
function withFallback(app: FastifyInstance, shared: SharedCounter, own: OwnCounter): SharedCounter {
  let failedAtMs = Number.NEGATIVE_INFINITY;
  return async (request) => {
    if (performance.now() - failedAtMs < redisPauseMs) return own(keyOf(request));
    try {
      return await shared(request);
    } catch (error) {
      failedAtMs = performance.now();
      app.log.warn({ err: error }, 'the rate limit counts without Redis for now');
      return own(keyOf(request));
    }
  };
}

/**
 * Answers 429 with `Retry-After` to a `sub` (or, without a valid token, an address) past its limit. Comes after
 * authentication and before permissions. Never waits for Redis longer than 100 ms, and never fails with it.
 */
export const rateLimit = fp<RateLimitOptions>(
  async (app: FastifyInstance, { perMinute, redisUrl }) => {
    if (perMinute === 0) {
      app.decorate('countsAtOnce', () => true);
      app.decorate('countAtOnce', () => true);
      return;
    }
    const own = openOwnCounter(perMinute);
    const shared =
      redisUrl === undefined
        ? undefined
        : withFallback(app, await openSharedCounter(app, perMinute, openRedis(app, redisUrl)), own);
    app.decorate('countsAtOnce', (caller: Caller) => !caller.isRateLimited || shared === undefined);
    app.decorate(
      'countAtOnce',
      (caller: Caller) => !caller.isRateLimited || !own(callerKey(caller)).isExceeded,
    );
    const refusalOf = (request: FastifyRequest, { isExceeded, ttlMs }: Count): Problem | undefined => {
      if (!isExceeded) return undefined;
      const whose = request.caller === undefined ? 'address' : 'sub';
      const detail = `This ${whose} may make ${perMinute} requests a minute.`;
      return new Problem('rate-limited', detail, { limit: perMinute }, { retryAfterSeconds: ttlMs / 1000 });
    };
    app.addHook('onRequest', (request, _reply, done) => {
      const { isUncounted, allow } = request.routeOptions.config;
      if (isUncounted === true || allow !== undefined || request.caller?.isRateLimited === false)
        return done();
      if (shared === undefined) return done(refusalOf(request, own(keyOf(request))));
      shared(request).then((count) => done(refusalOf(request, count)), done);
    });
  },
  { name: 'rate-limit', dependencies: ['authentication'] },
);
