/** Owns holds on the wire. */
import { z } from 'zod';
import type { Config } from '../config.ts';
import {
  cursor,
  holdId,
  int32Id,
  integer,
  limit,
  optional,
  optionalBody,
  queryId,
  text,
  timestamp,
} from '../wire-schemas.ts';

export const holdStatuses = ['ACTIVE', 'CONFIRMED', 'RELEASED', 'EXPIRED', 'REVOKED'] as const;

/** A hold: a claim on rooms that ends once, by itself at `expires_at` if nothing else ends it before. */
export const holdSchema = z
  .strictObject({
    hold_id: z.uuid(),
    status: z.enum(holdStatuses),
    holder: z.string(),
    created_by: z.string(),
    reference: z.string().nullable(),
    rooms: z.array(z.strictObject({ room_id: int32Id, room_no: z.string(), fence: z.int().min(1) })),
    created_at: timestamp,
    expires_at: timestamp,
    expires_in_seconds: z
      .int()
      .min(0)
      .meta({ description: 'by the database’s clock, rounded up; 0 once ended' }),
    booking_reference: z.string().nullable(),
    reacquired: z.boolean(),
    ended_at: timestamp.nullable(),
  })
  .meta({ id: 'Hold' });

export const holdPageSchema = z
  .strictObject({ holds: z.array(holdSchema), next_cursor: z.string().nullable() })
  .meta({ id: 'HoldPage' });

export const holdParamsSchema = z.strictObject({ hold_id: holdId });

/** The shortest hold that may be asked for, unless the longest is shorter still. */
const ttlSecondsMin = 30;

function ttlSeconds(config: Config) {
  return integer(Math.min(ttlSecondsMin, config.holdTtlSecondsMax), config.holdTtlSecondsMax);
}

/** What a booking frontend asks for: certain rooms, or a number of rooms of a type. */
export function holdPlaceSchema(config: Config) {
  return z
    .strictObject({
      room_ids: optional(
        z
          .array(int32Id)
          .min(1, 'must name a room')
          .max(config.holdRoomsMax, `must name at most ${config.holdRoomsMax} rooms`)
          .refine((ids) => new Set(ids).size === ids.length, 'must not name a room twice'),
      ),
      room_type_id: optional(int32Id),
      quantity: optional(integer(1, config.holdRoomsMax)),
      ttl_seconds: optional(ttlSeconds(config)),
      reference: optional(text(0, 200)).meta({ description: 'a cart or session of yours' }),
      holder: optional(text(1, 255)).meta({
        description: 'whom the hold is for; another than `sub` wants ROOM_HOLD:DELEGATE',
      }),
    })
    .superRefine(({ room_ids, room_type_id, quantity }, context) => {
      const byType = [room_type_id, quantity].filter((value) => value !== undefined).length;
      if (room_ids === undefined ? byType === 2 : byType === 0) return;
      const path = room_ids === undefined && room_type_id !== undefined ? 'quantity' : 'room_ids';
      context.addIssue({
        code: 'custom',
        path: [path],
        message: 'give either room_ids, or room_type_id and quantity',
      });
    });
}
export type HoldPlace = z.output<ReturnType<typeof holdPlaceSchema>>;

export function holdExtendSchema(config: Config) {
  return z.strictObject({ ttl_seconds: ttlSeconds(config) });
}

export const holdConfirmSchema = optionalBody(
  z.strictObject({
    booking_reference: optional(text(0, 200)),
    reacquire: optional(z.boolean()).meta({
      description:
        'confirms an expired hold all the same if its rooms are all free, until 24 h after it expired',
    }),
  }),
);
export type HoldConfirm = z.output<typeof holdConfirmSchema>;

export const holdListQuerySchema = z.strictObject({
  status: z.enum(holdStatuses).optional(),
  holder: text(1, 255).optional(),
  reference: text(0, 200).optional(),
  booking_reference: text(0, 200).optional(),
  room_id: queryId.optional(),
  limit,
  cursor: cursor.optional(),
});
export type HoldListQuery = z.output<typeof holdListQuerySchema>;
