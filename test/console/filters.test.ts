/** Owns what the board shows: filters, groups, order and counts. */
import { expect, test } from 'vitest';
import {
  countByStatus,
  filterOf,
  groupRooms,
  isFiltering,
  openRoomOrder,
  passes,
} from '../../src/console/board/filters.ts';
import { roomOf } from './rooms.ts';

const rooms = [
  roomOf({ room_id: 1, room_no: '10' }),
  roomOf({ room_id: 2, room_no: '9', room_status: 'FROZEN', freeze_reason: 'CLEANING', room_type_id: 2 }),
  roomOf({ room_id: 3, room_no: 'A1', floor: null, room_status: 'BOOKED' }),
  roomOf({ room_id: 4, room_no: '1001', floor: '10' }),
];

const shown = (words: Record<string, string>) =>
  rooms.filter((room) => passes(room, filterOf(words))).map((room) => room.room_no);

test('each filter alone, and all together', () => {
  expect(shown({})).toEqual(['10', '9', 'A1', '1001']);
  expect(shown({ status: 'FROZEN,BOOKED' })).toEqual(['9', 'A1']);
  expect(shown({ type: '2' })).toEqual(['9']);
  expect(shown({ reason: 'CLEANING' })).toEqual(['9']);
  expect(shown({ room_no: ' a ' })).toEqual(['A1']);
  expect(shown({ room_no: '10', status: 'AVAILABLE', type: '1' })).toEqual(['10', '1001']);
});

test('words that mean nothing do not filter', () => {
  const filter = filterOf({ status: 'ASLEEP', type: '-1', reason: 'NONE', room_no: ' ' });
  expect(isFiltering(filter)).toBe(false);
  expect(rooms.every((room) => passes(room, filter))).toBe(true);
  expect(isFiltering(filterOf({ status: 'HELD' }))).toBe(true);
});

test('counts are of what the other filters leave, so that each says what pressing it would show', () => {
  const none = { AVAILABLE: 0, HELD: 0, BOOKED: 0, FROZEN: 0, MAINTENANCE: 0 };
  expect(countByStatus(rooms, filterOf({ status: 'HELD' }))).toEqual({
    ...none,
    AVAILABLE: 2,
    BOOKED: 1,
    FROZEN: 1,
  });
  expect(countByStatus(rooms, filterOf({ type: '2' }))).toEqual({ ...none, FROZEN: 1 });
});

test('floors come in natural order, rooms without one last', () => {
  const names = groupRooms(rooms, 'floor', new Map()).map(
    ({ name, rooms: inside }) => `${name}: ${inside.length}`,
  );
  expect(names).toEqual(['Floor 1: 2', 'Floor 10: 1', 'No floor: 1']);
});

test('groups of types bear their names', () => {
  const names = groupRooms(rooms, 'type', new Map([[1, 'Suite']])).map(({ name }) => name);
  expect(names).toEqual(['Suite', 'Type 2']);
});

test('rooms are in natural order, which is kept while none comes, goes or is renamed', () => {
  const inOrder = openRoomOrder();
  const mapOf = (list: readonly (typeof rooms)[number][]) =>
    new Map(list.map((room) => [room.room_id, room]));
  expect(inOrder(mapOf(rooms)).map((room) => room.room_no)).toEqual(['9', '10', '1001', 'A1']);
  const changed = rooms.map((room) => ({ ...room, floor: '5' }));
  expect(inOrder(mapOf(changed)).map((room) => `${room.room_no} ${room.floor}`)).toEqual([
    '9 5',
    '10 5',
    '1001 5',
    'A1 5',
  ]);
  const renamed = changed.map((room) => (room.room_no === '9' ? { ...room, room_no: '99' } : room));
  expect(inOrder(mapOf(renamed)).map((room) => room.room_no)).toEqual(['10', '99', '1001', 'A1']);
  expect(inOrder(mapOf(renamed.slice(0, 2))).map((room) => room.room_no)).toEqual(['10', '99']);
});
