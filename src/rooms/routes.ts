/** Owns the HTTP routes of rooms and room types. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { strongEtag } from '../cache/entry.ts';
import { askerOf, callerOf } from '../http/authentication.ts';
import type { Caller } from '../http/caller.ts';
import { cacheControl, jsonType, sendTagged } from '../http/conditional.ts';
import { noContent, responses } from '../http/openapi.ts';
import type { Platform } from '../platform.ts';
import { roomExamples } from './examples.ts';
import type { RoomListQuery } from './schemas.ts';
import * as schemas from './schemas.ts';
import { openRoomTypeService, type RoomService } from './service.ts';

const admins = { anyOf: ['ROOM_MANAGEMENT:WRITE'] } as const;
const readers = { anyOf: ['ROOM_MANAGEMENT:READ', 'ROOM_HOLD:WRITE'] } as const;
const operations = { anyOf: ['ROOM_MANAGEMENT:READ'] } as const;

/** Who may not see holds and notes sees rooms without them. */
function seesAll({ permissions }: Caller): boolean {
  return permissions.has('ROOM_MANAGEMENT:READ');
}

/** The routes under /rooms that are about a room as such. */
export const roomRoutes =
  (rooms: RoomService): FastifyPluginAsyncZod =>
  async (app) => {
    app.addHook('onRequest', cacheControl('private, no-cache'));

    app.post(
      '/rooms',
      {
        config: { ...admins, examples: roomExamples.create },
        schema: {
          operationId: 'createRoom',
          summary: 'Make a room',
          description: 'The room is AVAILABLE. Its number is taken until the room is deleted.',
          tags: ['rooms'],
          body: schemas.roomCreateSchema,
          response: responses({ 201: schemas.roomSchema }, ['room-no-exists', 'room-type-not-found']),
        },
      },
      async (request, reply) => {
        const room = await rooms.createRoom(request.body, askerOf(request));
        return reply.code(201).header('location', `/rooms/${room.room_id}`).send(room);
      },
    );

    app.get(
      '/rooms',
      {
        config: {
          ...readers,
          examples: roomExamples.list,
          ready: (query: RoomListQuery, caller) => rooms.readyRooms(query, seesAll(caller)),
        },
        schema: {
          operationId: 'listRooms',
          summary: 'List rooms',
          description:
            'At most 1 second old, and never older than the last write through the same instance. ' +
            '`X-Last-Event-Id` is a position in the event stream that the list surely includes.',
          tags: ['rooms'],
          querystring: schemas.roomListQuerySchema,
          response: responses({ 200: schemas.roomPageSchema, 304: noContent }, ['cursor-invalid']),
        },
      },
      async (request, reply) => {
        return sendTagged(request, reply, await rooms.listRooms(request.query, seesAll(callerOf(request))));
      },
    );

    app.get(
      '/rooms/summary',
      {
        config: { ...operations, examples: roomExamples.summarize },
        schema: {
          operationId: 'summarizeRooms',
          summary: 'Count rooms by status and freeze reason',
          description: 'At most 1 second old, also for the instance that made a change.',
          tags: ['rooms'],
          response: responses({ 200: schemas.roomSummarySchema }),
        },
      },
      async (_request, reply) => {
        return reply.type(jsonType).send(JSON.stringify(await rooms.countRooms()));
      },
    );

    app.get(
      '/rooms/:room_id',
      {
        config: { ...readers, examples: roomExamples.get },
        schema: {
          operationId: 'getRoom',
          summary: 'Read a room',
          description:
            'A hold or freeze that has passed its end is over here, whether or not it has been tidied. `If-None-Match` answers 304.',
          tags: ['rooms'],
          params: schemas.roomParamsSchema,
          response: responses({ 200: schemas.roomSchema, 304: noContent }, ['room-not-found']),
        },
      },
      async (request, reply) => {
        const body = await rooms.getRoom(request.params.room_id, seesAll(callerOf(request)));
        return sendTagged(request, reply, { body, etag: strongEtag(body) });
      },
    );

    app.patch(
      '/rooms/:room_id',
      {
        config: { ...admins, examples: roomExamples.change },
        schema: {
          operationId: 'changeRoom',
          summary: 'Change a room',
          description:
            'A status change is a check-in (BOOKED), a check-out (leaving BOOKED), or maintenance.',
          tags: ['rooms'],
          params: schemas.roomParamsSchema,
          body: schemas.roomChangeSchema,
          response: responses({ 200: schemas.roomSchema }, [
            'room-not-found',
            'room-type-not-found',
            'room-no-exists',
            'room-frozen',
            'room-held',
          ]),
        },
      },
      async (request) => rooms.changeRoom(request.params.room_id, request.body, askerOf(request)),
    );

    app.delete(
      '/rooms/:room_id',
      {
        config: { ...admins, examples: roomExamples.remove },
        schema: {
          operationId: 'deleteRoom',
          summary: 'Delete a room',
          description: 'Only an AVAILABLE room, or one in MAINTENANCE. Its number may be used again.',
          tags: ['rooms'],
          params: schemas.roomParamsSchema,
          response: responses({ 204: noContent }, [
            'room-not-found',
            'room-frozen',
            'room-held',
            'room-booked',
          ]),
        },
      },
      async (request, reply) => {
        await rooms.deleteRoom(request.params.room_id, askerOf(request));
        return reply.code(204).send();
      },
    );
  };

