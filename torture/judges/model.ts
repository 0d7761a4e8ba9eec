/** Owns the model of an island: what its rooms and holds are, and what each verb may answer and do to them. */
import type { HoldSeen, RoomSeen } from '../history.ts';
import { holdsActiveMax } from '../world/world.ts';

/** A room of the model. */
export type ModelRoom = Readonly<{
  status: string;
  fence: number;
  holdId: string | null;
  bookedUnder: string | null;
  note: string | null;
  isFromMaintenance: boolean;
}>;

/** A hold of the model. */
export type ModelHold = Readonly<{
  status: string;
  roomIds: readonly number[];
  holder: string;
  bookedUnder: string | null;
}>;

/** An island at an instant. Never changed: a step makes another one. */
export type State = Readonly<{
  rooms: ReadonlyMap<number, ModelRoom>;
  holds: ReadonlyMap<string, ModelHold>;
}>;

/** What happened, as far as its answer or its traces tell. */
export type Step =
  | { do: 'place'; holder: string; hold: Pick<HoldSeen, 'holdId' | 'rooms'> }
  | { do: 'refuse-rooms'; roomIds: readonly number[] }
  | { do: 'refuse-type'; quantity: number }
  | { do: 'refuse-holder'; holder: string }
  | { do: 'extend'; holdId: string }
  | { do: 'confirm'; holdId: string; tag: string; fences: readonly (readonly [number, number])[] | null }
  | { do: 'release'; holdId: string; endedAs: string }
  | { do: 'refuse-hold'; holdId: string; statuses: readonly string[] }
  | { do: 'refuse-reacquire'; holdId: string }
  | { do: 'freeze'; roomId: number; tag: string; isSuperseding: boolean }
  | { do: 'unfreeze'; roomId: number; status: string | null }
  | { do: 'change'; roomId: number; status: string }
  | { do: 'refuse-room'; roomId: number; isStatus: readonly string[] }
  | { do: 'read'; room: RoomSeen; isOver: (holdId: string) => boolean }
  | { do: 'expire'; holdId: string }
  | { do: 'thaw'; roomId: number };

/** Rooms that are all free, with nothing held. */
export function startOf(roomIds: readonly number[]): State {
  const free: ModelRoom = {
    status: 'AVAILABLE',
    fence: 0,
    holdId: null,
    bookedUnder: null,
    note: null,
    isFromMaintenance: false,
  };
  return { rooms: new Map(roomIds.map((roomId) => [roomId, free])), holds: new Map() };
}

/** Two states are the same if and only if this is. */
export function keyOf({ rooms, holds }: State): string {
  const sorted = [...holds].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    [...rooms.values()].map((room) => Object.values(room)),
    sorted.map(([holdId, hold]) => [holdId, hold.status, hold.bookedUnder]),
  ]);
}

const freed = { status: 'AVAILABLE', holdId: null, bookedUnder: null, note: null, isFromMaintenance: false };

function withRooms(
  state: State,
  roomIds: readonly number[],
  change: (room: ModelRoom, roomId: number) => Partial<ModelRoom>,
) {
  const rooms = new Map(state.rooms);
  for (const roomId of roomIds) {
    const room = rooms.get(roomId);
    if (room !== undefined) rooms.set(roomId, { ...room, ...change(room, roomId) });
  }
  return rooms;
}

/** The hold over, and those of its rooms that it still has changed. */
function ended(
  state: State,
  holdId: string,
  status: string,
  change: Partial<ModelRoom>,
  bookedUnder: string | null = null,
): State {
  const hold = state.holds.get(holdId);
  if (hold === undefined) return state;
  const own = hold.roomIds.filter((roomId) => state.rooms.get(roomId)?.holdId === holdId);
  return {
    rooms: withRooms(state, own, () => change),
    holds: new Map(state.holds).set(holdId, { ...hold, status, bookedUnder }),
  };
}

const isFree = (state: State, roomId: number): boolean => state.rooms.get(roomId)?.status === 'AVAILABLE';

function place(state: State, step: Extract<Step, { do: 'place' }>): State | undefined {
  const { holdId, rooms } = step.hold;
  const isPossible = rooms.every(
    ([roomId, fence]) => isFree(state, roomId) && state.rooms.get(roomId)?.fence === fence - 1,
  );
  if (!isPossible || state.holds.has(holdId)) return undefined;
  const roomIds = rooms.map(([roomId]) => roomId);
  const hold = { status: 'ACTIVE', roomIds, holder: step.holder, bookedUnder: null };
  return {
    rooms: withRooms(state, roomIds, ({ fence }) => ({ status: 'HELD', holdId, fence: fence + 1 })),
    holds: new Map(state.holds).set(holdId, hold),
  };
}

function confirm(state: State, step: Extract<Step, { do: 'confirm' }>): State | undefined {
  const { holdId, tag, fences } = step;
  const hold = state.holds.get(holdId);
  const booked = { ...freed, status: 'BOOKED', bookedUnder: tag };
  if (hold?.status === 'ACTIVE') return ended(state, holdId, 'CONFIRMED', booked, tag);
  // Asked for twice in the same words: nothing more happens.
  if (hold?.status === 'CONFIRMED') return hold.bookedUnder === tag ? state : undefined;
  // Reacquired: every room free, and granted anew.
  const isPossible =
    fences?.every(
      ([roomId, fence]) => isFree(state, roomId) && state.rooms.get(roomId)?.fence === fence - 1,
    ) ?? false;
  if (hold?.status !== 'EXPIRED' || !isPossible) return undefined;
  return {
    rooms: withRooms(state, hold.roomIds, ({ fence }) => ({ ...booked, fence: fence + 1 })),
    holds: new Map(state.holds).set(holdId, { ...hold, status: 'CONFIRMED', bookedUnder: tag }),
  };
}

