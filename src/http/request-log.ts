/** Owns the one line that each request leaves in the log. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { pathOf } from './problem-answer.ts';

function logLine(request: FastifyRequest, reply: FastifyReply, startedAtMs: number): void {
  const { config, url: route } = request.routeOptions;
  const isProbe = config.isUncounted === true && reply.raw.statusCode < 400;
  request.log[isProbe ? 'debug' : 'info'](
    {
      method: request.method,
      path: pathOf(request.url).slice(0, 500),
      route,
      status: reply.raw.statusCode,
      ms: Math.round((performance.now() - startedAtMs) * 10) / 10,
      sub: request.caller?.sub,
      ...(reply.raw.headersSent ? {} : { is_cut: true }),
    },
    'request',
  );
}

/**
 * Logs every request once, when its answer is sent or its client is gone: method, path without the query, route,
 * status, milliseconds, `sub`. No header, no query and no body is ever logged. Probes that succeed are `debug`.
 */
export const requestLog = fp(
  async (app: FastifyInstance) => {
    app.addHook('onRequest', async (request, reply) => {
      const startedAtMs = performance.now();
      // Not onResponse, which a client that hangs up before its answer never lets run.
      reply.raw.once('close', () => logLine(request, reply, startedAtMs));
    });
  },
  { name: 'request-log' },
);
