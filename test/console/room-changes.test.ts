/** Owns what an entry of the audit trail makes of a room on the board, and what time makes of it. */
import { expect, test } from 'vitest';
import { changeOf, endsAtMs, roomAt } from '../../src/console/board/rooms.ts';
import { entryOf, heldRoom, roomOf } from './rooms.ts';

const later = '2026-11-22T10:00:05.000Z';

test('an entry changes the fields that it names, and no others', () => {
  const hold = {
    room_status: 'HELD',
    hold_id: 'h',
    hold_expires_at: '2026-11-22T10:15:00.000Z',
    fence: 1,
    updated_at: later,
    holder: 'somebody',
    reference: null,
  };
  const change = changeOf(roomOf({ floor: '7' }), entryOf('HOLD', hold));
  const { holder: _, reference: __, ...fields } = hold;
  expect(change).toEqual({ room: { ...roomOf({ floor: '7' }), ...fields } });
});

test('an entry older than the row changes nothing, as the row includes it', () => {
  const row = roomOf({ updated_at: '2026-11-22T10:00:06.000Z' });
  expect(changeOf(row, entryOf('FREEZE', { room_status: 'FROZEN', updated_at: later }))).toEqual({
    room: row,
  });
});

test('an entry of the same instant as the row is applied: both may be of one millisecond', () => {
  const row = roomOf({ updated_at: later });
  const change = changeOf(row, entryOf('FREEZE', { room_status: 'FROZEN', updated_at: later }));
  expect(change).toMatchObject({ room: { room_status: 'FROZEN' } });
});

test('a deleted room is gone, and one that is not known has to be read', () => {
  expect(changeOf(roomOf(), entryOf('DELETE', null))).toEqual({ room: undefined });
  expect(changeOf(undefined, entryOf('CREATE', { room_no: '9' }))).toBe('unknown');
  expect(changeOf(undefined, entryOf('DELETE', null))).toEqual({ room: undefined });
});

test('a held room is available from the very millisecond at which its hold ends', () => {
  const room = heldRoom('2026-11-22T10:15:00.000Z');
  const end = Date.parse('2026-11-22T10:15:00.000Z');
  expect(roomAt(room, end - 1)).toBe(room);
  expect(roomAt(room, end)).toMatchObject({
    room_status: 'AVAILABLE',
    hold_id: null,
    hold_expires_at: null,
    fence: 1,
  });
});

test('a frozen room stays frozen until the server says what it has become', () => {
  const room = roomOf({ room_status: 'FROZEN', freeze_expires_at: '2026-11-22T10:15:00.000Z' });
  expect(roomAt(room, Date.parse('2026-11-22T11:00:00.000Z'))).toBe(room);
  expect(endsAtMs(room)).toBe(Date.parse('2026-11-22T10:15:00.000Z'));
  expect(endsAtMs(roomOf())).toBe(Number.POSITIVE_INFINITY);
});