/** The routes under /room-types. */
export const roomTypeRoutes =
  (platform: Platform): FastifyPluginAsyncZod =>
  async (app) => {
    const roomTypes = openRoomTypeService(platform);
    app.addHook('onRequest', cacheControl('private, no-cache'));

    app.post(
      '/room-types',
      {
        config: { ...admins, examples: roomExamples.createType },
        schema: {
          operationId: 'createRoomType',
          summary: 'Make a room type',
          description: 'Rooms are of one type; a hold may ask for any rooms of a type.',
          tags: ['room types'],
          body: schemas.roomTypeCreateSchema,
          response: responses({ 201: schemas.roomTypeSchema }, ['room-type-exists']),
        },
      },
      async (request, reply) => {
        const roomType = await roomTypes.createRoomType(request.body.name, askerOf(request));
        return reply.code(201).header('location', `/room-types/${roomType.room_type_id}`).send(roomType);
      },
    );

    app.get(
      '/room-types',
      {
        config: { ...readers, examples: roomExamples.listTypes },
        schema: {
          operationId: 'listRoomTypes',
          summary: 'List room types',
          description: 'All of them, by name.',
          tags: ['room types'],
          response: responses({ 200: schemas.roomTypesSchema }),
        },
      },
      async (_request, reply) => reply.type(jsonType).send(await roomTypes.listRoomTypes()),
    );

    app.patch(
      '/room-types/:room_type_id',
      {
        config: { ...admins, examples: roomExamples.changeType },
        schema: {
          operationId: 'changeRoomType',
          summary: 'Rename a room type',
          description: 'Its rooms stay as they are.',
          tags: ['room types'],
          params: schemas.roomTypeParamsSchema,
          body: schemas.roomTypeChangeSchema,
          response: responses({ 200: schemas.roomTypeSchema }, ['room-type-not-found', 'room-type-exists']),
        },
      },
      async (request) =>
        roomTypes.changeRoomType(request.params.room_type_id, request.body.name, askerOf(request)),
    );

    app.delete(
      '/room-types/:room_type_id',
      {
        config: { ...admins, examples: roomExamples.removeType },
        schema: {
          operationId: 'deleteRoomType',
          summary: 'Delete a room type',
          description: 'Only one that no room has.',
          tags: ['room types'],
          params: schemas.roomTypeParamsSchema,
          response: responses({ 204: noContent }, ['room-type-not-found', 'room-type-in-use']),
        },
      },
      async (request, reply) => {
        await roomTypes.deleteRoomType(request.params.room_type_id, askerOf(request));
        return reply.code(204).send();
      },
    );
  };
