/** Owns the tests of GET /rooms/hold: what is in it and what its filters find. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { holdPageSchema } from '../../src/holds/schemas.ts';
import { roles, type TestApp } from '../helpers/app.ts';
import { bodyAs, freezeRoom, makeRoom, placeHold } from '../helpers/property.ts';
import { tokenFor } from '../helpers/tokens.ts';
import { ask, idsOf, list, listIds, newFrontend, placeHolds } from './lists.ts';
import {
  confirmHold,
  endings,
  expire,
  getHold,
  makeEndedHold,
  makeHold,
  releaseHold,
  startHoldApp,
  statusOf,
  sweep,
} from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

describe('what is in it', () => {
  test('newest first, each as GET shows it', async () => {
    const { token } = newFrontend();
    const holds = await placeHolds(server, token, 3);
    const [first, second] = holds;
    if (first === undefined || second === undefined) throw new Error('three holds were placed');
    await confirmHold(server, first, { booking_reference: 'B-1' }, token);
    await releaseHold(server, second, token);
    const answer = await ask(server, token);
    expect(answer.headers['cache-control']).toBe('no-store');
    const page = bodyAs(holdPageSchema, answer);
    expect(page.next_cursor).toBeNull();
    expect(idsOf(page.holds)).toEqual(idsOf(holds).reverse());
    for (const hold of page.holds) expect((await getHold(server, hold, token)).body).toEqual(hold);
  });

  test('nothing for who has no hold', async () => {
    expect(await list(server, newFrontend().token)).toEqual({ holds: [], next_cursor: null });
  });

  test('without READ only own holds, whatever is asked for; with READ everybody’s', async () => {
    const mine = newFrontend();
    const theirs = newFrontend();
    const reference = `cart of ${mine.sub}`;
    const { hold: own } = await makeHold(server, 1, { token: mine.token, reference });
    const { hold: other, rooms } = await makeHold(server, 1, { token: theirs.token, reference });
    const roomId = rooms[0]?.room_id ?? 0;
    expect(await listIds(server, mine.token, { reference })).toEqual([own.hold_id]);
    expect(await listIds(server, mine.token, { holder: theirs.sub })).toEqual([]);
    expect(await listIds(server, mine.token, { room_id: roomId })).toEqual([]);
    for (const token of [roles.operations, roles.admin]) {
      expect(await listIds(server, token, { reference })).toEqual([other.hold_id, own.hold_id]);
      expect(await listIds(server, token, { room_id: roomId })).toEqual([other.hold_id]);
    }
  });

  test('own is what this sub placed, not what it is the holder of', async () => {
    const mine = newFrontend();
    const delegate = {
      sub: `delegate of ${mine.sub}`,
      token: tokenFor(`delegate of ${mine.sub}`, 'ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE'),
    };
    const { hold } = await makeHold(server, 1, { token: delegate.token, holder: mine.sub });
    expect(await listIds(server, mine.token, { holder: mine.sub })).toEqual([]);
    expect(await listIds(server, delegate.token, { holder: mine.sub })).toEqual([hold.hold_id]);
    expect(await listIds(server, roles.operations, { holder: mine.sub })).toEqual([hold.hold_id]);
  });

  test('a cursor of somebody who sees all shows nothing more to who does not', async () => {
    const mine = newFrontend();
    const reference = `shared by ${mine.sub}`;
    await placeHolds(server, roles.frontend2, 2, { reference });
    const { hold } = await makeHold(server, 1, { token: mine.token, reference });
    await placeHolds(server, roles.frontend2, 1, { reference });
    const { next_cursor } = await list(server, roles.operations, { reference, limit: 1 });
    const answer = await ask(server, mine.token, { reference, limit: 1, cursor: next_cursor ?? '' });
    if (answer.status === 200) expect(idsOf(answer.body.holds)).toEqual([hold.hold_id]);
    else expect(answer).toMatchObject({ status: 400, body: { code: 'cursor-invalid' } });
  });
});

describe('status', () => {
  test('each finds its own; an expired hold is EXPIRED and not ACTIVE, tidied or not', async () => {
    const { token } = newFrontend();
    const reference = 'each status once';
    const byEnding = new Map<string, string>();
    // The one that nobody has tidied comes last: making one of the others tidies everything.
    for (const ending of [...endings.filter((one) => one !== 'EXPIRED'), 'EXPIRED' as const]) {
      const { hold } = await makeEndedHold(server, ending);
      byEnding.set(ending, hold.hold_id);
    }
    const [active] = await placeHolds(server, roles.frontend, 1, { reference });
    const statuses = ['ACTIVE', 'CONFIRMED', 'RELEASED', 'EXPIRED', 'REVOKED'];
    for (const status of statuses) {
      const found = await list(server, roles.frontend, { status, limit: 200 });
      const wanted = endings.filter((ending) => statusOf(ending) === status);
      expect(new Set(found.holds.map((hold) => hold.status))).toEqual(new Set([status]));
      expect(idsOf(found.holds)).toEqual(
        expect.arrayContaining(wanted.map((ending) => byEnding.get(ending))),
      );
      expect(found.holds.some(({ hold_id }) => hold_id === active?.hold_id)).toBe(status === 'ACTIVE');
    }
    const all = await list(server, roles.frontend, { limit: 200 });
    const perStatus = await Promise.all(
      statuses.map((status) => listIds(server, roles.frontend, { status, limit: 200 })),
    );
    expect(perStatus.flat().sort()).toEqual(idsOf(all.holds).sort());
    expect(await listIds(server, token)).toEqual([]);
  });

  test('an expired hold that nobody has tidied is listed as GET shows it, and the same after', async () => {
    const { token } = newFrontend();
    const [hold] = await placeHolds(server, token, 1);
    if (hold === undefined) throw new Error('a hold was placed');
    const endedAt = await expire(server, hold);
    const before = await list(server, token, { status: 'EXPIRED' });
    expect(before.holds).toMatchObject([
      { status: 'EXPIRED', ended_at: endedAt, expires_at: endedAt, expires_in_seconds: 0 },
    ]);
    expect(await listIds(server, token, { status: 'ACTIVE' })).toEqual([]);
    await sweep(server);
    expect(await list(server, token, { status: 'EXPIRED' })).toEqual(before);
    expect(await listIds(server, token, { status: 'ACTIVE' })).toEqual([]);
  });
});

describe('filters', () => {
  test('holder, reference, booking_reference, room_id, alone and together', async () => {
    const sub = 'delegate of the filters';
    const token = tokenFor(sub, 'ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE');
    const room = await makeRoom(server);
    const place = (holder: string, reference: string) =>
      placeHold(server, [room.room_id], { token, holder, reference });
    const one = await place('Ann', 'cart 1');
    await releaseHold(server, one, token);
    const two = await place('Ann', 'cart 2');
    await releaseHold(server, two, token);
    const three = await place('Bob', 'cart 1');
    await confirmHold(server, three, { booking_reference: 'B-3' }, token);
    const ids = (query: Record<string, string | number>) => listIds(server, token, query);
    const [first, second, third] = idsOf([one, two, three]);
    expect(await ids({ holder: 'Ann' })).toEqual([second, first]);
    expect(await ids({ reference: 'cart 1' })).toEqual([third, first]);
    expect(await ids({ booking_reference: 'B-3' })).toEqual([third]);
    expect(await ids({ room_id: room.room_id })).toEqual([third, second, first]);
    expect(await ids({ holder: 'Ann', reference: 'cart 1' })).toEqual([first]);
    expect(await ids({ holder: 'Ann', status: 'CONFIRMED' })).toEqual([]);
    expect(
      await ids({ holder: 'Bob', reference: 'cart 1', room_id: room.room_id, status: 'CONFIRMED' }),
    ).toEqual([third]);
    // To the letter, and the whole of it.
    expect(await ids({ holder: 'ann' })).toEqual([]);
    expect(await ids({ reference: 'cart' })).toEqual([]);
    expect(await ids({ room_id: room.room_id + 1_000_000 })).toEqual([]);
  });

  test('a hold on several rooms is found by each of them, once', async () => {
    const { token } = newFrontend();
    const { hold, rooms } = await makeHold(server, 3, { token });
    for (const { room_id } of rooms)
      expect(await listIds(server, token, { room_id })).toEqual([hold.hold_id]);
  });

  test('text of every kind', async () => {
    const { token } = newFrontend();
    const reference = `%_'"\\ & = + ü 🛏`;
    const [hold] = await placeHolds(server, token, 1, { reference });
    await placeHolds(server, token, 1, { reference: 'another' });
    expect(await listIds(server, token, { reference })).toEqual([hold?.hold_id]);
  });
});

describe('refused', () => {
  test.each([
    'limit=0',
    'limit=201',
    'limit=-1',
    'limit=1e1',
    'limit=',
    'limit=5&limit=6',
    'status=active',
    'status=DONE',
    'status=ACTIVE&status=EXPIRED',
    'room_id=0',
    'room_id=+5',
    'room_id=05',
    'room_id=2147483648',
    'room_id=x',
    'holder=',
    'holder=a%00b',
    `holder=${'x'.repeat(256)}`,
    `reference=${'x'.repeat(201)}`,
    'created_by=frontend',
    'sort=hold_id',
  ])('400 request-invalid: ?%s', async (query) => {
    expect(await server.call('GET', `/rooms/hold?${query}`, { token: roles.operations })).toMatchObject({
      status: 400,
      body: { code: 'request-invalid' },
    });
  });

  test('401 credentials-missing without a token', async () => {
    expect(await server.call('GET', '/rooms/hold')).toMatchObject({
      status: 401,
      body: { code: 'credentials-missing' },
    });
  });

  test('403 permission-denied without a permission that reads', async () => {
    expect(await ask(server, roles.nobody)).toMatchObject({
      status: 403,
      body: { code: 'permission-denied' },
    });
  });
});

test('a revoked hold is listed at once', async () => {
  const { token } = newFrontend();
  const { hold, rooms } = await makeHold(server, 2, { token });
  await freezeRoom(server, rooms[0]?.room_id ?? 0, { supersede_hold: true });
  expect(await listIds(server, token, { status: 'REVOKED' })).toEqual([hold.hold_id]);
  expect(await listIds(server, token, { status: 'ACTIVE' })).toEqual([]);
});
