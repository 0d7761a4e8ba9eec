/** Owns the small app of the HTTP tests: every rule of the server, a few routes of its own, no database. */
import type { FastifyInstance } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { callerOf } from '../../src/http/authentication.ts';
import { buildBareApp, type HttpOptions } from '../../src/http/bare-app.ts';
import { otherMethods } from '../../src/http/methods.ts';
import { responses } from '../../src/http/openapi.ts';
import { openMetrics } from '../../src/metrics.ts';
import { noTracing } from '../../src/tracing.ts';
import { idParam, integer, limit, optional, optionalBody, text } from '../../src/wire-schemas.ts';
import { testSecret } from '../helpers/tokens.ts';

const anything = responses({ 200: z.looseObject({}) });

/** Routes of every kind that the rules tell apart. */
const routes: FastifyPluginAsyncZod = async (app) => {
  const anyOf = ['ROOM_MANAGEMENT:READ'] as const;
  const params = z.strictObject({ thing_id: idParam });
  app.get(
    '/things',
    {
      config: { public: true },
      schema: { querystring: z.strictObject({ limit, q: text(1, 5).optional() }), response: anything },
    },
    async (request) => request.query,
  );
  app.get('/things/summary', { config: { public: true }, schema: { response: anything } }, async () => ({
    total: 0,
  }));
  app.get(
    '/things/:thing_id',
    { config: { anyOf }, schema: { params, response: anything } },
    async (request) => ({
      ...request.params,
      sub: callerOf(request).sub,
      permissions: [...callerOf(request).permissions],
    }),
  );
  app.delete(
    '/things/:thing_id',
    { config: { anyOf: ['ROOM_MANAGEMENT:WRITE'] }, schema: { params, response: anything } },
    async (request) => request.params,
  );
  app.post(
    '/things',
    {
      config: { public: true },
      schema: {
        body: z.strictObject({
          name: text(1, 5),
          count: optional(integer(1, 9)),
          list: optional(z.array(integer(1, 9))),
        }),
        response: anything,
      },
    },
    async (request) => request.body,
  );
  app.post(
    '/things/:thing_id/touch',
    {
      config: { public: true },
      schema: {
        params,
        body: optionalBody(z.strictObject({ note: optional(text(0, 5)) })),
        response: anything,
      },
    },
    async (request) => ({ body: request.body }),
  );
  app.get('/bug', { config: { public: true } }, async () => {
    throw new Error('secret inside');
  });
};

const config: HttpOptions['config'] = {
  corsOrigins: [],
  jwtAudience: undefined,
  jwtIssuer: undefined,
  publicUrl: undefined,
  rateLimitPerMinute: 0,
  redisUrl: undefined,
  trustProxy: false,
};

export type BareOptions = Partial<Omit<HttpOptions, 'config' | 'log' | 'draining'>> & {
  config?: Partial<HttpOptions['config']>;
  draining?: AbortController;
  extraRoutes?: FastifyPluginAsyncZod;
};

/** A ready app that is closed when the test ends, and the lines that it logs. */
export async function startBareApp(
  options: BareOptions = {},
): Promise<{ app: FastifyInstance; lines: Record<string, unknown>[] }> {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const app = await buildBareApp({
    config: { ...config, ...options.config },
    keys: options.keys ?? { kind: 'secret', secret: testSecret },
    log,
    metrics: options.metrics ?? openMetrics(),
    tracing: options.tracing ?? noTracing,
    draining: (options.draining ?? new AbortController()).signal,
    ...(options.times === undefined ? {} : { times: options.times }),
  });
  await app.register(routes);
  if (options.extraRoutes !== undefined) await app.register(options.extraRoutes);
  await app.register(otherMethods);
  await app.ready();
  onTestFinished(() => app.close());
  return { app, lines };
}
