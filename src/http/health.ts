/** Owns the probes: /livez (the process runs) and /readyz (it can serve). */
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { Problem } from '../problems.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { responses } from './openapi.ts';

/** What readiness depends on. `checkReady` rejects when the server cannot do its work. */
export type HealthOptions = { checkReady: () => Promise<void>; draining: AbortSignal };

/** A probe that has heard nothing after this has heard no. */
const checkMsMax = 2000;

const statusSchema = z.strictObject({ status: z.literal('ok') });

async function withinTime(check: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${checkMsMax} ms`)), checkMsMax);
  });
  try {
    await Promise.race([check, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The two probes; they need no token, are not counted and are logged only when they fail. */
export const healthRoutes =
  ({ checkReady, draining }: HealthOptions): FastifyPluginAsync =>
  async (app) => {
    const config = { public: true, isUncounted: true } as const;
    const checkOnce = oneAtATime(() => withinTime(checkReady()));
    app.get(
      '/livez',
      {
        config: { ...config, examples: { answer: { status: 'ok' } } },
        schema: {
          operationId: 'getLiveness',
          summary: 'The process runs',
          description: 'Nothing else is asked: a process that answers is not to be restarted.',
          tags: ['operations'],
          response: responses({ 200: statusSchema }),
        },
      },
      async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }),
    );
    app.get(
      '/readyz',
      {
        config: { ...config, examples: { answer: { status: 'ok' } } },
        schema: {
          operationId: 'getReadiness',
          summary: 'The server can serve',
          description:
            '503 while Postgres is out of reach or not writable, migrations are missing, or the server drains.',
          tags: ['operations'],
          response: responses({ 200: statusSchema }, ['dependency-unavailable']),
        },
      },
      async (_request, reply) => {
        if (draining.aborted) throw new Problem('draining', 'The server is shutting down.');
        try {
          await checkOnce();
        } catch (cause) {
          throw new Problem('dependency-unavailable', 'The database is not ready.', {}, { cause });
        }
        return reply.header('cache-control', 'no-store').send({ status: 'ok' });
      },
    );
  };
