/** Owns the console on the wire: the built web page with its policy, and the exchange of a one-time code for a token. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { Problem } from '../problems.ts';
import type { SignInCodes } from '../sign-in-codes.ts';
import { signToken } from '../tokens.ts';
import { text } from '../wire-schemas.ts';
import { noContent, responses } from './openapi.ts';
import { routeNotFound } from './problem-handler.ts';

/** What the console is served with; `signIn` is there only where a one-time code may be good. */
export type ConsoleOptions = {
  config: Pick<Config, 'jwtAudience' | 'jwtIssuer'>;
  signIn: { codes: SignInCodes; secret: string } | undefined;
  /** Another folder than the built one, for tests. */
  dir?: string;
};

/** The same folder from src/http and from dist/http. */
const builtDir = fileURLToPath(new URL('../../dist/console/', import.meta.url));

/** Everything that the page needs comes from this server, as files; nothing is inline, and no text becomes markup. */
const pagePolicy = {
  useDefaults: false,
  directives: {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'style-src': ["'self'"],
    'connect-src': ["'self'"],
    'img-src': ["'self'", 'data:'],
    'font-src': ["'self'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
    'frame-ancestors': ["'none'"],
    'require-trusted-types-for': ["'script'"],
    'trusted-types': ['default'],
  },
};

/** The names of assets carry a hash of what is in them: a name's content never changes. */
const assetCaching = 'public, max-age=31536000, immutable';

/** File names as the build makes them: no path, and nothing hidden. */
const fileName = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/** A working day at a desk; whoever stays longer pastes a token. */
const consoleTokenTtlSeconds = 12 * 3600;

/** Whether there is a console to serve. */
export function isConsoleBuilt(dir: string = builtDir): boolean {
  return existsSync(join(dir, 'index.html'));
}

const signInRoute =
  ({ config, signIn }: ConsoleOptions): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/console/sign-in',
      {
        config: { public: true },
        schema: { hide: true, body: z.strictObject({ code: text(1, 200) }) },
      },
      async (request, reply) => {
        if (signIn?.codes.redeem(request.body.code) !== true) {
          throw new Problem('credentials-invalid', 'The code is not good, or not any more.');
        }
        // A token's own times are whole seconds.
        const expiresAtMs = (Math.floor(Date.now() / 1000) + consoleTokenTtlSeconds) * 1000;
        const token = signToken({
          secret: signIn.secret,
          sub: 'admin',
          scopes: ['ROOM_MANAGEMENT:WRITE'],
          ttlSeconds: consoleTokenTtlSeconds,
          issuer: config.jwtIssuer,
          audience: config.jwtAudience,
        });
        return reply
          .header('cache-control', 'no-store')
          .send({ token, expires_at: new Date(expiresAtMs).toISOString() });
      },
    );
  };

/**
 * The page at /console, and what it asks for itself: its files, and POST /console/sign-in, which changes a one-time code
 * for a token. None of them needs a token; what is below /console is the page's own business, and in no document.
 */
export const consoleRoutes =
  (options: ConsoleOptions): FastifyPluginAsyncZod =>
  async (app) => {
    const { dir = builtDir } = options;
    await app.register(fastifyStatic, {
      root: dir,
      serve: false,
      cacheControl: false,
      acceptRanges: false,
      preCompressed: true,
      // The folder may be built while the server runs.
      suppressWarning: true,
    });
    await app.register(signInRoute(options));

    const config = { public: true } as const;
    const page = { config, helmet: { contentSecurityPolicy: pagePolicy } } as const;
    const params = z.strictObject({ file: z.string() });
    const sendPage = (reply: FastifyReply) => {
      if (!isConsoleBuilt(dir)) {
        throw new Problem('route-not-found', 'The console is not built: `npm run build` makes it.');
      }
      return reply.header('cache-control', 'no-cache').sendFile('index.html');
    };
    app.get(
      '/console',
      {
        ...page,
        config: { ...config, examples: { answer: '<!doctype html>…' } },
        schema: {
          operationId: 'showConsole',
          summary: 'The console',
          description: 'A web page for people: a board of rooms, holds, the audit trail.',
          tags: ['operations'],
          response: responses({
            200: { description: 'The page', content: { 'text/html': { schema: z.string() } } },
            304: noContent,
          }),
        },
      },
      async (_request, reply) => sendPage(reply),
    );
    app.get('/console/', { ...page, schema: { hide: true } }, async (_request, reply) => sendPage(reply));
    app.get('/console/:file', { ...page, schema: { hide: true, params } }, async (request, reply) => {
      const { file } = request.params;
      if (!fileName.test(file)) throw routeNotFound(request.method, request.url);
      return reply.header('cache-control', 'no-cache').sendFile(file);
    });
    app.get('/console/assets/:file', { config, schema: { hide: true, params } }, async (request, reply) => {
      const { file } = request.params;
      if (!fileName.test(file)) throw routeNotFound(request.method, request.url);
      return reply.header('cache-control', assetCaching).sendFile(`assets/${file}`);
    });
  };
