/** Owns the HTTP routes of holds. */
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { askerOf, callerOf } from '../http/authentication.ts';
import { cacheControl } from '../http/conditional.ts';
import { responses } from '../http/openapi.ts';
import { requestInvalid } from '../http/validation.ts';
import type { Platform } from '../platform.ts';
import { holdExamples } from './examples.ts';
import * as schemas from './schemas.ts';
import { type HoldAsker, openHoldService } from './service.ts';

const placers = { anyOf: ['ROOM_HOLD:WRITE'] } as const;
const readers = { anyOf: ['ROOM_MANAGEMENT:READ', 'ROOM_HOLD:WRITE'] } as const;
const json = 'application/json; charset=utf-8';

/** The routes under /rooms/hold. */
export const holdRoutes =
  (platform: Platform): FastifyPluginAsyncZod =>
  async (app) => {
    const holds = openHoldService(platform);
    app.addHook('onRequest', cacheControl('no-store'));

    app.post(
      '/rooms/hold',
      {
        config: { ...placers, examples: holdExamples.place },
        schema: {
          operationId: 'placeHold',
          summary: 'Place a hold',
          description:
            'All of the rooms or none. `Idempotency-Key` makes it safe to repeat: for 24 hours the same key and body ' +
            'answer the first hold again, marked `Idempotent-Replayed: true`.',
          tags: ['holds'],
          headers: z.object({
            'idempotency-key': z
              .string()
              .optional()
              .meta({ description: '1 to 255 visible ASCII characters' }),
          }),
          body: schemas.holdPlaceSchema(platform.config),
          response: responses({ 201: schemas.holdSchema }, [
            'room-not-found',
            'room-type-not-found',
            'hold-limit-reached',
            'room-unavailable',
            'not-enough-rooms',
            'request-in-progress',
            'idempotency-key-reused',
          ]),
        },
      },
      async (request, reply) => {
        const key = idempotencyKeyOf(request);
        const { holdId, body, isReplay } = await holds.placeHold(request.body, key, holdAskerOf(request));
        if (isReplay) reply.header('idempotent-replayed', 'true');
        return reply.code(201).header('location', `/rooms/hold/${holdId}`).type(json).send(body);
      },
    );

    app.get(
      '/rooms/hold',
      {
        config: { ...readers, examples: holdExamples.list },
        schema: {
          operationId: 'listHolds',
          summary: 'List holds',
          description: 'Newest first. Without ROOM_MANAGEMENT:READ: those that this `sub` placed.',
          tags: ['holds'],
          querystring: schemas.holdListQuerySchema,
          response: responses({ 200: schemas.holdPageSchema }, ['cursor-invalid']),
        },
      },
      async (request, reply) =>
        reply.type(json).send(await holds.listHolds(request.query, holdAskerOf(request))),
    );

    app.get(
      '/rooms/hold/:hold_id',
      {
        config: { ...readers, examples: holdExamples.get },
        schema: {
          operationId: 'getHold',
          summary: 'Read a hold',
          description: 'At most 1 second behind a change through another instance; expiry is exact.',
          tags: ['holds'],
          params: schemas.holdParamsSchema,
          response: responses({ 200: schemas.holdSchema }, ['hold-not-found']),
        },
      },
      async (request, reply) =>
        reply.type(json).send(await holds.getHold(request.params.hold_id, holdAskerOf(request))),
    );

    app.patch(
      '/rooms/hold/:hold_id',
      {
        config: { ...placers, examples: holdExamples.extend },
        schema: {
          operationId: 'extendHold',
          summary: 'Extend a hold',
          description: 'It then ends `ttl_seconds` from now, sooner or later than before.',
          tags: ['holds'],
          params: schemas.holdParamsSchema,
          body: schemas.holdExtendSchema(platform.config),
          response: responses({ 200: schemas.holdSchema }, [
            'hold-not-found',
            'hold-expired',
            'hold-confirmed',
            'hold-released',
            'hold-revoked',
            'hold-lifetime-exceeded',
          ]),
        },
      },
      async (request, reply) => {
        const body = await holds.extendHold(
          request.params.hold_id,
          request.body.ttl_seconds,
          holdAskerOf(request),
        );
        return reply.type(json).send(body);
      },
    );

    app.post(
      '/rooms/hold/:hold_id/confirm',
      {
        config: { ...placers, examples: holdExamples.confirm },
        schema: {
          operationId: 'confirmHold',
          summary: 'Confirm a hold',
          description: 'Its rooms are BOOKED. Again with the same `booking_reference`: the same answer.',
          tags: ['holds'],
          params: schemas.holdParamsSchema,
          body: schemas.holdConfirmSchema,
          response: responses({ 200: schemas.holdSchema }, [
            'hold-not-found',
            'hold-expired',
            'hold-confirmed',
            'hold-released',
            'hold-revoked',
          ]),
        },
      },
      async (request, reply) => {
        const body = await holds.confirmHold(request.params.hold_id, request.body, holdAskerOf(request));
        return reply.type(json).send(body);
      },
    );

    app.delete(
      '/rooms/hold/:hold_id',
      {
        config: { ...placers, examples: holdExamples.release },
        schema: {
          operationId: 'releaseHold',
          summary: 'Release a hold',
          description:
            'Its rooms are free again. One that is released, expired or revoked already stays as it is.',
          tags: ['holds'],
          params: schemas.holdParamsSchema,
          response: responses({ 200: schemas.holdSchema }, ['hold-not-found', 'hold-confirmed']),
        },
      },
      async (request, reply) =>
        reply.type(json).send(await holds.releaseHold(request.params.hold_id, holdAskerOf(request))),
    );
  };

function holdAskerOf(request: FastifyRequest): HoldAsker {
  const { permissions } = callerOf(request);
  return {
    ...askerOf(request),
    seesAll: permissions.has('ROOM_MANAGEMENT:READ'),
    changesAll: permissions.has('ROOM_MANAGEMENT:WRITE'),
    canDelegate: permissions.has('ROOM_HOLD:DELEGATE'),
  };
}

/** The key, without the quotes that it may stand in; throws `request-invalid` for one that is none. */
function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return undefined;
  const key = String(header).replace(/^"(.*)"$/s, '$1');
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw requestInvalid([{ path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }]);
  }
  return key;
}
