/** Owns the HTTP routes that freeze and unfreeze rooms. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { askerOf } from '../http/authentication.ts';
import { cacheControl } from '../http/conditional.ts';
import { responses } from '../http/openapi.ts';
import type { Platform } from '../platform.ts';
import { roomParamsSchema, roomSchema } from '../rooms/schemas.ts';
import { freezeExamples } from './examples.ts';
import { freezeSchema } from './schemas.ts';
import { openFreezeService } from './service.ts';

const admins = { anyOf: ['ROOM_MANAGEMENT:WRITE'] } as const;

/** The routes under /rooms/{room_id}/freeze. */
export const freezeRoutes =
  (platform: Platform): FastifyPluginAsyncZod =>
  async (app) => {
    const freezes = openFreezeService(platform);
    app.addHook('onRequest', cacheControl('private, no-cache'));

    app.post(
      '/rooms/:room_id/freeze',
      {
        config: { ...admins, examples: freezeExamples.freeze },
        schema: {
          operationId: 'freezeRoom',
          summary: 'Freeze a room',
          description:
            'A frozen room takes the new reason, note and end. A held room wants `supersede_hold`.',
          tags: ['freezes'],
          params: roomParamsSchema,
          body: freezeSchema,
          response: responses({ 200: roomSchema }, ['room-not-found', 'room-held', 'room-booked']),
        },
      },
      async (request) => freezes.freezeRoom(request.params.room_id, request.body, askerOf(request)),
    );

    app.delete(
      '/rooms/:room_id/freeze',
      {
        config: { ...admins, examples: freezeExamples.unfreeze },
        schema: {
          operationId: 'unfreezeRoom',
          summary: 'Unfreeze a room',
          description: 'The room is AVAILABLE again, or in MAINTENANCE if it was when it was frozen.',
          tags: ['freezes'],
          params: roomParamsSchema,
          response: responses({ 200: roomSchema }, ['room-not-found', 'room-not-frozen']),
        },
      },
      async (request) => freezes.unfreezeRoom(request.params.room_id, askerOf(request)),
    );
  };