function freeze(state: State, step: Extract<Step, { do: 'freeze' }>): State | undefined {
  const { roomId, tag, isSuperseding } = step;
  const room = state.rooms.get(roomId);
  if (room === undefined || room.status === 'BOOKED') return undefined;
  if (room.status === 'HELD' && !(isSuperseding && room.holdId !== null)) return undefined;
  const before = room.holdId === null ? state : ended(state, room.holdId, 'REVOKED', freed);
  const isFromMaintenance = room.status === 'FROZEN' ? room.isFromMaintenance : room.status === 'MAINTENANCE';
  return {
    ...before,
    rooms: withRooms(before, [roomId], () => ({ status: 'FROZEN', note: tag, isFromMaintenance })),
  };
}

function thaw(state: State, roomId: number, status: string | null): State | undefined {
  const room = state.rooms.get(roomId);
  if (room?.status !== 'FROZEN') return undefined;
  const next = room.isFromMaintenance ? 'MAINTENANCE' : 'AVAILABLE';
  if (status !== null && status !== next) return undefined;
  return { ...state, rooms: withRooms(state, [roomId], () => ({ ...freed, status: next })) };
}

function release(state: State, step: Extract<Step, { do: 'release' }>): State | undefined {
  const status = state.holds.get(step.holdId)?.status;
  if (status === 'ACTIVE' && step.endedAs === 'RELEASED') return ended(state, step.holdId, 'RELEASED', freed);
  return status === step.endedAs ? state : undefined;
}

function change(state: State, { roomId, status }: { roomId: number; status: string }): State | undefined {
  const room = state.rooms.get(roomId);
  const isPossible =
    room !== undefined && (room.status === status || !['HELD', 'FROZEN'].includes(room.status));
  return isPossible
    ? { ...state, rooms: withRooms(state, [roomId], () => ({ status, bookedUnder: null })) }
    : undefined;
}

/** Whether a read may show this. A room whose hold is past its end may be shown as free before anything else is done. */
function isShown(state: State, { room, isOver }: Extract<Step, { do: 'read' }>): boolean {
  const model = state.rooms.get(room.roomId);
  if (model === undefined || model.fence !== room.fence) return false;
  if (model.status === 'HELD' && room.status === 'AVAILABLE') return isOver(model.holdId ?? '');
  return (
    model.status === room.status &&
    model.holdId === room.holdId &&
    model.bookedUnder === room.bookedUnder &&
    model.note === room.note
  );
}

/** Whether a refusal, or a read, fits the state. */
function fits(state: State, step: Step): boolean {
  switch (step.do) {
    case 'refuse-rooms':
      return step.roomIds.some((roomId) => !isFree(state, roomId));
    case 'refuse-type':
      return [...state.rooms.keys()].filter((roomId) => isFree(state, roomId)).length < step.quantity;
    case 'refuse-holder': {
      const own = [...state.holds.values()].filter(({ holder }) => holder === step.holder);
      return own.filter(({ status }) => status === 'ACTIVE').length >= holdsActiveMax;
    }
    case 'refuse-hold':
      return step.statuses.includes(state.holds.get(step.holdId)?.status ?? '');
    case 'refuse-reacquire': {
      const hold = state.holds.get(step.holdId);
      return hold?.status === 'EXPIRED' && hold.roomIds.some((roomId) => !isFree(state, roomId));
    }
    case 'refuse-room':
      return step.isStatus.includes(state.rooms.get(step.roomId)?.status ?? '');
    case 'read':
      return isShown(state, step);
    default:
      return false;
  }
}

/** The state after the step, the same one if it changes nothing, or undefined if it cannot happen in this state. */
export function stepped(state: State, step: Step): State | undefined {
  switch (step.do) {
    case 'place':
      return place(state, step);
    case 'extend':
      return state.holds.get(step.holdId)?.status === 'ACTIVE' ? state : undefined;
    case 'confirm':
      return confirm(state, step);
    case 'release':
      return release(state, step);
    case 'freeze':
      return freeze(state, step);
    case 'unfreeze':
      return thaw(state, step.roomId, step.status);
    case 'thaw':
      return thaw(state, step.roomId, null);
    case 'change':
      return change(state, step);
    case 'expire':
      return state.holds.get(step.holdId)?.status === 'ACTIVE'
        ? ended(state, step.holdId, 'EXPIRED', freed)
        : undefined;
    default:
      return fits(state, step) ? state : undefined;
  }
}

/** Forgets the holds that are over and of which nobody speaks after `atMs`. */
export function forgotten(state: State, atMs: number, lastUseMs: ReadonlyMap<string, number>): State {
  const left = [...state.holds].filter(
    ([holdId, { status }]) => status === 'ACTIVE' || (lastUseMs.get(holdId) ?? 0) > atMs,
  );
  return left.length === state.holds.size ? state : { ...state, holds: new Map(left) };
}
