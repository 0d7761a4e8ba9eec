/** Owns the one line that each request leaves in the log. */
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { pathOf } from './problem-answer.ts';

/** What the ids in our paths look like. Anything else in their place may be a token that somebody pasted. */
const plainId = /^(?:\d{1,19}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** The path of `url` where it is the route's, with what is no id in it left out; undefined where no route has it. */
export function loggedPath(url: string, route: string | undefined): string | undefined {
  if (route === undefined || route === '*') return undefined;
  const given = pathOf(url).split('/');
  return route
    .split('/')
    .map((segment, at) => {
      if (!segment.startsWith(':')) return segment;
      return plainId.test(given[at] ?? '') ? given[at] : '…';
    })
    .join('/');
}

type Lines = Pick<FastifyBaseLogger, 'debug' | 'info'>;

/** Hears of every request once, when its answer is sent or its client is gone. */
export type RequestEndListener = (request: FastifyRequest, reply: FastifyReply, ms: number) => void;

function logLine(lines: Lines, request: FastifyRequest, reply: FastifyReply, ms: number): void {
  const { config, url: route } = request.routeOptions;
  const isProbe = config.isUncounted === true && reply.raw.statusCode < 400;
  lines[isProbe ? 'debug' : 'info'](
    {
      request_id: request.id,
      method: request.method,
      path: loggedPath(request.url, route),
      route,
      status: reply.raw.statusCode,
      ms: Math.round(ms * 10) / 10,
      sub: request.caller?.sub,
      ...(reply.raw.headersSent ? {} : { is_cut: true }),
    },
    'request',
  );
}

/**
 * Logs every request once, when its answer is sent or its client is gone: method, path without the query, route,
 * status, milliseconds, `sub`. No header, no query and no body is ever logged, and of a path only what a route and
 * its ids say. Probes that succeed are `debug`. `whenEnded`
 * hears of it too.
 */
export const requestLog = fp<{ whenEnded: RequestEndListener }>(
  async (app: FastifyInstance, { whenEnded }) => {
    // Nothing in these lines is secret, and to look for secrets in each costs more than to write it.
    const lines = app.log.child({}, { redact: [] });
    app.addHook('onRequest', (request, reply, done) => {
      const startedAtMs = performance.now();
      // Not onResponse, which a client that hangs up before its answer never lets run.
      reply.raw.once('close', () => {
        const ms = performance.now() - startedAtMs;
        whenEnded(request, reply, ms);
        logLine(lines, request, reply, ms);
      });
      done();
    });
  },
  { name: 'request-log' },
);
