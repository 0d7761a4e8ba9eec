/** Owns GET /metrics: what Prometheus scrapes, who may, and what a scrape says while the database is out of reach. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Metrics } from '../metrics.ts';
import { Problem } from '../problems.ts';
import { bearerTokenOf } from './authentication.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { responses } from './openapi.ts';

/** What is not counted as it happens, but asked for at each scrape. */
export type MetricsSources = Readonly<{
  countConnections(): { total: number; idle: number; waiting: number };
  connectionsMax: number;
  /** Undefined when there is no Redis. */
  isRedisUp(): boolean | undefined;
  countEventStreams(): number;
  /** Rejects when the server cannot do its work. */
  checkReady(): Promise<void>;
  countRooms(): Promise<RoomCounts>;
  countHolds(): Promise<HoldCounts>;
}>;

/** How many rooms there are of each status, and how many are frozen for each reason. */
export type RoomCounts = Readonly<{
  by_status: Readonly<Record<string, number>>;
  by_freeze_reason: Readonly<Record<string, number>>;
}>;

/** How many holds are active, and for how long the oldest that is over has waited to be tidied. */
export type HoldCounts = Readonly<{ active: number; overdue_seconds: number }>;

/** Who may scrape, and what there is to tell. */
export type MetricsOptions = Readonly<{
  metrics: Metrics;
  token: string | undefined;
  sources: MetricsSources;
}>;

/** A scrape waits this long for the database, well within the patience of any scraper, and then goes on without. */
const databaseMsMax = 500;

const digestOf = (text: string) => createHash('sha256').update(text).digest();

/** Digests are of one length, so the comparison says nothing of the token's. */
function checkToken(request: FastifyRequest, wanted: Buffer): void {
  if (timingSafeEqual(digestOf(bearerTokenOf(request)), wanted)) return;
  throw new Problem('credentials-invalid', 'The bearer token is not the one for metrics.');
}

/** What `work` came to, or undefined when it failed or took too long. */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), databaseMsMax);
  });
  try {
    return await Promise.race([work, late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function setCounts(metrics: Metrics, rooms: RoomCounts | undefined, holds: HoldCounts | undefined): void {
  metrics.countsUp.set(rooms !== undefined && holds !== undefined ? 1 : 0);
  metrics.rooms.reset();
  metrics.roomsFrozenNow.reset();
  for (const [status, count] of Object.entries(rooms?.by_status ?? {})) metrics.rooms.set({ status }, count);
  for (const [reason, count] of Object.entries(rooms?.by_freeze_reason ?? {})) {
    if (reason !== 'NONE') metrics.roomsFrozenNow.set({ reason }, count);
  }
  if (holds === undefined) {
    // Nothing is better than what was true a while ago.
    metrics.holdsActive.remove();
    metrics.overdueSeconds.remove();
    return;
  }
  metrics.holdsActive.set(holds.active);
  metrics.overdueSeconds.set(holds.overdue_seconds);
}

function setLocal(metrics: Metrics, sources: MetricsSources): void {
  const { total, idle, waiting } = sources.countConnections();
  metrics.poolConnections.set({ state: 'busy' }, total - idle);
  metrics.poolConnections.set({ state: 'idle' }, idle);
  metrics.poolConnectionsMax.set(sources.connectionsMax);
  metrics.poolWaiting.set(waiting);
  metrics.eventStreams.set(sources.countEventStreams());
  const isRedisUp = sources.isRedisUp();
  if (isRedisUp === undefined) metrics.redisUp.remove();
  else metrics.redisUp.set(isRedisUp ? 1 : 0);
}

/** The route. It needs no token but its own, if there is one; it is not counted, and logged only when it fails. */
export const metricsRoutes =
  ({ metrics, token, sources }: MetricsOptions): FastifyPluginAsync =>
  async (app) => {
    const wanted = token === undefined ? undefined : digestOf(token);
    const checkReady = oneAtATime(async () => {
      await sources.checkReady();
      return true;
    });
    const countHolds = oneAtATime(sources.countHolds);

    app.get(
      '/metrics',
      {
        config: { public: true, isUncounted: true, examples: { answer: 'holdfast_ready 1\n' } },
        onRequest: async (request) => {
          if (wanted !== undefined) checkToken(request, wanted);
        },
        schema: {
          operationId: 'getMetrics',
          summary: 'Read what is measured',
          description:
            'The text format of Prometheus. A server that has a `METRICS_TOKEN` wants it as the bearer token. ' +
            'While the database is out of reach, the counts of rooms and holds are left out.',
          tags: ['operations'],
          response: responses(
            { 200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } } },
            ['credentials-missing', 'credentials-invalid'],
          ),
        },
      },
      async (_request, reply) => {
        const [isReady, rooms, holds] = await Promise.all([
          inTime(checkReady()),
          inTime(sources.countRooms()),
          inTime(countHolds()),
        ]);
        metrics.ready.set(isReady === true ? 1 : 0);
        setCounts(metrics, rooms, holds);
        setLocal(metrics, sources);
        const text = await metrics.registry.metrics();
        return reply.header('cache-control', 'no-store').type(metrics.registry.contentType).send(text);
      },
    );
  };
