/** Owns what is measured of each request: route, method, status and time, with labels that no client can multiply. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Metrics } from '../metrics.ts';
import type { ProblemCode } from '../problems.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts an answer with a problem of this code. */
    countProblem: (code: ProblemCode) => void;
  }
  interface FastifyContextConfig {
    /** The answer goes on for as long as the client likes: its time says nothing. */
    isStream?: true;
  }
}

/** Methods that routes have; Node knows some 30 more, and any of them is `other`. */
const methodsNamed = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS']);

/** The pattern of the request's route as the contract writes it, `unknown` where there is none. */
export function routeOf(request: FastifyRequest): string {
  const { url } = request.routeOptions;
  if (request.is404 || url === undefined || url === '*') return 'unknown';
  return url.replaceAll(/:(\w+)/g, '{$1}');
}

type Timed = { observe(seconds: number): void };

/**
 * Makes the function that counts a request once it has ended. The status of one whose client hung up before its answer is
 * `cut`. What is looked up by its labels is kept: they are as few as there are routes.
 */
export function openRequestCounter(metrics: Metrics) {
  const routes = new Map<string | undefined, string>();
  const counters = new Map<string, () => void>();
  const timers = new Map<string, Timed>();

  function labelsOf(request: FastifyRequest): { method: string; route: string } {
    const pattern = request.is404 ? undefined : request.routeOptions.url;
    let route = routes.get(pattern);
    if (route === undefined) {
      route = routeOf(request);
      routes.set(pattern, route);
    }
    return { method: methodsNamed.has(request.method) ? request.method : 'other', route };
  }

  return (request: FastifyRequest, reply: FastifyReply, ms: number): void => {
    const { method, route } = labelsOf(request);
    const status = reply.raw.headersSent ? String(reply.raw.statusCode) : 'cut';
    const place = `${method} ${route}`;
    const name = `${status} ${place}`;
    let count = counters.get(name);
    if (count === undefined) {
      count = metrics.httpRequests.on({ method, route, status });
      counters.set(name, count);
    }
    count();
    if (request.routeOptions.config.isStream === true) return;
    let timer = timers.get(place);
    if (timer === undefined) {
      timer = metrics.httpRequestSeconds.labels(method, route);
      timers.set(place, timer);
    }
    timer.observe(ms / 1000);
  };
}

/** Gives the app its `countProblem`. Install it before anything answers a problem. */
export const problemMetrics = fp<{ metrics: Metrics }>(
  async (app: FastifyInstance, { metrics }) => {
    app.decorate('countProblem', (code: ProblemCode) => metrics.httpProblems.inc({ code }));
  },
  { name: 'problem-metrics' },
);
