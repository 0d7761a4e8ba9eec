/** Owns the races of ending a hold: whatever meets, one order explains it and the hold ends once in each room. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../helpers/contract.ts';
import { expectAuditExplainsTables } from './audit-replay.ts';
import {
  arrivals,
  arrive,
  buyer,
  holdUp,
  type Instance,
  type Instances,
  startInstances,
} from './instances.ts';

let instances: Instances;
let admin: string;
beforeAll(async () => {
  instances = await startInstances({ HOLDS_ACTIVE_MAX: '0' });
  admin = instances.apps[0].as.admin;
});
afterAll(() => instances.close());

const token = buyer('racing');
const rounds = 16;

type Held = { holdId: string; roomIds: number[] };

/** Holds of two rooms each, on rooms of their own. */
async function placeHolds(count: number): Promise<Held[]> {
  const { roomIds } = await instances.makeRooms(2 * count);
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const pair = roomIds.slice(2 * n, 2 * n + 2);
      const { body } = await instances.call(n)('POST', '/rooms/hold', { token, body: { room_ids: pair } });
      return { holdId: body.hold_id, roomIds: pair };
    }),
  );
}

type Verb = (instance: Instance, hold: Held) => Promise<Answer>;
const call = (instance: Instance) => instances.call(instance);
const confirm: Verb = (instance, { holdId }) =>
  call(instance)('POST', `/rooms/hold/${holdId}/confirm`, { token, body: { booking_reference: 'B1' } });
const confirmOtherwise: Verb = (instance, { holdId }) =>
  call(instance)('POST', `/rooms/hold/${holdId}/confirm`, { token, body: { booking_reference: 'B2' } });
const reacquire: Verb = (instance, { holdId }) =>
  call(instance)('POST', `/rooms/hold/${holdId}/confirm`, { token, body: { reacquire: true } });
const release: Verb = (instance, { holdId }) =>
  call(instance)('DELETE', `/rooms/hold/${holdId}`, { token: admin });
const extend: Verb = (instance, { holdId }) =>
  call(instance)('PATCH', `/rooms/hold/${holdId}`, { token, body: { ttl_seconds: 600 } });
const freezeRoom =
  (which: 0 | 1, body: Record<string, unknown> = {}): Verb =>
  (instance, { roomIds }) =>
    call(instance)('POST', `/rooms/${roomIds[which]}/freeze`, { token: admin, body });
const supersede = freezeRoom(1, { supersede_hold: true });
const rehold =
  (which: 0 | 1): Verb =>
  (instance, { roomIds, holdId }) =>
    call(instance)('POST', '/rooms/hold', {
      token: buyer(`rehold-${which}`),
      body: { room_ids: [roomIds[which]], reference: `after ${holdId}` },
    });
const sweep: Verb = async (instance) => {
  await instances.sweep(instance);
  return { status: 0, headers: {}, body: undefined, text: '' };
};

const kindOf = ({ status, body }: Answer): string => (body?.code ? `${status} ${body.code}` : `${status}`);

/** The hold as the tables say, after the race. */
async function statusOf({ holdId }: Held): Promise<string> {
  const rows = await instances.database.query<{ status: string }>(
    'SELECT status FROM hold WHERE hold_id = $1',
    [holdId],
  );
  return rows[0]?.status ?? 'none';
}

/** Lets two verbs meet on each hold, each through an instance of its own, in both orders; what came of each. */
async function duel(holds: Held[], inFlightMax: number, one: Verb, other: Verb): Promise<string[]> {
  // A task is one round: what meets in it are its two verbs, and the other rounds in flight.
  await arrive(
    inFlightMax,
    holds.map((hold, n) => async (instance) => {
      const first = n % 4 < 2;
      const answers = first
        ? await Promise.all([one(instance, hold), other(instance + 1, hold)])
        : (await Promise.all([other(instance + 1, hold), one(instance, hold)])).reverse();
      outcomes.set(hold.holdId, answers.map(kindOf).join(' & '));
    }),
  );
  return Promise.all(holds.map(async (hold) => `${outcomes.get(hold.holdId)} → ${await statusOf(hold)}`));
}
const outcomes = new Map<string, string>();

