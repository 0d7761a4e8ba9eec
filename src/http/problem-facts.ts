/** Owns what each problem code tells beyond the standard members: the facts, as the OpenAPI document names them. */
import { z } from 'zod';
import type { ProblemCode } from '../problems.ts';
import { freezeReasonSchema, roomStatusSchema } from '../rooms/schemas.ts';
import { int32Id, timestamp } from '../wire-schemas.ts';

const conflicts = z
  .array(
    z.strictObject({
      room_id: int32Id,
      room_no: z.string(),
      room_status: roomStatusSchema.nullable().meta({ description: 'null: the room is deleted' }),
      free_at: timestamp.nullable().meta({
        description: 'when its hold or timed freeze ends; null where nothing ends by itself',
      }),
    }),
  )
  .meta({ description: 'the rooms that are not free' });

const endedAt = z.object({ ended_at: timestamp });

/** The facts of the codes that have any. Facts may be added to a code, and are never taken away. */
export const problemFacts = {
  'request-invalid': z.object({
    errors: z.array(
      z.strictObject({
        path: z.string().meta({ description: 'as in `room_ids[0]`; empty for the whole' }),
        message: z.string(),
      }),
    ),
  }),
  'permission-denied': z.object({
    permissions: z.array(z.string()).meta({ description: 'one of these is needed' }),
  }),
  'method-not-allowed': z.object({ allow: z.array(z.string()) }),
  'media-type-unsupported': z.object({ supported: z.array(z.string()).optional() }),
  'rate-limited': z.object({ limit: z.int().meta({ description: 'requests a minute' }) }),
  'room-not-found': z.object({
    missing_room_ids: z.array(int32Id).optional().meta({ description: 'of the rooms that a hold asked for' }),
  }),
  'room-frozen': z.object({
    room_status: roomStatusSchema,
    freeze_reason: freezeReasonSchema,
    freeze_expires_at: timestamp.nullable(),
  }),
  'room-held': z.object({ room_status: roomStatusSchema, hold_expires_at: timestamp }),
  'room-booked': z.object({ room_status: roomStatusSchema }),
  'room-not-frozen': z.object({ room_status: roomStatusSchema }),
  'room-unavailable': z.object({ conflicts }),
  'not-enough-rooms': z.object({ requested: z.int(), available: z.int() }),
  'hold-limit-reached': z.object({ limit: z.int() }),
  'hold-expired': z.object({
    expires_at: timestamp,
    conflicts: conflicts.optional().meta({ description: 'why `reacquire` could not have its rooms' }),
  }),
  'hold-confirmed': endedAt,
  'hold-released': endedAt,
  'hold-revoked': endedAt,
  'hold-lifetime-exceeded': z.object({
    expires_at: timestamp.meta({ description: 'the latest possible end' }),
  }),
} satisfies Partial<Record<ProblemCode, z.ZodObject>>;
