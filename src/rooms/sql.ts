/** Owns the statements that read rooms and room types. They change through the commands of prisma/migrations only. */
import { Prisma } from '../generated/prisma/client.ts';
import type { FreezeReason, RoomStatus } from './room.ts';
import { roomStatuses } from './room.ts';

/** Which rooms a list shows; what is absent does not matter. */
export type RoomFilter = Readonly<{
  statuses: ReadonlySet<RoomStatus>;
  freezeReason?: FreezeReason | undefined;
  roomTypeId?: number | undefined;
  floor?: string | undefined;
  roomNoPrefix?: string | undefined;
}>;

/** The order of a list, and the key of the row that it goes on behind. */
export type RoomOrder = Readonly<{ isDescending: boolean }> &
  (
    | { sort: 'room_no'; after?: readonly [roomNo: string] | undefined }
    | { sort: 'room_id'; after?: readonly [roomId: number] | undefined }
    | { sort: 'hold_expires_at'; after?: readonly [holdExpiresAt: string, roomId: number] | undefined }
  );

/** A page as it comes: ready JSON, and the key of its last row. */
export type RoomPageRow = Readonly<{
  rooms: string;
  has_more: boolean;
  last_room_no: string | null;
  last_room_id: number | null;
  last_hold_expires_at: string | null;
  last_event_id: string;
}>;

/** When the statement began, by the database's clock: one value throughout the statement. */
const at = Prisma.sql`statement_timestamp()`;

/**
 * A page of at most `limit` rooms as they are now, with the position in the event stream that it surely includes.
 * Every filter alone, and every sort alone, reads about `limit` rows per status from an index; a prefix reads all rooms
 * that have it, or the list up to `limit` of them, whichever Postgres thinks is less. Where rooms that are AVAILABLE again
 * are wanted without those that are HELD, it also reads all whose hold is over and not yet tidied; the same for freezes.
 */
export function selectRoomPage(
  filter: RoomFilter,
  order: RoomOrder,
  limit: number,
  seesAll: boolean,
): Prisma.Sql {
  const by = orderBy(order);
  const conditions = Prisma.join([Prisma.sql`NOT r.is_deleted`, ...conditionsOf(filter)], ' AND ');
  const ranges = rangesOf(filter).map(
    (range) => Prisma.sql`(
      SELECT r, r.room_no, r.room_id, r.hold_expires_at FROM ${range.from ?? Prisma.sql`room`} r
      WHERE ${conditions} AND ${inRange(range, order)} LIMIT ${limit + 1})`,
  );
  return Prisma.sql`
    WITH page AS (
      SELECT *, row_number() OVER (ORDER BY ${by}) AS n FROM (${Prisma.join(ranges, ' UNION ALL ')}) ranges
      ORDER BY ${by} LIMIT ${limit + 1}
    )
    SELECT
      '[' || coalesce(string_agg(room_json(seen, ${seesAll})::text, ',' ORDER BY n) FILTER (WHERE n <= ${limit}), '') || ']'
        AS rooms,
      count(*) > ${limit} AS has_more,
      max(page.room_no COLLATE "C") FILTER (WHERE n = ${limit}) AS last_room_no,
      max(page.room_id) FILTER (WHERE n = ${limit}) AS last_room_id,
      instant(max(page.hold_expires_at) FILTER (WHERE n = ${limit})) AS last_hold_expires_at,
      coalesce((
        SELECT audit_id FROM audit_log WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xid DESC, audit_id DESC LIMIT 1), 0)::text AS last_event_id
    FROM page CROSS JOIN LATERAL room_at(page.r, ${at}) seen`;
}

/**
 * Rows that one index has in order: all, or those of one value of the column that the index begins with. Or the few that
 * a function finds, which are put in order.
 */
type Range = Readonly<{
  from?: Prisma.Sql;
  condition: Prisma.Sql;
  lead?: Readonly<{ column: Prisma.Sql; value: Prisma.Sql }>;
}>;

