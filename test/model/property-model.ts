/** Owns the model: what the HTTP contract says of rooms and holds, in plain values, one verb after the other. */

/** What a verb answers: a status, the code of a problem, and the facts of the body that must be there. */
export type Expected = Readonly<{ status: number; body?: Readonly<Record<string, unknown>> }>;

/** A room as the contract describes it. Whether its hold or freeze is over is told by `expireHold` and `expireFreeze`. */
export type ModelRoom = {
  room_id: number;
  room_no: string;
  room_status: 'AVAILABLE' | 'BOOKED' | 'MAINTENANCE' | 'FROZEN' | 'HELD';
  freeze_reason: string;
  freeze_note: string | null;
  isTimed: boolean;
  wasMaintenance: boolean;
  hold_id: string | null;
  booking_reference: string | null;
  fence: number;
  isDeleted: boolean;
};

/** A hold as the contract describes it. */
export type ModelHold = {
  hold_id: string;
  holder: string;
  status: 'ACTIVE' | 'CONFIRMED' | 'RELEASED' | 'EXPIRED' | 'REVOKED';
  rooms: { room: ModelRoom; fence: number }[];
  booking_reference: string | null;
  reacquired: boolean;
};

/** Rooms of one type, and every hold that was placed on them. */
export type Model = { rooms: ModelRoom[]; holds: ModelHold[]; holdsActiveMax: number };

/** A freeze as it is asked for. */
export type ModelFreeze = Readonly<{
  text: 'CLEANING' | 'a leak' | undefined;
  isTimed: boolean;
  isSuperseding: boolean;
}>;

const problem = (status: number, code: string, facts: Record<string, unknown> = {}): Expected => ({
  status,
  body: { code, ...facts },
});
const roomNotFound = problem(404, 'room-not-found');

/** A new room, AVAILABLE. */
export function newRoom(room_id: number, room_no: string): ModelRoom {
  return {
    room_id,
    room_no,
    room_status: 'AVAILABLE',
    freeze_reason: 'NONE',
    freeze_note: null,
    isTimed: false,
    wasMaintenance: false,
    hold_id: null,
    booking_reference: null,
    fence: 0,
    isDeleted: false,
  };
}

/** What the wire shows of a room. */
export function roomFacts(room: ModelRoom): Record<string, unknown> {
  const { isTimed: _, wasMaintenance: __, isDeleted: ___, ...facts } = room;
  return facts;
}

/** What the wire shows of a hold. */
export function holdFacts(hold: ModelHold): { hold_id: string; [fact: string]: unknown } {
  const rooms = hold.rooms.map(({ room, fence }) => ({
    room_id: room.room_id,
    room_no: room.room_no,
    fence,
  }));
  return { ...hold, rooms: rooms.sort((one, other) => one.room_id - other.room_id) };
}

const isFree = (room: ModelRoom): boolean => room.room_status === 'AVAILABLE' && !room.isDeleted;
const freeRooms = (model: Model): ModelRoom[] => model.rooms.filter(isFree);

/** Why a holder can't have one more hold, if so. */
function limitReached(model: Model, holder: string): Expected | undefined {
  const active = model.holds.filter((hold) => hold.holder === holder && hold.status === 'ACTIVE');
  if (active.length < model.holdsActiveMax) return undefined;
  return problem(429, 'hold-limit-reached', { limit: model.holdsActiveMax });
}

const conflictsOf = (rooms: readonly ModelRoom[]) =>
  rooms
    .filter((room) => !isFree(room))
    .sort((one, other) => one.room_id - other.room_id)
    .map(({ room_id, room_no, isDeleted, room_status }) => ({
      room_id,
      room_no,
      room_status: isDeleted ? null : room_status,
    }));

/** What placing a hold on these rooms answers, granted or not. */
export function decidePlace(model: Model, holder: string, rooms: readonly ModelRoom[]): Expected {
  const missing = rooms.filter((room) => room.isDeleted).map((room) => room.room_id);
  if (missing.length > 0) {
    return problem(404, 'room-not-found', { missing_room_ids: missing.sort((one, other) => one - other) });
  }
  const refused = limitReached(model, holder);
  if (refused !== undefined) return refused;
  const conflicts = conflictsOf(rooms);
  if (conflicts.length > 0) return problem(409, 'room-unavailable', { conflicts });
  return { status: 201 };
}

/** What placing a hold on any rooms answers. */
export function decidePlaceByType(model: Model, holder: string, quantity: number): Expected {
  const refused = limitReached(model, holder);
  if (refused !== undefined) return refused;
  const available = freeRooms(model).length;
  if (available < quantity) return problem(409, 'not-enough-rooms', { requested: quantity, available });
  return { status: 201 };
}

/** Grants a hold. Throws when one of the rooms is not free: nobody may be given it. */
export function grant(model: Model, hold_id: string, holder: string, rooms: readonly ModelRoom[]): ModelHold {
  if (!rooms.every(isFree)) throw new Error('a room was granted that was not free');
  const hold: ModelHold = {
    hold_id,
    holder,
    status: 'ACTIVE',
    rooms: [],
    booking_reference: null,
    reacquired: false,
  };
  claim(hold, rooms);
  model.holds.push(hold);
  return hold;
}

