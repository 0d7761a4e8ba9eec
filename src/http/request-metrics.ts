/** Owns what is measured of each request: route, method, status and time, with labels that no client can multiply. */
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { Metrics } from '../metrics.ts';
import type { ProblemCode } from '../problems.ts';
import { perRoute } from './per-route.ts';
import type { EndedRequest } from './request-log.ts';

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

/** The pattern of a route as the contract writes it, `unknown` where there is none. */
export function routeName(pattern: string | undefined): string {
  return pattern === undefined || pattern === '*' ? 'unknown' : pattern.replaceAll(/:(\w+)/g, '{$1}');
}

/** What counts and times the requests of one route and method. */
function openPlace(metrics: Metrics, method: string, route: string) {
  let time: ((seconds: number) => void) | undefined;
  const counters = new Map<number | 'cut', () => void>();
  return ({ status, isCut, config, ms }: EndedRequest): void => {
    const outcome = isCut ? 'cut' : status;
    let count = counters.get(outcome);
    if (count === undefined) {
      count = metrics.httpRequests.on({ method, route, status: String(outcome) });
      counters.set(outcome, count);
    }
    count();
    if (config.isStream === true) return;
    time ??= metrics.httpRequestSeconds.on({ method, route });
    time(ms / 1000);
  };
}

/**
 * Makes the function that counts a request once it has ended. The status of one whose client hung up before its answer is
 * `cut`.
 */
export function openRequestCounter(metrics: Metrics) {
  const placeOf = perRoute((method, pattern) => openPlace(metrics, method, routeName(pattern)));
  return (request: EndedRequest): void => placeOf(request)(request);
}

/** Gives the app its `countProblem`. Install it before anything answers a problem. */
export const problemMetrics = fp<{ metrics: Metrics }>(
  async (app: FastifyInstance, { metrics }) => {
    app.decorate('countProblem', (code: ProblemCode) => metrics.httpProblems.inc({ code }));
  },
  { name: 'problem-metrics' },
);
