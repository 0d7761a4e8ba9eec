/** Owns rooms and entries to test the console's pure parts with. */
import type { LiveEntry, Room } from '../../src/console/api/wire.ts';

/** An available room, but for what is said otherwise. */
export function roomOf(changes: Partial<Room> = {}): Room {
  return {
    room_id: 1,
    room_no: '101',
    room_type_id: 1,
    floor: '1',
    room_status: 'AVAILABLE',
    freeze_reason: 'NONE',
    freeze_note: null,
    freeze_expires_at: null,
    hold_id: null,
    hold_expires_at: null,
    booking_reference: null,
    fence: 0,
    created_at: '2026-11-22T10:00:00.000Z',
    updated_at: '2026-11-22T10:00:00.000Z',
    ...changes,
  };
}

/** A room held until `until`. */
export function heldRoom(until: string, changes: Partial<Room> = {}): Room {
  const hold = { room_status: 'HELD', hold_id: 'a-hold', hold_expires_at: until, fence: 1 } as const;
  return roomOf({ ...hold, ...changes });
}

/** An entry of the stream about room 1. */
export function entryOf(
  action: LiveEntry['action'],
  newValue: Record<string, unknown> | null,
  changes: Partial<LiveEntry> = {},
): LiveEntry {
  return {
    audit_id: 1,
    at: '2026-11-22T10:00:05.000Z',
    entity: 'room',
    entity_id: '1',
    action,
    old_value: {},
    new_value: newValue,
    ...changes,
  };
}