describe.each(arrivals)('arriving $arrival', ({ inFlightMax }) => {
  test.each<[string, Verb, Verb, string[]]>([
    [
      'confirm against freeze with supersede_hold',
      confirm,
      supersede,
      ['200 & 409 room-booked → CONFIRMED', '409 hold-revoked & 200 → REVOKED'],
    ],
    [
      'release against freeze with supersede_hold',
      release,
      supersede,
      ['200 & 200 → RELEASED', '200 & 200 → REVOKED'],
    ],
    [
      'confirm against release',
      confirm,
      release,
      ['200 & 409 hold-confirmed → CONFIRMED', '409 hold-released & 200 → RELEASED'],
    ],
    [
      'confirm against confirm with another reference',
      confirm,
      confirmOtherwise,
      ['200 & 409 hold-confirmed → CONFIRMED', '409 hold-confirmed & 200 → CONFIRMED'],
    ],
    ['confirm against the same confirm', confirm, confirm, ['200 & 200 → CONFIRMED']],
    ['release against release', release, release, ['200 & 200 → RELEASED']],
    [
      'extend against release',
      extend,
      release,
      ['200 & 200 → RELEASED', '409 hold-released & 200 → RELEASED'],
    ],
    [
      'extend against confirm',
      extend,
      confirm,
      ['200 & 200 → CONFIRMED', '409 hold-confirmed & 200 → CONFIRMED'],
    ],
    [
      'extend against freeze with supersede_hold',
      extend,
      supersede,
      ['200 & 200 → REVOKED', '409 hold-revoked & 200 → REVOKED'],
    ],
  ])('%s: one order, one end', async (_, one, other, allowed) => {
    const seen = await duel(await placeHolds(rounds), inFlightMax, one, other);
    expect(allowed).toEqual(expect.arrayContaining([...new Set(seen)]));
    await expectAuditExplainsTables(instances);
  });

  test.each<[string, Verb, Verb, string[]]>([
    ['release against sweep', release, sweep, ['200 & 0 → EXPIRED']],
    ['confirm against sweep', confirm, sweep, ['410 hold-expired & 0 → EXPIRED']],
    ['sweep against sweep', sweep, sweep, ['0 & 0 → EXPIRED']],
    ['re-hold against sweep', rehold(0), sweep, ['201 & 0 → EXPIRED']],
    ['re-hold of two different rooms of one hold', rehold(0), rehold(1), ['201 & 201 → EXPIRED']],
    [
      're-hold of the same room twice',
      rehold(0),
      rehold(0),
      ['201 & 409 room-unavailable → EXPIRED', '409 room-unavailable & 201 → EXPIRED'],
    ],
    ['freeze against re-hold of the other room', supersede, rehold(0), ['200 & 201 → EXPIRED']],
    [
      'reacquire against re-hold',
      reacquire,
      rehold(1),
      ['200 & 409 room-unavailable → CONFIRMED', '410 hold-expired & 201 → EXPIRED'],
    ],
    ['reacquire against reacquire', reacquire, reacquire, ['200 & 200 → CONFIRMED']],
    ['reacquire against sweep', reacquire, sweep, ['200 & 0 → CONFIRMED']],
    [
      'reacquire against freeze with supersede_hold',
      reacquire,
      supersede,
      ['200 & 409 room-booked → CONFIRMED', '410 hold-expired & 200 → EXPIRED'],
    ],
  ])('of a hold that is over, %s: one order, one end', async (_, one, other, allowed) => {
    const holds = await placeHolds(rounds);
    await instances.endHolds(holds.map(({ holdId }) => ({ holdId, inMs: -5 })));
    const seen = await duel(holds, inFlightMax, one, other);
    expect(allowed).toEqual(expect.arrayContaining([...new Set(seen)]));
    await expectAuditExplainsTables(instances);
  });

  test.each<[string, Verb, Record<string, string>]>([
    ['confirm', confirm, { CONFIRMED: '200', EXPIRED: '410 hold-expired' }],
    ['release', release, { RELEASED: '200', EXPIRED: '200' }],
    ['extend', extend, { ACTIVE: '200', EXPIRED: '410 hold-expired' }],
  ])('%s against expiry, while workers pass: before expires_at or not at all', async (_, verb, allowed) => {
    const holds = await placeHolds(2 * rounds);
    // They end one after the other while the requests run.
    await instances.endHolds(holds.map(({ holdId }, n) => ({ holdId, inMs: 10 + 2 * n })));
    const workers = Promise.all([instances.sweep(0), instances.sweep(1)]);
    const answers = await arrive(
      inFlightMax,
      holds.map((hold) => (instance: Instance) => verb(instance, hold)),
    );
    await workers;
    await expectAuditExplainsTables(instances);
    for (const [n, hold] of holds.entries()) {
      const answer = answers[n];
      const status = await statusOf(hold);
      expect(answer && kindOf(answer), status).toBe(allowed[status]);
      if (answer?.status === 200 && status !== 'ACTIVE') expect(answer.body.status).toBe(status);
    }
    const late = await instances.database.query(
      `SELECT FROM hold WHERE status IN ('CONFIRMED', 'RELEASED') AND ended_at >= expires_at AND NOT is_reacquired
       OR status = 'EXPIRED' AND ended_at <> expires_at`,
    );
    expect(late).toEqual([]);
  });
});

