/** Owns the board's rooms: entries, own changes and the clock together. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Room } from '../../src/console/api/wire.ts';
import { openBoardStore } from '../../src/console/board/board-store.ts';
import { entryOf, heldRoom, roomOf } from './rooms.ts';

const start = Date.parse('2026-11-22T10:00:00.000Z');

beforeEach(() => {
  vi.useFakeTimers({ now: start });
});
afterEach(() => {
  vi.useRealTimers();
});

const boardWith = (rooms: readonly Room[], answers: readonly (Room | undefined)[] = []) => {
  const left = [...answers];
  const asked: number[] = [];
  const board = openBoardStore({
    nowMs: Date.now,
    readRoom: async (roomId) => {
      asked.push(roomId);
      return left.shift();
    },
  });
  board.replace(rooms);
  return { board, asked };
};

test('a hold that ends turns its room available at that instant, without an entry', async () => {
  const { board } = boardWith([heldRoom('2026-11-22T10:00:30.000Z')]);
  await vi.advanceTimersByTimeAsync(29_999);
  expect(board.get().get(1)?.room_status).toBe('HELD');
  await vi.advanceTimersByTimeAsync(2);
  expect(board.get().get(1)?.room_status).toBe('AVAILABLE');
});

test('an extension that is heard of only after the end shows the room held again', async () => {
  const { board } = boardWith([heldRoom('2026-11-22T10:00:30.000Z')]);
  await vi.advanceTimersByTimeAsync(30_100);
  const extension = { hold_expires_at: '2026-11-22T10:10:00.000Z', updated_at: '2026-11-22T10:00:29.900Z' };
  board.apply(entryOf('EXTEND', extension));
  await vi.advanceTimersByTimeAsync(0);
  expect(board.get().get(1)).toMatchObject({
    room_status: 'HELD',
    hold_expires_at: '2026-11-22T10:10:00.000Z',
  });
});

test('a freeze that ends is asked for once, and shows what the server says', async () => {
  const frozen = roomOf({ room_status: 'FROZEN', freeze_expires_at: '2026-11-22T10:01:00.000Z' });
  const after = roomOf({ room_status: 'MAINTENANCE', updated_at: '2026-11-22T10:01:00.000Z' });
  const { board, asked } = boardWith([frozen], [after]);
  await vi.advanceTimersByTimeAsync(59_000);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked).toEqual([1]);
  expect(board.get().get(1)?.room_status).toBe('MAINTENANCE');
});

test('a room that is not known is read, one that was deleted goes', async () => {
  const { board, asked } = boardWith([roomOf()], [roomOf({ room_id: 2, room_no: '102' })]);
  board.apply(entryOf('CREATE', { room_no: '102' }, { entity_id: '2' }));
  board.apply(entryOf('DELETE', null));
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toEqual([2]);
  expect([...board.get().keys()]).toEqual([2]);
});

test('an answer of ours is not undone by older entries that arrive after it', async () => {
  const { board } = boardWith([roomOf()]);
  board.put(roomOf({ room_status: 'FROZEN', updated_at: '2026-11-22T10:00:09.000Z' }));
  board.apply(entryOf('RELEASE', { room_status: 'AVAILABLE', updated_at: '2026-11-22T10:00:05.000Z' }));
  board.put(roomOf({ updated_at: '2026-11-22T10:00:05.000Z' }));
  await vi.advanceTimersByTimeAsync(0);
  expect(board.get().get(1)?.room_status).toBe('FROZEN');
});

test('a burst of entries is one change to those who listen, and rooms that are the same stay the same object', async () => {
  const { board } = boardWith([
    roomOf(),
    roomOf({ room_id: 2 }),
    heldRoom('2026-11-22T09:00:00.000Z', { room_id: 3 }),
  ]);
  const before = board.get();
  let changes = 0;
  board.subscribe(() => {
    changes += 1;
  });
  for (let second = 1; second < 9; second += 1) {
    board.apply(entryOf('UPDATE', { floor: String(second), updated_at: `2026-11-22T10:00:0${second}.000Z` }));
  }
  await vi.advanceTimersByTimeAsync(0);
  expect(changes).toBe(1);
  expect(board.get().get(1)?.floor).toBe('8');
  expect(board.get().get(2)).toBe(before.get(2));
  expect(board.get().get(3)).toBe(before.get(3));
  expect(before.get(3)?.room_status).toBe('AVAILABLE');
});