function claim(hold: ModelHold, rooms: readonly ModelRoom[]): void {
  hold.rooms = rooms.map((room) => {
    room.room_status = 'HELD';
    room.hold_id = hold.hold_id;
    room.fence += 1;
    return { room, fence: room.fence };
  });
}

function end(hold: ModelHold, status: ModelHold['status'], booked?: string | null): void {
  hold.status = status;
  hold.booking_reference = booked ?? null;
  for (const { room } of hold.rooms) {
    room.room_status = status === 'CONFIRMED' ? 'BOOKED' : 'AVAILABLE';
    room.hold_id = null;
    room.booking_reference = hold.booking_reference;
  }
}

function over({ status }: ModelHold): Expected {
  if (status === 'EXPIRED') return problem(410, 'hold-expired');
  return problem(409, `hold-${status.toLowerCase()}`);
}

const shown = (hold: ModelHold): Expected => ({ status: 200, body: holdFacts(hold) });

/** What extending a hold answers. */
export function extend(hold: ModelHold): Expected {
  return hold.status === 'ACTIVE' ? shown(hold) : over(hold);
}

/** Confirms a hold, or says why not. */
export function confirm(hold: ModelHold, reference: string | null, reacquires: boolean): Expected {
  if (hold.status === 'CONFIRMED' && hold.booking_reference === reference) return shown(hold);
  if (hold.status === 'EXPIRED' && reacquires) {
    const rooms = hold.rooms.map(({ room }) => room);
    const conflicts = conflictsOf(rooms);
    if (conflicts.length > 0) return problem(410, 'hold-expired', { conflicts });
    claim(hold, rooms);
    hold.reacquired = true;
  } else if (hold.status !== 'ACTIVE') return over(hold);
  end(hold, 'CONFIRMED', reference);
  return shown(hold);
}

/** Releases a hold, or says why not. */
export function release(hold: ModelHold): Expected {
  if (hold.status === 'CONFIRMED') return over(hold);
  if (hold.status === 'ACTIVE') end(hold, 'RELEASED');
  return shown(hold);
}

/** The hold passes its `expires_at`. */
export function expireHold(hold: ModelHold): void {
  if (hold.status === 'ACTIVE') end(hold, 'EXPIRED');
}

/** Freezes a room, or says why not. */
export function freeze(model: Model, room: ModelRoom, wanted: ModelFreeze): Expected {
  if (room.isDeleted) return roomNotFound;
  if (room.room_status === 'BOOKED') return problem(409, 'room-booked');
  if (room.room_status === 'HELD') {
    if (!wanted.isSuperseding) return problem(409, 'room-held');
    const hold = model.holds.find(({ hold_id }) => hold_id === room.hold_id);
    if (hold !== undefined) end(hold, 'REVOKED');
  }
  if (room.room_status !== 'FROZEN') room.wasMaintenance = room.room_status === 'MAINTENANCE';
  room.room_status = 'FROZEN';
  room.freeze_reason = wanted.text === 'CLEANING' ? 'CLEANING' : 'ADMIN_LOCK';
  room.freeze_note = wanted.text === 'a leak' ? wanted.text : null;
  room.isTimed = wanted.isTimed;
  return { status: 200, body: roomFacts(room) };
}

function thaw(room: ModelRoom): void {
  room.room_status = room.wasMaintenance ? 'MAINTENANCE' : 'AVAILABLE';
  room.freeze_reason = 'NONE';
  room.freeze_note = null;
  room.isTimed = false;
}

/** The room passes its `freeze_expires_at`, if it has one. */
export function expireFreeze(room: ModelRoom): void {
  if (room.isTimed) thaw(room);
}

/** Ends a room's freeze, or says why not. */
export function unfreeze(room: ModelRoom): Expected {
  if (room.isDeleted) return roomNotFound;
  if (room.room_status !== 'FROZEN')
    return problem(409, 'room-not-frozen', { room_status: room.room_status });
  thaw(room);
  return { status: 200, body: roomFacts(room) };
}

/** Changes a room's status, or says why not. */
export function changeStatus(room: ModelRoom, status: 'AVAILABLE' | 'MAINTENANCE' | 'BOOKED'): Expected {
  if (room.isDeleted) return roomNotFound;
  if (room.room_status === 'FROZEN') return problem(409, 'room-frozen');
  if (room.room_status === 'HELD') return problem(409, 'room-held');
  room.room_status = status;
  if (status !== 'BOOKED') room.booking_reference = null;
  return { status: 200, body: roomFacts(room) };
}

/** Deletes a room, or says why not. */
export function deleteRoom(room: ModelRoom): Expected {
  if (room.isDeleted) return roomNotFound;
  if (room.room_status !== 'AVAILABLE' && room.room_status !== 'MAINTENANCE') {
    return problem(409, `room-${room.room_status.toLowerCase()}`);
  }
  room.isDeleted = true;
  return { status: 204 };
}
