/** Owns the HTTP route of the event stream. */
import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { callerOf, tokenMsLeft } from '../http/authentication.ts';
import { cacheControl } from '../http/conditional.ts';
import { responses } from '../http/openapi.ts';
import { eventExamples } from './examples.ts';
import { eventHeadersSchema, eventQuerySchema, eventStreamSchema } from './schemas.ts';
import type { EventService } from './service.ts';

const description = [
  'Every change of a room or room type, as its audit entry: `id` is its `audit_id`, `event` its entity and action',
  '(`room.hold`, `room.expire`, `room_type.create`), `data` the entry as JSON. The order is that in which changes became',
  'final, the same for all readers; ids need not rise.\n\n`Last-Event-ID` goes on behind that event without a gap or a',
  'repeat, on any instance; `X-Last-Event-Id` of a list is such a position. Without it the stream begins with `event: hello`',
  'and the present position; an id that is unknown or too old gives `event: reset`, and then the present: read anew what',
  'you show. A comment comes at least every 15 seconds. The stream ends when the token expires, when the server drains,',
  'and for a client that does not read: come back with the last id.\n\nWithout ROOM_MANAGEMENT:READ entries have no `actor`',
  'and no `hold_id`, and their values no `hold_id`, `holder`, `created_by` or `reference`; `freeze_note` and',
  '`booking_reference` are null.',
].join(' ');

/** GET /events. Closing the app ends every stream. */
export const eventRoutes =
  (events: EventService): FastifyPluginAsyncZod =>
  async (app) => {
    app.addHook('onRequest', cacheControl('no-store'));
    app.addHook('preClose', async () => events.close());

    app.get(
      '/events',
      {
        config: {
          anyOf: ['ROOM_MANAGEMENT:READ', 'ROOM_HOLD:WRITE'],
          examples: eventExamples,
          isStream: true,
        },
        schema: {
          operationId: 'followEvents',
          summary: 'Follow what happens',
          description,
          tags: ['audit'],
          headers: eventHeadersSchema,
          querystring: eventQuerySchema,
          response: responses({
            200: {
              description: 'The stream; it does not end by itself',
              content: { 'text/event-stream': { schema: eventStreamSchema } },
            },
          }),
        },
      },
      async (request, reply) => {
        const { room_id: roomId, last_event_id: fromQuery } = request.query;
        // A client that comes back by itself sends the header, and the query that it first came with.
        const lastEventId = request.headers['last-event-id'] || fromQuery || undefined;
        const start = await events.findStart(lastEventId);
        // Proxies must hand on each event as it comes.
        reply.header('x-accel-buffering', 'no').type('text/event-stream; charset=utf-8');
        if (request.method === 'HEAD') return reply.send(Readable.from([]));
        const caller = callerOf(request);
        const view = caller.permissions.has('ROOM_MANAGEMENT:READ') ? 'full' : 'restricted';
        const stream = events.open(start, { view, roomId, client: reply.raw });
        const expiry = setTimeout(stream.end, tokenMsLeft(caller));
        reply.raw.once('close', () => clearTimeout(expiry));
        return reply.send(stream.body);
      },
    );
  };
