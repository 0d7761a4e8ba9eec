/** Owns the HTTP routes of the documentation: the API to look at and to try, and what each problem means. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { responses } from '../http/openapi.ts';
import { routeNotFound } from '../http/problem-handler.ts';
import { pageStyle, startScript } from './page-assets.ts';
import { apiPage, problemsPage } from './pages.ts';

/** All that the pages load comes from this server, and calls that are tried go there too. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Swagger UI draws its icons from data: URLs.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** What the package of Swagger UI gives, and nothing else that may lie there. */
const packaged = new Set(['swagger-ui.css', 'swagger-ui-bundle.js']);

const own: ReadonlyMap<string, { type: string; text: string }> = new Map([
  ['page.css', { type: 'text/css; charset=utf-8', text: pageStyle }],
  ['start.js', { type: 'text/javascript; charset=utf-8', text: startScript }],
]);

const html = (description: string) => ({ description, content: { 'text/html': { schema: z.string() } } });

/** GET /docs, GET /docs/problems, and the files of the two pages. None needs a token. */
export const docsRoutes: FastifyPluginAsyncZod = async (app) => {
  const packageFile = createRequire(import.meta.url).resolve('@fastify/swagger-ui/package.json');
  await app.register(fastifyStatic, { root: join(dirname(packageFile), 'static'), serve: false });
  const pages = { api: apiPage(), problems: problemsPage() };
  const config = { public: true, examples: { answer: '<!doctype html>…' } } as const;
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('content-security-policy', policy).header('cache-control', 'no-cache');
  });

  app.get(
    '/docs',
    {
      config,
      schema: {
        operationId: 'showDocs',
        summary: 'This document, to look at and to try',
        description:
          'A page that asks for a token to try the calls with, and keeps it no longer than it is open.',
        tags: ['operations'],
        response: responses({ 200: html('A page') }),
      },
    },
    async (_request, reply) => reply.type('text/html; charset=utf-8').send(pages.api),
  );

  app.get(
    '/docs/problems',
    {
      config,
      schema: {
        operationId: 'showProblems',
        summary: 'What each problem means, and what to do about it',
        description: 'The `type` of every problem leads to its section on this page.',
        tags: ['operations'],
        response: responses({ 200: html('A page') }),
      },
    },
    async (_request, reply) => reply.type('text/html; charset=utf-8').send(pages.problems),
  );

  app.get(
    '/docs/assets/:file',
    {
      config: { public: true },
      schema: { hide: true, params: z.strictObject({ file: z.string() }) },
    },
    async (request, reply) => {
      const { file } = request.params;
      const found = own.get(file);
      if (found !== undefined) return reply.type(found.type).send(found.text);
      if (!packaged.has(file)) throw routeNotFound(request.method, request.url);
      return reply.sendFile(file, { cacheControl: false });
    },
  );
};
