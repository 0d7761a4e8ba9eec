/** Owns the one line that each request leaves in the log, and the end of a request, which others hear of as well. */
import type { FastifyBaseLogger, FastifyContextConfig, FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { otherMethod, perRoute } from './per-route.ts';
import { pathOf } from './problem-answer.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Logs and counts a request that has ended. */
    requestEnded: RequestEndListener;
  }
}

/** A request whose answer is sent, or whose client is gone. */
export type EndedRequest = Readonly<{
  id: string;
  method: string;
  url: string;
  /** The pattern of its route; undefined where it has none. */
  route: string | undefined;
  config: FastifyContextConfig;
  status: number;
  /** The client was gone before its answer began. */
  isCut: boolean;
  ms: number;
  sub: string | undefined;
}>;

/** Hears of every request once, when it has ended. */
export type RequestEndListener = (request: EndedRequest) => void;

/** What the ids in our paths look like. Anything else in their place may be a token that somebody pasted. */
const plainId = /^(?:\d{1,19}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** The path of `url` where it is the route's, with what is no id in it left out; undefined where no route has it. */
export function loggedPath(url: string, route: string | undefined): string | undefined {
  if (route === undefined || route === '*') return undefined;
  if (!route.includes(':')) return route;
  const given = pathOf(url).split('/');
  return route
    .split('/')
    .map((segment, at) => {
      if (!segment.startsWith(':')) return segment;
      return plainId.test(given[at] ?? '') ? given[at] : '…';
    })
    .join('/');
}

/** What writes the lines of one method and route: what all of them say is made into text once. */
function openLines(log: FastifyBaseLogger, methodName: string, route: string | undefined) {
  const isMethodKnown = methodName !== otherMethod;
  const isPathKnown = route?.includes(':') !== true;
  const known = {
    ...(isMethodKnown && { method: methodName }),
    ...(isPathKnown && { path: loggedPath('', route) }),
    route,
  };
  // Nothing in these lines is secret, and to look for secrets in each costs more than to write it.
  const lines = log.child(known, { redact: [] });
  return ({ id, method, url, config, status, isCut, ms, sub }: EndedRequest): void => {
    const line = { request_id: id, status, ms: Math.round(ms * 10) / 10, sub };
    if (!isMethodKnown) Object.assign(line, { method });
    if (!isPathKnown) Object.assign(line, { path: loggedPath(url, route) });
    if (isCut) Object.assign(line, { is_cut: true });
    if (config.isUncounted === true && status < 400) lines.debug(line, 'request');
    else lines.info(line, 'request');
  };
}

/**
 * Logs every request once, when its answer is sent or its client is gone: method, path without the query, route,
 * status, milliseconds, `sub`. No header, no query and no body is ever logged, and of a path only what a route and
 * its ids say. Probes that succeed are `debug`. `whenEnded` hears of it too.
 */
export const requestLog = fp<{ whenEnded: RequestEndListener }>(
  async (app: FastifyInstance, { whenEnded }) => {
    const linesOf = perRoute((method, route) => openLines(app.log, method, route));
    app.decorate('requestEnded', (request: EndedRequest) => {
      whenEnded(request);
      linesOf(request)(request);
    });
    app.addHook('onRequest', (request, { raw }, done) => {
      const startedAtMs = performance.now();
      // Not onResponse, which a client that hangs up before its answer never lets run.
      raw.once('close', () => {
        const { id, method, url, routeOptions, caller } = request;
        app.requestEnded({
          id,
          method,
          url,
          route: routeOptions.url,
          config: routeOptions.config,
          status: raw.statusCode,
          isCut: !raw.headersSent,
          ms: performance.now() - startedAtMs,
          sub: caller?.sub,
        });
      });
      done();
    });
  },
  { name: 'request-log' },
);
