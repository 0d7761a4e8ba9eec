/** Owns what the board knows of rooms: complete rows, changed by entries of the audit trail, seen at an instant. */
import type { LiveEntry, Room } from '../api/wire.ts';

const roomFields = [
  'room_no',
  'room_type_id',
  'floor',
  'room_status',
  'freeze_reason',
  'freeze_note',
  'freeze_expires_at',
  'hold_id',
  'hold_expires_at',
  'booking_reference',
  'fence',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof Room)[];

/** What an entry makes of a room: the changed room, `undefined` when it is gone, or `unknown` when only the server can tell. */
export type Change = { room: Room | undefined } | 'unknown';

const changedFields = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(roomFields.filter((field) => field in value).map((field) => [field, value[field]]));

const textIn = (value: Record<string, unknown> | null, field: string): string | undefined => {
  const found = value?.[field];
  return typeof found === 'string' ? found : undefined;
};

/**
 * Applies an entry about a room to its row. An entry older than the row changes nothing: the row, read whole, includes
 * it. (A room's `updated_at` only rises, as each change is stamped while the room is locked.)
 */
export function changeOf(room: Room | undefined, entry: LiveEntry): Change {
  const { new_value: after } = entry;
  const at = textIn(after, 'updated_at') ?? entry.at;
  if (room !== undefined && at < room.updated_at) return { room };
  if (entry.action === 'DELETE' || after === null) return { room: undefined };
  if (room === undefined) return 'unknown';
  return { room: { ...room, ...changedFields(after) } };
}

/**
 * The room as it is at an instant, in Unix ms: a hold that has passed its end is over, tidied or not. A freeze that has
 * ended may have left AVAILABLE or MAINTENANCE, which a row does not tell: `endsAtMs` says when to ask.
 */
export function roomAt(room: Room, nowMs: number): Room {
  if (room.room_status !== 'HELD' || endsAtMs(room) > nowMs) return room;
  return { ...room, room_status: 'AVAILABLE', hold_id: null, hold_expires_at: null };
}

/** When the room changes by itself, in Unix ms; never is infinite. */
export function endsAtMs(room: Room): number {
  const end =
    room.room_status === 'HELD'
      ? room.hold_expires_at
      : room.room_status === 'FROZEN'
        ? room.freeze_expires_at
        : null;
  return end === null ? Number.POSITIVE_INFINITY : Date.parse(end);
}
