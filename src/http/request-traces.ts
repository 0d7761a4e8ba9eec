/** Owns the span of each HTTP request, and that what a request leads to knows which request that was. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { RequestTracing } from '../tracing.ts';
import { loggedPath } from './request-log.ts';
import { routeName } from './request-metrics.ts';

function traceOf(request: FastifyRequest) {
  const route = routeName(request.routeOptions.url);
  return {
    headers: request.headers,
    method: request.method,
    route: route === 'unknown' ? undefined : route,
    path: loggedPath(request.url, request.routeOptions.url),
    requestId: request.id,
  };
}

/** Traces every request, probes left out. Install it before every other hook: what runs before is not a part of it. */
export const requestTraces = fp<{ tracing: RequestTracing }>(
  async (app: FastifyInstance, { tracing }) => {
    app.addHook('onRequest', (request, reply, next) => {
      if (request.routeOptions.config.isUncounted === true) return next();
      const span = tracing.start(traceOf(request));
      reply.raw.once('close', () =>
        tracing.end(span, reply.raw.headersSent ? reply.raw.statusCode : undefined),
      );
      // Fastify keeps the context while a body is read, which comes from a socket that works for no request in particular.
      tracing.within(span, next);
    });
  },
  { name: 'request-traces' },
);
