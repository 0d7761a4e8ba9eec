/** Owns rooms and room types on the wire. */
import { z } from 'zod';
import {
  cursor,
  idParam,
  int32Id,
  limit,
  oneOrMany,
  optional,
  queryBoolean,
  queryId,
  text,
  timestamp,
} from '../wire-schemas.ts';
import { freezeReasons, roomStatuses } from './room.ts';

export const roomStatusSchema = z.enum(roomStatuses);
export const freezeReasonSchema = z.enum(freezeReasons);

/** A room; what does not apply is null. */
export const roomSchema = z
  .strictObject({
    room_id: int32Id,
    room_no: z.string(),
    room_type_id: int32Id,
    floor: z.string().nullable(),
    room_status: roomStatusSchema,
    freeze_reason: freezeReasonSchema,
    freeze_note: z.string().nullable(),
    freeze_expires_at: timestamp.nullable(),
    hold_id: z.uuid().nullable(),
    hold_expires_at: timestamp.nullable(),
    booking_reference: z.string().nullable(),
    fence: z.int().min(0),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'Room' });
export type Room = z.infer<typeof roomSchema>;

export const roomPageSchema = z
  .strictObject({ rooms: z.array(roomSchema), next_cursor: z.string().nullable() })
  .meta({ id: 'RoomPage' });

export const roomParamsSchema = z.strictObject({ room_id: idParam });

/** The number of a room. */
export const roomNoSchema = text(1, 50).refine((value) => /\S/u.test(value), 'must not be blank');

export const roomCreateSchema = z.strictObject({
  room_no: roomNoSchema,
  room_type_id: int32Id,
  floor: optional(text(0, 50)),
});
export type RoomCreate = z.output<typeof roomCreateSchema>;

/** A status that an admin may set; FROZEN and HELD come about by their own verbs only. */
export const roomStatusAdminSchema = z.enum(['AVAILABLE', 'MAINTENANCE', 'BOOKED']);

/** What an admin may change. */
export const roomChangeSchema = z.strictObject({
  room_no: optional(roomNoSchema),
  room_type_id: optional(int32Id),
  floor: optional(text(0, 50)),
  room_status: optional(roomStatusAdminSchema),
});
export type RoomChange = z.output<typeof roomChangeSchema>;

export const roomListQuerySchema = z.strictObject({
  is_freezed: queryBoolean
    .optional()
    .meta({ description: '`true`: FROZEN rooms only; `false`: everything else' }),
  room_status: oneOrMany(roomStatusSchema).optional(),
  freeze_reason: freezeReasonSchema.optional(),
  room_type_id: queryId.optional(),
  floor: text(0, 50).optional(),
  room_no: text(0, 50).optional().meta({ description: 'a prefix, case-sensitive' }),
  sort: z
    .enum(['room_no', '-room_no', 'room_id', '-room_id', 'hold_expires_at', '-hold_expires_at'])
    .default('room_no')
    .meta({
      description:
        '`room_no` in natural order (2 before 10), `room_id`, or `hold_expires_at` (HELD rooms only); `-` in front: descending',
    }),
  limit,
  cursor: cursor.optional(),
});
export type RoomListQuery = z.output<typeof roomListQuerySchema>;

const count = z.int().min(0);

export const roomSummarySchema = z
  .strictObject({
    total: count,
    by_status: z.strictObject({
      AVAILABLE: count,
      BOOKED: count,
      MAINTENANCE: count,
      FROZEN: count,
      HELD: count,
    }),
    by_freeze_reason: z.strictObject({ NONE: count, CLEANING: count, ADMIN_LOCK: count, SYSTEM_HOLD: count }),
  })
  .meta({ id: 'RoomSummary' });

export const roomTypeSchema = z
  .strictObject({ room_type_id: int32Id, name: z.string(), created_at: timestamp })
  .meta({ id: 'RoomType' });
export type RoomType = z.infer<typeof roomTypeSchema>;

export const roomTypesSchema = z
  .strictObject({ room_types: z.array(roomTypeSchema) })
  .meta({ id: 'RoomTypes' });
export const roomTypeParamsSchema = z.strictObject({ room_type_id: idParam });

/** The name of a room type. */
export const roomTypeNameSchema = text(1, 100);
export const roomTypeCreateSchema = z.strictObject({ name: roomTypeNameSchema });
export const roomTypeChangeSchema = z.strictObject({ name: optional(roomTypeNameSchema) });