/**
 * The rows to read, in ranges. A room's row may say HELD or FROZEN when that is over already: such rooms are among those
 * that are AVAILABLE or in MAINTENANCE.
 */
function rangesOf(filter: RoomFilter): Range[] {
  const { statuses, freezeReason } = filter;
  const isAnyStatus = roomStatuses.every((status) => statuses.has(status));
  if (isAnyStatus && filter.roomTypeId === undefined && filter.floor === undefined)
    return [{ condition: Prisma.sql`true` }];

  const ranges = [
    ...(['AVAILABLE', 'BOOKED', 'MAINTENANCE'] as const)
      .filter((it) => statuses.has(it))
      .map((it) => live(it)),
    ...rangesOfHeld(statuses),
    ...rangesOfFrozen(statuses, freezeReason),
  ];
  return ranges.length > 0 ? ranges : [{ condition: Prisma.sql`false` }];
}

/** The rows of a stored status. */
const live = (status: RoomStatus, condition = Prisma.sql`true`): Range => ({
  condition,
  lead: { column: Prisma.sql`r.room_status`, value: Prisma.raw(`'${status}'::room_status`) },
});

/** Of the rows that say HELD: they are held, or AVAILABLE again. */
function rangesOfHeld(statuses: RoomFilter['statuses']): Range[] {
  if (statuses.has('HELD')) {
    return [statuses.has('AVAILABLE') ? live('HELD') : live('HELD', Prisma.sql`r.hold_expires_at > ${at}`)];
  }
  if (!statuses.has('AVAILABLE')) return [];
  return [{ from: Prisma.sql`rooms_held_over(${at})`, condition: Prisma.sql`true` }];
}

/** Of the rows that say FROZEN: they are frozen, or what they were before. */
function rangesOfFrozen(statuses: RoomFilter['statuses'], freezeReason: FreezeReason = 'NONE'): Range[] {
  const fromMaintenance = [
    ...(statuses.has('AVAILABLE') ? [false] : []),
    ...(statuses.has('MAINTENANCE') ? [true] : []),
  ];
  if (statuses.has('FROZEN') && fromMaintenance.length === 2) return [live('FROZEN')];
  const ranges: Range[] = [];
  const isFrozen = Prisma.sql`(r.freeze_expires_at <= ${at}) IS NOT TRUE`;
  if (statuses.has('FROZEN') && freezeReason === 'NONE') ranges.push(live('FROZEN', isFrozen));
  else if (statuses.has('FROZEN')) {
    ranges.push({
      condition: Prisma.sql`r.room_status = 'FROZEN' AND ${isFrozen}`,
      lead: { column: Prisma.sql`r.freeze_reason`, value: Prisma.raw(`'${freezeReason}'::freeze_reason`) },
    });
  }
  if (fromMaintenance.length > 0) {
    ranges.push({
      from: Prisma.sql`rooms_frozen_over(${at})`,
      condition: Prisma.sql`r.frozen_from_maintenance IN (${Prisma.join(fromMaintenance)})`,
    });
  }
  return ranges;
}

/**
 * The range from the row that the list goes on behind, in the order of the list. In the default order the column that
 * the index begins with is compared and sorted by although it is one value: an equality would let the planner walk
 * another index in hope of meeting rows of this value soon, which is slow when they all stand at its end.
 */
function inRange({ condition, lead }: Range, order: RoomOrder): Prisma.Sql {
  const by = orderBy(order);
  const behind = Prisma.raw(order.isDescending ? '<' : '>');
  if (lead === undefined || order.sort !== 'room_no') {
    const isLead = lead === undefined ? Prisma.sql`true` : Prisma.sql`${lead.column} = ${lead.value}`;
    return Prisma.sql`${condition} AND ${isLead} AND ${isBehind(order)} ORDER BY ${by}`;
  }
  const begin =
    order.after === undefined
      ? Prisma.sql`${lead.column} ${behind}= ${lead.value}`
      : Prisma.sql`(${lead.column}, r.room_no) ${behind} (${lead.value}, ${order.after[0]})`;
  const end = Prisma.sql`${lead.column} ${Prisma.raw(order.isDescending ? '>=' : '<=')} ${lead.value}`;
  const direction = Prisma.raw(order.isDescending ? 'DESC' : 'ASC');
  return Prisma.sql`${condition} AND ${begin} AND ${end} ORDER BY ${lead.column} ${direction}, ${by}`;
}

