/** Owns the HTTP route of the audit trail. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { cacheControl } from '../http/conditional.ts';
import { responses } from '../http/openapi.ts';
import type { Platform } from '../platform.ts';
import { auditExamples } from './examples.ts';
import { auditPageSchema, auditQuerySchema } from './schemas.ts';
import { openAuditService } from './service.ts';

/** GET /audit. */
export const auditRoutes =
  (platform: Platform): FastifyPluginAsyncZod =>
  async (app) => {
    const audit = openAuditService(platform);
    app.addHook('onRequest', cacheControl('private, no-cache'));

    app.get(
      '/audit',
      {
        config: { anyOf: ['ROOM_MANAGEMENT:READ'], examples: auditExamples },
        schema: {
          operationId: 'listAuditEntries',
          summary: 'Read the audit trail',
          description: 'One entry per room (or room type) and change, newest first.',
          tags: ['audit'],
          querystring: auditQuerySchema,
          response: responses({ 200: auditPageSchema }, ['cursor-invalid']),
        },
      },
      async (request, reply) =>
        reply.type('application/json; charset=utf-8').send(await audit.listAuditEntries(request.query)),
    );
  };
