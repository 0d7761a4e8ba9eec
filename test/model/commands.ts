/** Owns the random commands: each asks the server and the model, and holds what they say against each other. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { roles } from '../helpers/app.ts';
import type { Answer } from '../helpers/contract.ts';
import { tokenFor } from '../helpers/tokens.ts';
import type { Instances } from '../races/instances.ts';
import type { Expected, Model, ModelFreeze, ModelHold, ModelRoom } from './property-model.ts';
import * as model from './property-model.ts';

/** The server of one run: a room type of its own, and holders that no other run has. */
export type Real = { instances: Instances; run: string; roomTypeId: number; calls: number };
type Command = fc.AsyncCommand<Model, Real>;
type Method = Parameters<ReturnType<Instances['call']>>[0];

const { admin } = roles;
/** Calls one instance and then the other. */
function call(real: Real, method: Method, url: string, body?: unknown, token = admin): Promise<Answer> {
  real.calls += 1;
  return real.instances.call(real.calls)(method, url, { token, ...(body === undefined ? {} : { body }) });
}

/** The `sub` of one who holds rooms in this run only. */
const holderOf = ({ run }: Real, who: string): string => `${run} ${who}`;

function expectAnswer({ status, body, text }: Answer, expected: Expected, asked: string): void {
  expect(status, `${asked}: ${text}`).toBe(expected.status);
  const { conflicts, ...facts } = expected.body ?? {};
  expect(body ?? {}, asked).toMatchObject(facts);
  if (expected.status >= 400) {
    const named = body.conflicts?.map(({ free_at: _, ...room }: Record<string, unknown>) => room);
    expect(named, asked).toEqual(conflicts);
  }
}

/** A room or hold by a number that is always good: the newest come first. */
const pick = <Item>(items: readonly Item[], n: number): Item => {
  const item = items[items.length - 1 - (n % items.length)];
  if (item === undefined) throw new Error('there is nothing to pick from');
  return item;
};

/** A command that can always run. */
function always(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => name };
}
/** A command on a hold, which runs when there is one. */
function onHold(name: string, n: number, run: (hold: ModelHold, real: Real) => Promise<void>): Command {
  return {
    check: ({ holds }) => holds.length > 0,
    run: ({ holds }, real) => run(pick(holds, n), real),
    toString: () => `${name} of hold -${n}`,
  };
}

function place(who: string, wanted: readonly number[]): Command {
  return always(`place ${who} [${wanted}]`, async (state, real) => {
    const holder = holderOf(real, who);
    const rooms = [...new Set(wanted.map((n) => pick(state.rooms, n)))];
    const expected = model.decidePlace(state, holder, rooms);
    const room_ids = rooms.map((room) => room.room_id);
    const body = { room_ids, reference: real.run };
    const answer = await call(real, 'POST', '/rooms/hold', body, tokenFor(holder, 'ROOM_HOLD:WRITE'));
    expectAnswer(answer, expected, `place ${room_ids}`);
    if (answer.status === 201) expectGranted(state, real, answer, holder, rooms);
    expectFreeAt(state, answer);
  });
}

function placeByType(who: string, quantity: number): Command {
  return always(`place ${who} any ${quantity}`, async (state, real) => {
    const holder = holderOf(real, who);
    const expected = model.decidePlaceByType(state, holder, quantity);
    const body = { room_type_id: real.roomTypeId, quantity, reference: real.run };
    const answer = await call(real, 'POST', '/rooms/hold', body, tokenFor(holder, 'ROOM_HOLD:WRITE'));
    expectAnswer(answer, expected, `place any ${quantity}`);
    if (answer.status !== 201) return;
    const given: number[] = answer.body.rooms.map((room: { room_id: number }) => room.room_id);
    expect(given).toHaveLength(quantity);
    const rooms = state.rooms.filter((room) => given.includes(room.room_id));
    expectGranted(state, real, answer, holder, rooms);
  });
}

function expectGranted(
  state: Model,
  { run }: Real,
  { body }: Answer,
  holder: string,
  rooms: readonly ModelRoom[],
): void {
  const facts = model.holdFacts(model.grant(state, body.hold_id, holder, rooms));
  const more = { created_by: holder, reference: run, ended_at: null, expires_in_seconds: 900 };
  expect(body).toMatchObject({ ...facts, ...more });
}

/** When a room that is not free will be: held ones and timed freezes tell, except those that go back to MAINTENANCE. */
function expectFreeAt(state: Model, { body }: Answer): void {
  for (const { room_id, free_at } of body.conflicts ?? []) {
    const room = state.rooms.find((one) => one.room_id === room_id);
    const endsByItself = room?.room_status === 'HELD' || (room?.isTimed === true && !room.wasMaintenance);
    expect(free_at !== null, `free_at of room ${room_id}`).toBe(endsByItself);
  }
}

function freeze(n: number, wanted: ModelFreeze): Command {
  return always(`freeze room -${n} ${JSON.stringify(wanted)}`, async (state, real) => {
    const room = pick(state.rooms, n);
    const body = {
      freeze_reason: wanted.text,
      supersede_hold: wanted.isSuperseding,
      ...(wanted.isTimed ? { expires_in_seconds: 60 } : {}),
    };
    const answer = await call(real, 'POST', `/rooms/${room.room_id}/freeze`, body);
    expectAnswer(answer, model.freeze(state, room, wanted), `freeze ${room.room_id}`);
    if (answer.status === 200) expect(answer.body.freeze_expires_at !== null).toBe(wanted.isTimed);
  });
}

