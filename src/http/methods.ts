/** Owns what a path answers to the methods that no route of it takes: 405 with Allow, and OPTIONS. */
import { METHODS } from 'node:http';
import type {} from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { Problem } from '../problems.ts';
import { routeNotFound } from './problem-handler.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** What `Allow` says for a path, or undefined where no route has it. */
    allowedMethods: (path: string) => string | undefined;
  }
  interface FastifyContextConfig {
    /** Set on the routes made here: what `Allow` says. */
    allow?: string;
  }
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return false;
  return wanted.every(
    (segment, at) => segment === given[at] || (segment.startsWith(':') && given[at] !== ''),
  );
}

function allowOf(methods: ReadonlySet<string>): string {
  return [...methods, 'OPTIONS'].sort().join(', ');
}

function parameterCount(pattern: string): number {
  return pattern.split('/:').length - 1;
}

/** Collects the routes and answers unknown paths before anything else is looked at; install it before any route. */
export const routeCheck = fp(
  async (app: FastifyInstance) => {
    const methodsByPattern = new Map<string, Set<string>>();
    app.decorate('allowedMethods', (path: string) => {
      const found = [...methodsByPattern]
        .filter(([pattern]) => matches(pattern, path))
        .sort(([one], [other]) => parameterCount(one) - parameterCount(other));
      return found[0] === undefined ? undefined : allowOf(found[0][1]);
    });
    app.addHook('onRoute', (route) => {
      if (route.config?.allow !== undefined || route.url === '*') return;
      const methods = methodsByPattern.get(route.url) ?? new Set();
      for (const method of [route.method].flat()) methods.add(method);
      methodsByPattern.set(route.url, methods);
    });
    app.addHook('onRequest', (request, reply, done) => {
      const { config, url } = request.routeOptions;
      const hasEmptyParam = Object.values(request.params ?? {}).includes('');
      if (request.is404 || url === '*' || hasEmptyParam)
        return done(routeNotFound(request.method, request.url));
      if (config.allow === undefined || request.method === 'OPTIONS') return done();
      reply.header('allow', config.allow);
      const allow = config.allow.split(', ');
      done(new Problem('method-not-allowed', `This path takes ${config.allow}.`, { allow }));
    });
    app.decorate('patterns', methodsByPattern);
  },
  { name: 'route-check' },
);

declare module 'fastify' {
  interface FastifyInstance {
    /** The methods of every path pattern, as the routes declared them. */
    patterns: ReadonlyMap<string, ReadonlySet<string>>;
  }
}

/**
 * Gives every known path its OPTIONS (204) and its 405 for all other methods. Real routes are used for it, so
 * that `DELETE /rooms/summary` is told from `DELETE /rooms/{room_id}`. Install it after every other route.
 */
export const otherMethods = fp(
  async (app: FastifyInstance) => {
    const known = METHODS.filter((method) => method !== 'CONNECT');
    for (const method of known) {
      if (!app.supportedMethods.includes(method)) app.addHttpMethod(method);
    }
    for (const [pattern, methods] of [...app.patterns]) {
      const others = app.supportedMethods.filter((method) => !methods.has(method));
      const allow = allowOf(methods);
      app.route({
        method: others,
        url: pattern,
        config: { public: true, allow },
        schema: { hide: true },
        exposeHeadRoute: false,
        // Only OPTIONS comes this far; the route check has refused the others.
        handler: async (_request, reply) => reply.code(204).header('allow', allow).send(),
      });
    }
  },
  { name: 'other-methods', dependencies: ['route-check'] },
);