function isBehind(order: RoomOrder): Prisma.Sql {
  if (order.after === undefined) return Prisma.sql`true`;
  const behind = Prisma.raw(order.isDescending ? '<' : '>');
  switch (order.sort) {
    case 'room_no':
      return Prisma.sql`r.room_no ${behind} ${order.after[0]}`;
    case 'room_id':
      return Prisma.sql`r.room_id ${behind} ${order.after[0]}`;
    case 'hold_expires_at':
      return Prisma.sql`(r.hold_expires_at, r.room_id) ${behind} (${order.after[0]}::timestamptz, ${order.after[1]})`;
  }
}

function conditionsOf(filter: RoomFilter): Prisma.Sql[] {
  const conditions: Prisma.Sql[] = [];
  if (filter.roomTypeId !== undefined) conditions.push(Prisma.sql`r.room_type_id = ${filter.roomTypeId}`);
  if (filter.floor !== undefined) conditions.push(Prisma.sql`r.floor = ${filter.floor}`);
  if (filter.roomNoPrefix !== undefined && filter.roomNoPrefix !== '') {
    conditions.push(...hasPrefix(filter.roomNoPrefix));
  }
  return conditions;
}

/** A prefix is a range in byte order, written as one: a prepared plan takes it from the index whatever the prefix is. */
function hasPrefix(prefix: string): Prisma.Sql[] {
  const from = Prisma.sql`r.room_no COLLATE "C" >= ${prefix}`;
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return [from];
  // Surrogates are no characters: the one behind U+D7FF is U+E000.
  const next = String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  return [from, Prisma.sql`r.room_no COLLATE "C" < ${next}`];
}

function orderBy(order: RoomOrder): Prisma.Sql {
  const direction = order.isDescending ? 'DESC' : 'ASC';
  const columns = order.sort === 'hold_expires_at' ? ['hold_expires_at', 'room_id'] : [order.sort];
  return Prisma.raw(columns.map((column) => `${column} ${direction}`).join(', '));
}

/** One room as it is now, as ready JSON. */
export function selectRoom(roomId: number, seesAll: boolean): Prisma.Sql {
  return Prisma.sql`
    SELECT room_json(seen, ${seesAll})::text AS body
    FROM room r CROSS JOIN LATERAL room_at(r, clock_timestamp()) seen
    WHERE r.room_id = ${roomId} AND NOT r.is_deleted`;
}

/** How many rooms there are of each status and freeze reason now. */
export function selectRoomCounts(): Prisma.Sql {
  const isOver = Prisma.sql`(
    r.room_status = 'HELD' AND r.hold_expires_at <= ${at} OR r.room_status = 'FROZEN' AND r.freeze_expires_at <= ${at})`;
  return Prisma.sql`
    SELECT room_status, freeze_reason, count(*)::integer AS rooms FROM (
      SELECT r.room_status, r.freeze_reason FROM room r WHERE NOT r.is_deleted AND ${isOver} IS NOT TRUE
      UNION ALL
      SELECT seen.room_status, seen.freeze_reason FROM room r CROSS JOIN LATERAL room_at(r, ${at}) seen
      WHERE NOT r.is_deleted AND ${isOver}
    ) counted
    GROUP BY room_status, freeze_reason`;
}

/** Every room type, by name, as ready JSON. */
export function selectRoomTypes(): Prisma.Sql {
  return Prisma.sql`
    SELECT '[' || coalesce(string_agg(room_type_json(t)::text, ',' ORDER BY t.name, t.room_type_id), '') || ']' AS room_types
    FROM room_type t WHERE NOT t.is_deleted`;
}
