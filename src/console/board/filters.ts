/** Owns which rooms the board shows, in which groups and order, and what it counts. */
import type { FreezeReason, Room, RoomStatus } from '../api/wire.ts';

/** In the order in which they are shown. */
export const statuses: readonly RoomStatus[] = ['AVAILABLE', 'HELD', 'BOOKED', 'FROZEN', 'MAINTENANCE'];

export const freezeReasons: readonly Exclude<FreezeReason, 'NONE'>[] = [
  'CLEANING',
  'ADMIN_LOCK',
  'SYSTEM_HOLD',
];

/** What is shown; what is undefined or empty does not filter. */
export type BoardFilter = {
  statuses: ReadonlySet<RoomStatus>;
  roomTypeId: number | undefined;
  freezeReason: FreezeReason | undefined;
  /** Any part of a room's number, in capital or small letters. */
  roomNo: string;
};

export type Grouping = 'floor' | 'type';

/** The filter that the place's words stand for. Words that mean nothing do not filter. */
export function filterOf(words: Readonly<Record<string, string>>): BoardFilter {
  const asked = (words.status ?? '').split(',');
  const roomTypeId = Number(words.type);
  return {
    statuses: new Set(statuses.filter((status) => asked.includes(status))),
    roomTypeId: Number.isInteger(roomTypeId) && roomTypeId > 0 ? roomTypeId : undefined,
    freezeReason: freezeReasons.find((reason) => reason === words.reason),
    roomNo: words.room_no ?? '',
  };
}

/** Whether the filter leaves rooms out. */
export function isFiltering({ statuses: asked, roomTypeId, freezeReason, roomNo }: BoardFilter): boolean {
  return asked.size > 0 || roomTypeId !== undefined || freezeReason !== undefined || roomNo.trim() !== '';
}

const passesButStatus = (room: Room, filter: BoardFilter): boolean =>
  (filter.roomTypeId === undefined || room.room_type_id === filter.roomTypeId) &&
  (filter.freezeReason === undefined || room.freeze_reason === filter.freezeReason) &&
  room.room_no.toLowerCase().includes(filter.roomNo.trim().toLowerCase());

/** Whether the board shows the room. */
export function passes(room: Room, filter: BoardFilter): boolean {
  return (
    (filter.statuses.size === 0 || filter.statuses.has(room.room_status)) && passesButStatus(room, filter)
  );
}

/** How many rooms of each status there are among those that the other filters leave. */
export function countByStatus(rooms: Iterable<Room>, filter: BoardFilter): Record<RoomStatus, number> {
  const counts = { AVAILABLE: 0, HELD: 0, BOOKED: 0, FROZEN: 0, MAINTENANCE: 0 };
  for (const room of rooms) if (passesButStatus(room, filter)) counts[room.room_status] += 1;
  return counts;
}

/** Rooms that are shown together. `key` stays the same while their name changes. */
export type Group = { key: string; name: string; rooms: readonly Room[] };

// Natural order, as the server's own: 2 before 10.
const natural = new Intl.Collator('en', { numeric: true });

/** Compares numbers of rooms, or names of floors, as people order them. */
export const inNaturalOrder = (a: string, b: string): number => natural.compare(a, b);

const floorName = (floor: string | null): string => {
  if (floor === null || floor.trim() === '') return 'No floor';
  return /^-?\d+$/.test(floor) ? `Floor ${floor}` : floor;
};

/** Groups rooms that are in order already; groups come in the natural order of their names, what has none last. */
export function groupRooms(
  rooms: readonly Room[],
  grouping: Grouping,
  typeNames: ReadonlyMap<number, string>,
): Group[] {
  const groups = new Map<string, { key: string; name: string; rank: string; rooms: Room[] }>();
  for (const room of rooms) {
    const key = grouping === 'floor' ? `floor ${room.floor ?? ''}` : `type ${room.room_type_id}`;
    let group = groups.get(key);
    if (group === undefined) {
      const typeName = typeNames.get(room.room_type_id) ?? `Type ${room.room_type_id}`;
      const rank = grouping === 'floor' ? (room.floor ?? '') : typeName;
      group = { key, name: grouping === 'floor' ? floorName(room.floor) : typeName, rank, rooms: [] };
      groups.set(key, group);
    }
    group.rooms.push(room);
  }
  return [...groups.values()].sort((a, b) =>
    a.rank === '' || b.rank === ''
      ? Number(a.rank === '') - Number(b.rank === '')
      : inNaturalOrder(a.rank, b.rank),
  );
}

/**
 * Puts rooms in order again and again: a thousand comparisons of words for each event would be felt, so the order is
 * kept until a room comes, goes or is renamed.
 */
export function openRoomOrder() {
  let ordered: readonly Room[] = [];
  return (rooms: ReadonlyMap<number, Room>): readonly Room[] => {
    const isSameOrder =
      ordered.length === rooms.size &&
      ordered.every((room) => rooms.get(room.room_id)?.room_no === room.room_no);
    ordered = isSameOrder
      ? ordered.flatMap((room) => rooms.get(room.room_id) ?? [])
      : [...rooms.values()].sort((a, b) => inNaturalOrder(a.room_no, b.room_no) || a.room_id - b.room_id);
    return ordered;
  };
}