test.each<[string, Verb, string]>([
  ['410 hold-expired to a confirm', confirm, '410 hold-expired → EXPIRED'],
  ['410 hold-expired to an extend', extend, '410 hold-expired → EXPIRED'],
  ['200, EXPIRED, to a release', release, '200 → EXPIRED'],
  ['201 to a re-hold', rehold(0), '201 → EXPIRED'],
  ['200 to a freeze without supersede_hold', freezeRoom(1), '200 → EXPIRED'],
])('%s that waits for a room past expires_at', async (_, verb, wanted) => {
  const [hold] = await placeHolds(1);
  if (hold === undefined) throw new Error('a hold was placed');
  await instances.endHolds([{ holdId: hold.holdId, inMs: 250 }]);
  const rooms = await holdUp(instances.database, hold.roomIds);
  const asked = verb(0, hold);
  await rooms.waiters(1);
  await rooms.over(hold.holdId);
  await rooms.letGo();
  const answer = await asked;
  expect(`${kindOf(answer)} → ${await statusOf(hold)}`).toBe(wanted);
  await expectAuditExplainsTables(instances);
});

test('a freeze with supersede_hold that waits while the room goes to another hold revokes that one', async () => {
  const [hold] = await placeHolds(1);
  if (hold === undefined) throw new Error('a hold was placed');
  const rooms = await holdUp(instances.database, hold.roomIds);
  const asked = supersede(0, hold);
  await rooms.waiters(1);
  // As another instance would: the rooms pass from hold to hold while the freeze waits for them.
  const asker = { actor: 'racing', changes_all: true, request_id: 'another instance' };
  await rooms.run('SELECT hold_release($1)', { hold_id: hold.holdId, ...asker });
  const wanted = { created_by: 'next', holder: 'next', room_ids: hold.roomIds, ttl_seconds: 600 };
  await rooms.run('SELECT hold_place($1)', { ...wanted, is_patient: false, ...asker });
  await rooms.letGo();
  expect(kindOf(await asked)).toBe('200');
  expect(await statusOf(hold)).toBe('RELEASED');
  const next = await instances.call(0)('GET', '/rooms/hold?holder=next', { token: admin });
  expect(next.body.holds).toMatchObject([{ status: 'REVOKED' }]);
  await expectAuditExplainsTables(instances);
});

test('a worker does not wait for a room that somebody else has locked: it ends what it can, the rest in the next pass', async () => {
  const holds = await placeHolds(3);
  await instances.endHolds(holds.map(({ holdId }) => ({ holdId, inMs: -5 })));
  const [locked, ...others] = holds;
  if (locked === undefined) throw new Error('holds were placed');
  const rooms = await holdUp(instances.database, locked.roomIds);
  await instances.sweep(0);
  expect(await Promise.all([locked, ...others].map(statusOf))).toEqual(['ACTIVE', 'EXPIRED', 'EXPIRED']);
  await rooms.letGo();
  await instances.sweep(1);
  expect(await statusOf(locked)).toBe('EXPIRED');
  await expectAuditExplainsTables(instances);
});
