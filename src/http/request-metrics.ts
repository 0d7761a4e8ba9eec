/** Owns what is measured of each request: route, method, status and time, with labels that no client can multiply. */
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { Metrics } from '../metrics.ts';
import type { ProblemCode } from '../problems.ts';
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

/** Methods that routes have; Node knows some 30 more, and any of them is `other`. */
const methodsNamed = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS']);

/** Makes for each method and route, at its first request, what is the same for all others: they are few. */
function perRoute<Made>(make: (method: string, route: string | undefined) => Made) {
  const made = new Map<string | undefined, Map<string, Made>>();
  return ({ method, route }: Pick<EndedRequest, 'method' | 'route'>): Made => {
    const name = methodsNamed.has(method) ? method : 'other';
    let ofRoute = made.get(route);
    if (ofRoute === undefined) {
      ofRoute = new Map();
      made.set(route, ofRoute);
    }
    let one = ofRoute.get(name);
    if (one === undefined) {
      one = make(name, route);
      ofRoute.set(name, one);
    }
    return one;
  };
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
