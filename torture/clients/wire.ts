/** Owns how answers of the server are read: strictly, so that a torn or wrong one is noticed. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { instantMs } from '../clock.ts';
import type { Ending, HoldSeen, RoomSeen } from '../history.ts';

const instant = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .transform(instantMs);

const roomSchema = z
  .object({
    room_id: z.int(),
    room_status: z.string(),
    freeze_note: z.string().nullable(),
    freeze_expires_at: instant.nullable(),
    floor: z.string().nullable(),
    hold_id: z.string().nullable(),
    hold_expires_at: instant.nullable(),
    booking_reference: z.string().nullable(),
    fence: z.int(),
    updated_at: instant,
  })
  .transform(
    (room): RoomSeen => ({
      roomId: room.room_id,
      status: room.room_status,
      note: room.freeze_note,
      floor: room.floor,
      holdId: room.hold_id,
      holdEndsMs: room.hold_expires_at,
      freezeEndsMs: room.freeze_expires_at,
      bookedUnder: room.booking_reference,
      fence: room.fence,
      updatedMs: room.updated_at,
    }),
  );

const holdSchema = z
  .object({
    hold_id: z.string(),
    status: z.string(),
    rooms: z.array(z.object({ room_id: z.int(), fence: z.int() })),
    created_at: instant,
    expires_at: instant,
    ended_at: instant.nullable(),
    reference: z.string().nullable(),
    booking_reference: z.string().nullable(),
    reacquired: z.boolean(),
  })
  .transform(
    (hold): HoldSeen => ({
      holdId: hold.hold_id,
      status: hold.status,
      rooms: hold.rooms.map(({ room_id, fence }) => [room_id, fence] as const),
      createdMs: hold.created_at,
      expiresMs: hold.expires_at,
      endedMs: hold.ended_at,
      reference: hold.reference,
      bookedUnder: hold.booking_reference,
      isReacquired: hold.reacquired,
    }),
  );

const problemSchema = z.object({
  code: z.string(),
  status: z.int(),
  conflicts: z
    .array(z.object({ room_id: z.int(), room_status: z.string().nullable(), free_at: instant.nullable() }))
    .optional(),
});

const roomPageSchema = z.object({ rooms: z.array(roomSchema), next_cursor: z.string().nullable() });

/** What an answer shows. */
export type Shown = Pick<Ending, 'hold' | 'room' | 'rooms' | 'code' | 'conflicts' | 'digest'>;

/** Reads a body that shows a hold, a room, a list of rooms, or a problem; throws when it is none. */
export function readBody(what: 'hold' | 'room' | 'rooms' | 'problem', text: string): Shown {
  const body: unknown = JSON.parse(text);
  switch (what) {
    case 'hold':
      return { hold: holdSchema.parse(body), digest: createHash('sha256').update(text).digest('base64url') };
    case 'room':
      return { room: roomSchema.parse(body) };
    case 'rooms':
      return { rooms: roomPageSchema.parse(body).rooms };
    case 'problem': {
      const { code, conflicts } = problemSchema.parse(body);
      return {
        code,
        ...(conflicts && {
          conflicts: conflicts.map(({ room_id, room_status, free_at }) => ({
            roomId: room_id,
            status: room_status,
            freeMs: free_at,
          })),
        }),
      };
    }
  }
}
