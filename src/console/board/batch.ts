/** Owns doing one thing to many rooms: one call for each, some at a time, and what came of every one. */
import { isPassing, Problem } from '../api/problem.ts';
import type { Room } from '../api/wire.ts';

/** What came of one room. `held`: it is held for a checkout, and nobody has said yet that this may end it. */
export type Outcome =
  | { kind: 'done'; room: Room }
  | { kind: 'held'; room: Room; problem: Problem }
  | { kind: 'failed'; room: Room; error: unknown; isPassing: boolean };

/** More at a time would only wait in the server's queue; fewer would be slow over a long line. */
const callsAtOnceMax = 4;

/**
 * Calls `act` for each room, a few at a time, and tells each outcome as it is known. Resolves, with all outcomes in the
 * rooms' order, when every call has been answered. Once `signal` aborts, no further call is made.
 */
export async function actOnRooms(
  rooms: readonly Room[],
  act: (room: Room) => Promise<Room>,
  tell: (outcome: Outcome) => void,
  signal?: AbortSignal,
): Promise<Outcome[]> {
  const outcomes = new Map<number, Outcome>();
  const waiting = [...rooms];
  const worker = async (): Promise<void> => {
    for (let room = waiting.shift(); room !== undefined && !signal?.aborted; room = waiting.shift()) {
      const outcome = await outcomeOf(room, act);
      outcomes.set(room.room_id, outcome);
      tell(outcome);
    }
  };
  await Promise.all(Array.from({ length: callsAtOnceMax }, worker));
  return rooms.flatMap((room) => outcomes.get(room.room_id) ?? []);
}

async function outcomeOf(room: Room, act: (room: Room) => Promise<Room>): Promise<Outcome> {
  try {
    return { kind: 'done', room: await act(room) };
  } catch (error) {
    if (error instanceof Problem && error.code === 'room-held') return { kind: 'held', room, problem: error };
    return { kind: 'failed', room, error, isPassing: isPassing(error) };
  }
}

/** `1 room`, `7 rooms`. */
export const roomsText = (count: number): string => `${count} ${count === 1 ? 'room' : 'rooms'}`;
