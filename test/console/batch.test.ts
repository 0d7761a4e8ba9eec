/** Owns doing one thing to many rooms. */
import { expect, test } from 'vitest';
import { Problem } from '../../src/console/api/problem.ts';
import { actOnRooms } from '../../src/console/board/batch.ts';
import { roomOf } from './rooms.ts';

const rooms = Array.from({ length: 10 }, (_, index) =>
  roomOf({ room_id: index + 1, room_no: String(101 + index) }),
);

const problem = (code: string, status: number): Problem =>
  new Problem({ code, status, title: '', detail: code });

test('every room is told of once, and what failed does not stop the others', async () => {
  const told: string[] = [];
  const outcomes = await actOnRooms(
    rooms,
    async (room) => {
      if (room.room_id === 2) throw problem('room-held', 409);
      if (room.room_id === 3) throw problem('room-booked', 409);
      if (room.room_id === 4) throw problem('overloaded', 503);
      return { ...room, room_status: 'FROZEN' };
    },
    (outcome) => told.push(`${outcome.room.room_id} ${outcome.kind}`),
  );
  expect(outcomes.map(({ kind }) => kind)).toEqual([
    'done',
    'held',
    'failed',
    'failed',
    ...Array(6).fill('done'),
  ]);
  expect(outcomes.map((outcome) => outcome.kind === 'failed' && outcome.isPassing)[2]).toBe(false);
  expect(outcomes.map((outcome) => outcome.kind === 'failed' && outcome.isPassing)[3]).toBe(true);
  expect(told).toHaveLength(10);
});

test('at most four calls are under way at once', async () => {
  let underWay = 0;
  let most = 0;
  await actOnRooms(
    rooms,
    async (room) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise(setImmediate);
      underWay -= 1;
      return room;
    },
    () => undefined,
  );
  expect(most).toBe(4);
});

test('once it is stopped no further call is made', async () => {
  const stop = new AbortController();
  const outcomes = await actOnRooms(
    rooms,
    async (room) => {
      if (room.room_id === 4) stop.abort();
      return room;
    },
    () => undefined,
    stop.signal,
  );
  expect(outcomes.map(({ room }) => room.room_id)).toEqual([1, 2, 3, 4]);
});
