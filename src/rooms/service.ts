/** Owns the verbs on rooms and room types. */
import { performance } from 'node:perf_hooks';
import { z } from 'zod';
import type { CachedList } from '../cache/room-cache.ts';
import { type Asker, openCommand, settled } from '../commands.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { Platform } from '../platform.ts';
import { Problem } from '../problems.ts';
import { instant, text } from '../wire-schemas.ts';
import type { FreezeReason, RoomStatus } from './room.ts';
import { freezeReasons, roomStatuses } from './room.ts';
import type { Room, RoomChange, RoomCreate, RoomListQuery, RoomType } from './schemas.ts';
import * as sql from './sql.ts';

/** Counts of rooms, as the wire shows them. */
export type RoomSummary = Readonly<{
  total: number;
  by_status: Readonly<Record<string, number>>;
  by_freeze_reason: Readonly<Record<string, number>>;
}>;

type RoomCount = Readonly<{ room_status: RoomStatus; freeze_reason: FreezeReason; rooms: number }>;

/** Counting reads every room: it is not done anew at each write, as lists are, but once in this time. */
const summaryAgeMsMax = 800;

/** The verbs on rooms. Every one of them throws the problems that the HTTP contract names for it. */
export type RoomService = ReturnType<typeof openRoomService>;

/** Opens the verbs on rooms on a platform. `seesAll` is false for callers who may not see holds and notes. */
export function openRoomService(platform: Pick<Platform, 'database' | 'cache' | 'metrics' | 'tracing'>) {
  const { database, cache } = platform;
  const create = openCommand<RoomCreate, { room: Room }>(platform, 'room_create');
  const change = openCommand<{ room_id: number; changes: RoomChange }, { room: Room }>(
    platform,
    'room_change',
  );
  const remove = openCommand<{ room_id: number }, { room: Room }>(platform, 'room_delete');
  let summary: { counts: Promise<RoomSummary>; endsAtMs: number } | undefined;

  async function readCounts(): Promise<RoomSummary> {
    const counts = await database.read<RoomCount>(sql.selectRoomCounts());
    const sum = (matches: (count: RoomCount) => boolean) =>
      counts.filter(matches).reduce((total, { rooms }) => total + rooms, 0);
    return {
      total: sum(() => true),
      by_status: Object.fromEntries(
        roomStatuses.map((status) => [status, sum((c) => c.room_status === status)]),
      ),
      by_freeze_reason: Object.fromEntries(
        freezeReasons.map((reason) => [reason, sum((c) => c.freeze_reason === reason)]),
      ),
    };
  }

  return {
    /** Makes a room, AVAILABLE. */
    async createRoom(room: RoomCreate, asker: Asker): Promise<Room> {
      return settled(await create({ ...room, ...asker })).room;
    },

    /** Changes what is named; a field that is left out stays. */
    async changeRoom(roomId: number, changes: RoomChange, asker: Asker): Promise<Room> {
      try {
        return settled(await change({ room_id: roomId, changes, ...asker })).room;
      } finally {
        // Holds show the numbers of their rooms; also when it is not known whether this one was changed.
        if (changes.room_no !== undefined) cache.hold.dropAll();
      }
    },

    /** Takes a room off every list; its number may be used again. */
    async deleteRoom(roomId: number, asker: Asker): Promise<void> {
      await remove({ room_id: roomId, ...asker });
    },

    /** The room as it is now, as JSON; never from a cache. */
    async getRoom(roomId: number, seesAll: boolean): Promise<string> {
      const [room] = await database.read<{ body: string }>(sql.selectRoom(roomId, seesAll));
      if (room === undefined) throw new Problem('room-not-found', 'No room has this id.');
      return room.body;
    },

    /** A page of rooms, at most 1 s old, never older than this instance's own last write. */
    listRooms(query: RoomListQuery, seesAll: boolean): Promise<CachedList> {
      const { filter, list, order, names } = planOf(query);
      return cache.list(names[seesAll ? 'all' : 'some'], async () => {
        const [page] = await database.read<sql.RoomPageRow>(
          sql.selectRoomPage(filter, order, query.limit, seesAll),
        );
        if (page === undefined) throw new Error('a list is one row');
        const nextCursor = page.has_more ? encodeCursor(list, keyOf(order, page)) : null;
        return {
          body: `{"rooms":${page.rooms},"next_cursor":${JSON.stringify(nextCursor)}}`,
          headers: { 'x-last-event-id': page.last_event_id },
        };
      });
    },

    /** The page that `listRooms` would give without a wait; undefined where it would have to read. */
    readyRooms(query: RoomListQuery, seesAll: boolean): CachedList | undefined {
      return cache.ready(planOf(query).names[seesAll ? 'all' : 'some']);
    },

    /** How many rooms there are of each status and freeze reason, at most 1 s old, also after an own write. */
    countRooms(): Promise<RoomSummary> {
      if (summary === undefined || performance.now() > summary.endsAtMs) {
        const counts = readCounts();
        summary = { counts, endsAtMs: performance.now() + summaryAgeMsMax };
        counts.catch(() => {
          summary = undefined;
        });
      }
      return summary.counts;
    },
  };
}