function onRoom(name: string, n: number, run: (room: ModelRoom, real: Real) => Promise<void>): Command {
  return always(`${name} room -${n}`, ({ rooms }, real) => run(pick(rooms, n), real));
}

/** A room with the number of one that there was: refused while that one is there. */
function createRoom(n: number): Command {
  return always(`create room like -${n}`, async (state, real) => {
    const { room_no } = pick(state.rooms, n);
    const isTaken = state.rooms.some((room) => room.room_no === room_no && !room.isDeleted);
    const body = { room_no, room_type_id: real.roomTypeId };
    const answer = await call(real, 'POST', '/rooms', body);
    expect(answer.status, answer.text).toBe(isTaken ? 409 : 201);
    if (isTaken) {
      expect(answer.body.code).toBe('room-no-exists');
      return;
    }
    const room = model.newRoom(answer.body.room_id, room_no);
    expect(answer.body).toMatchObject(model.roomFacts(room));
    state.rooms.push(room);
  });
}

/** Everything that the server shows is as the model says: by rooms, by list of holds. */
export async function expectAsInModel(state: Model, real: Real): Promise<void> {
  for (const room of state.rooms) {
    const answer = await call(real, 'GET', `/rooms/${room.room_id}`);
    expect(answer.status).toBe(room.isDeleted ? 404 : 200);
    if (!room.isDeleted) expect(answer.body).toMatchObject(model.roomFacts(room));
  }
  const { body } = await call(real, 'GET', `/rooms/hold?limit=200&reference=${real.run}`);
  const shown: { hold_id: string }[] = body.holds;
  // Newest first.
  const wanted = state.holds
    .map(model.holdFacts)
    .sort((one, other) => (one.hold_id < other.hold_id ? 1 : -1));
  expect(shown).toHaveLength(wanted.length);
  expect(shown).toMatchObject(wanted);
}

/** Which room or hold, counted from the newest: most verbs meet on few of them. */
const n = fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4, 5, 6);
const holder = fc.constantFrom('ann', 'ann', 'ann', 'bob');
const isYes = fc.boolean();

/** Every verb, as likely as it is telling. */
export const commands: fc.Arbitrary<Command>[] = [
  fc
    .tuple(holder, fc.uniqueArray(n, { minLength: 1, maxLength: 3 }))
    .map(([who, rooms]) => place(who, rooms)),
  fc
    .tuple(holder, fc.uniqueArray(n, { minLength: 1, maxLength: 2 }))
    .map(([who, rooms]) => place(who, rooms)),
  fc.tuple(holder, fc.integer({ min: 1, max: 3 })).map(([who, quantity]) => placeByType(who, quantity)),
  holder.map((who) => placeByType(who, 1)),
  n.map((at) =>
    onHold('extend', at, async (hold, real) => {
      const answer = await call(real, 'PATCH', `/rooms/hold/${hold.hold_id}`, { ttl_seconds: 600 });
      expectAnswer(answer, model.extend(hold), 'extend');
    }),
  ),
  fc.tuple(n, fc.constantFrom(null, null, 'B1'), isYes).map(([at, booking_reference, reacquire]) =>
    onHold(`confirm ${booking_reference} ${reacquire}`, at, async (hold, real) => {
      const body = { booking_reference, reacquire };
      const answer = await call(real, 'POST', `/rooms/hold/${hold.hold_id}/confirm`, body);
      const { status, body: { holder: _, ...facts } = {} } = model.confirm(
        hold,
        booking_reference,
        reacquire,
      );
      expectAnswer(answer, { status, body: facts }, 'confirm');
    }),
  ),
  n.map((at) =>
    onHold('release', at, async (hold, real) => {
      const answer = await call(real, 'DELETE', `/rooms/hold/${hold.hold_id}`);
      expectAnswer(answer, model.release(hold), 'release');
    }),
  ),
  n.map((at) =>
    onHold('expire', at, async (hold, real) => {
      await real.instances.endHolds([{ holdId: hold.hold_id, inMs: -5 }]);
      model.expireHold(hold);
    }),
  ),
  fc
    .tuple(n, fc.constantFrom('CLEANING' as const, 'a leak' as const, undefined), isYes, isYes)
    .map(([at, text, isTimed, isSuperseding]) => freeze(at, { text, isTimed, isSuperseding })),
  n.map((at) =>
    onRoom('unfreeze', at, async (room, real) => {
      const answer = await call(real, 'DELETE', `/rooms/${room.room_id}/freeze`);
      expectAnswer(answer, model.unfreeze(room), 'unfreeze');
    }),
  ),
  n.map((at) =>
    onRoom('end of freeze of', at, async (room, real) => {
      await real.instances.endFreezes([room.room_id]);
      model.expireFreeze(room);
    }),
  ),
  fc
    .tuple(n, fc.constantFrom('AVAILABLE' as const, 'MAINTENANCE' as const, 'BOOKED' as const))
    .map(([at, room_status]) =>
      onRoom(`change to ${room_status}`, at, async (room, real) => {
        const answer = await call(real, 'PATCH', `/rooms/${room.room_id}`, { room_status });
        expectAnswer(answer, model.changeStatus(room, room_status), `change to ${room_status}`);
      }),
    ),
  n.map((at) =>
    onRoom('delete', at, async (room, real) => {
      const answer = await call(real, 'DELETE', `/rooms/${room.room_id}`);
      expectAnswer(answer, model.deleteRoom(room), 'delete');
    }),
  ),
  n.map(createRoom),
  fc.nat(1).map((instance) =>
    always('sweep', async (_, { instances }) => {
      await instances.sweep(instance);
    }),
  ),
  fc.constant(always('look', expectAsInModel)),
];