/** Opens the verbs on room types on a platform. */
export function openRoomTypeService(platform: Pick<Platform, 'database' | 'cache' | 'metrics' | 'tracing'>) {
  const create = openCommand<{ name: string }, { room_type: RoomType }>(platform, 'room_type_create');
  const change = openCommand<{ room_type_id: number; name?: string | undefined }, { room_type: RoomType }>(
    platform,
    'room_type_change',
  );
  const remove = openCommand<{ room_type_id: number }, { room_type: RoomType }>(platform, 'room_type_delete');

  return {
    async createRoomType(name: string, asker: Asker): Promise<RoomType> {
      return settled(await create({ name, ...asker })).room_type;
    },
    async changeRoomType(roomTypeId: number, name: string | undefined, asker: Asker): Promise<RoomType> {
      return settled(await change({ room_type_id: roomTypeId, name, ...asker })).room_type;
    },
    async deleteRoomType(roomTypeId: number, asker: Asker): Promise<void> {
      await remove({ room_type_id: roomTypeId, ...asker });
    },
    /** Every room type by name, as JSON. */
    async listRoomTypes(): Promise<string> {
      const [row] = await platform.database.read<{ room_types: string }>(sql.selectRoomTypes());
      return `{"room_types":${row?.room_types ?? '[]'}}`;
    },
  };
}

/**
 * How a list is read: `list` names it without its pages, `names` name the page, one for each view: the cache is asked
 * for them at every request, and texts that are put together anew cost more than the look.
 */
type ListPlan = Readonly<{
  filter: sql.RoomFilter;
  list: string;
  order: sql.RoomOrder;
  names: Readonly<Record<'all' | 'some', string>>;
}>;

/** A query that is asked for again comes as the same object, which nobody changes. */
const plans = new WeakMap<RoomListQuery, ListPlan>();

/** Throws `cursor-invalid` for a cursor of another list, before any cache is asked. */
function planOf(query: RoomListQuery): ListPlan {
  const known = plans.get(query);
  if (known !== undefined) return known;
  const filter = filterOf(query);
  const { limit, cursor, ...rest } = query;
  const list = JSON.stringify({ ...rest, room_status: [...filter.statuses].sort() });
  const order = orderOf(query, list);
  const nameOf = (view: string) => JSON.stringify(['rooms', list, limit, cursor, view]);
  const plan = { filter, list, order, names: { all: nameOf('all'), some: nameOf('some') } };
  plans.set(query, plan);
  return plan;
}

function filterOf(query: RoomListQuery): sql.RoomFilter {
  const isFrozenOnly = query.is_freezed === true || (query.freeze_reason ?? 'NONE') !== 'NONE';
  const isNeverFrozen = query.is_freezed === false || query.freeze_reason === 'NONE';
  const statuses = roomStatuses.filter(
    (status) =>
      (query.room_status?.includes(status) ?? true) &&
      !(isFrozenOnly && status !== 'FROZEN') &&
      !(isNeverFrozen && status === 'FROZEN') &&
      !(query.sort.endsWith('hold_expires_at') && status !== 'HELD'),
  );
  return {
    statuses: new Set(statuses),
    freezeReason: query.freeze_reason,
    roomTypeId: query.room_type_id,
    floor: query.floor,
    roomNoPrefix: query.room_no,
  };
}

const roomNoKey = z.tuple([text(1, 50)]);
const roomIdKey = z.tuple([z.int32()]);
const holdExpiresAtKey = z.tuple([instant, z.int32()]);

function orderOf({ sort, cursor }: RoomListQuery, list: string): sql.RoomOrder {
  const isDescending = sort.startsWith('-');
  const after = <Key extends z.ZodType>(key: Key) =>
    cursor === undefined ? undefined : decodeCursor(list, cursor, key);
  switch (sort) {
    case 'room_no':
    case '-room_no':
      return { sort: 'room_no', isDescending, after: after(roomNoKey) };
    case 'room_id':
    case '-room_id':
      return { sort: 'room_id', isDescending, after: after(roomIdKey) };
    case 'hold_expires_at':
    case '-hold_expires_at':
      return { sort: 'hold_expires_at', isDescending, after: after(holdExpiresAtKey) };
  }
}

function keyOf(order: sql.RoomOrder, page: sql.RoomPageRow): (string | number)[] {
  const { last_room_no: roomNo, last_room_id: roomId, last_hold_expires_at: holdExpiresAt } = page;
  if (roomNo === null || roomId === null) throw new Error('a page with more behind it has a last row');
  switch (order.sort) {
    case 'room_no':
      return [roomNo];
    case 'room_id':
      return [roomId];
    case 'hold_expires_at':
      return [holdExpiresAt ?? '', roomId];
  }
}
