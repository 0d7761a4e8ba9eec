/** Owns the races of placing holds on rooms by id. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectAuditExplainsTables } from './audit-replay.ts';
import {
  arrivals,
  arrive,
  buyer,
  holdUp,
  type Instances,
  sample,
  startInstances,
  tally,
} from './instances.ts';
import { startSampler } from './sampler.ts';

let instances: Instances;
beforeAll(async () => {
  instances = await startInstances();
});
afterAll(async () => {
  // Everybody locks in one order, so nobody waits in a circle.
  expect(await instances.close()).toEqual({ deadlocks: 0 });
});

const place = (instance: number, token: string, body: unknown, headers: Record<string, string> = {}) =>
  instances.call(instance)('POST', '/rooms/hold', { token, body, headers });

describe.each(arrivals)('arriving $arrival', ({ inFlightMax }) => {
  test('100 clients want one room: one 201, 99 × 409 room-unavailable', async () => {
    const { roomIds } = await instances.makeRooms(1);
    const answers = await arrive(
      inFlightMax,
      Array.from(
        { length: 100 },
        (_, n) => (instance: number) => place(instance, buyer(n), { room_ids: roomIds }),
      ),
    );
    expect(tally(answers)).toEqual({ 201: 1, '409 room-unavailable': 99 });
    const winner = answers.find(({ status }) => status === 201)?.body;
    for (const { body } of answers.filter(({ status }) => status === 409)) {
      expect(body.conflicts).toEqual([
        {
          room_id: roomIds[0],
          room_no: winner.rooms[0].room_no,
          room_status: 'HELD',
          free_at: winner.expires_at,
        },
      ]);
    }
    await expectAuditExplainsTables(instances);
  });

  test.each([1, 2, 3])(
    'overlapping sets in different orders, seed %i: no deadlock reaches a client, all or nothing at every instant',
    async (seed) => {
      const { roomIds } = await instances.makeRooms(12);
      const stopSampler = await startSampler(instances.database);
      const sets = sample(fc.shuffledSubarray(roomIds, { minLength: 2, maxLength: 6 }), seed, 150);
      const answers = await arrive(
        inFlightMax,
        sets.map((set, n) => async (instance) => {
          const token = buyer(`${seed}-${n}`);
          const placed = await place(instance, token, { room_ids: set, reference: `${set.length}` });
          // Every third buyer keeps the rooms; the others make way, through the other instance.
          if (placed.status !== 201 || n % 3 === 0) return placed;
          const path = `/rooms/hold/${placed.body.hold_id}`;
          const released = await instances.call(instance + 1)('DELETE', path, { token });
          expect(released.status).toBe(200);
          return placed;
        }),
      );
      const { count, torn } = await stopSampler();
      expect(torn).toEqual([]);
      expect(count).toBeGreaterThan(3);
      const { 201: placed = 0, '409 room-unavailable': refused = 0, ...others } = tally(answers);
      expect(others).toEqual({});
      expect(placed).toBeGreaterThan(1);
      expect(refused).toBeGreaterThan(0);
      for (const [n, { status, body }] of answers.entries()) {
        if (status !== 201) continue;
        const wanted = [...(sets[n] ?? [])].sort((one, other) => one - other);
        expect(body.rooms.map((room: { room_id: number }) => room.room_id)).toEqual(wanted);
      }
      await expectAuditExplainsTables(instances);
    },
  );

  test('50 holds of one holder with a limit of 20: 20 × 201, 30 × 429 hold-limit-reached', async () => {
    const { roomIds } = await instances.makeRooms(50);
    const token = buyer(`limited-${inFlightMax}`);
    const answers = await arrive(
      inFlightMax,
      roomIds.map((id) => (instance: number) => place(instance, token, { room_ids: [id] })),
    );
    expect(tally(answers)).toEqual({ 201: 20, '429 hold-limit-reached': 30 });
    for (const { status, body } of answers) if (status === 429) expect(body.limit).toBe(20);
    // One that ends makes way for exactly one.
    const first = answers.find(({ status }) => status === 201)?.body;
    await instances.call(0)('DELETE', `/rooms/hold/${first.hold_id}`, { token });
    const free = roomIds.filter((_, n) => answers[n]?.status === 429);
    const again = await arrive(
      inFlightMax,
      free.map((id) => (instance: number) => place(instance, token, { room_ids: [id] })),
    );
    expect(tally(again)).toEqual({ 201: 1, '429 hold-limit-reached': 29 });
    await expectAuditExplainsTables(instances);
  });

  test('a limit is counted per holder, for a token that serves many', async () => {
    const { roomIds } = await instances.makeRooms(50);
    const answers = await arrive(
      inFlightMax,
      roomIds.map(
        (id, n) => (instance: number) =>
          place(instance, instances.apps[0].as.delegate, {
            room_ids: [id],
            holder: `guest-${inFlightMax}-${n % 2}`,
          }),
      ),
    );
    expect(tally(answers)).toEqual({ 201: 40, '429 hold-limit-reached': 10 });
  });

  test('100 posts with one Idempotency-Key: one hold, 100 × the same 201, all but one replayed', async () => {
    const { roomIds } = await instances.makeRooms(3);
    const token = buyer(`repeating-${inFlightMax}`);
    const answers = await arrive(
      inFlightMax,
      Array.from(
        { length: 100 },
        () => (instance: number) =>
          place(instance, token, { room_ids: roomIds }, { 'idempotency-key': 'the-same' }),
      ),
    );
    expect(tally(answers)).toEqual({ 201: 100 });
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(new Set(answers.map(({ headers }) => headers.location)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === undefined)).toHaveLength(1);
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(99);
    const holds = await instances.call(0)('GET', '/rooms/hold', { token });
    expect(holds.body.holds).toHaveLength(1);
    await expectAuditExplainsTables(instances);
  });

  test('one key with two bodies: one of them holds, all of the other are 422 idempotency-key-reused', async () => {
    const { roomIds } = await instances.makeRooms(2);
    const token = buyer(`two-faced-${inFlightMax}`);
    const answers = await arrive(
      inFlightMax,
      Array.from(
        { length: 40 },
        (_, n) => (instance: number) =>
          // Pairs, so that each instance sends both bodies.
          place(instance, token, { room_ids: [roomIds[(n >> 1) % 2]] }, { 'idempotency-key': 'two-faced' }),
      ),
    );
    expect(tally(answers)).toEqual({ 201: 20, '422 idempotency-key-reused': 20 });
    expect(new Set(answers.filter(({ status }) => status === 201).map(({ text }) => text)).size).toBe(1);
    await expectAuditExplainsTables(instances);
  });
});

test('one key while its first request waits for a room: the second waits, and replays', async () => {
  const { roomIds } = await instances.makeRooms(1);
  const [room, token] = [await holdUp(instances.database, roomIds), buyer('waiting')];
  const post = (instance: number) =>
    place(instance, token, { room_ids: roomIds }, { 'idempotency-key': 'waits' });
  const first = post(0);
  await room.waiters(1);
  const second = post(1);
  await room.letGo();
  const answers = await Promise.all([first, second]);
  expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  expect(answers[1]?.text).toBe(answers[0]?.text);
  expect(answers.map(({ headers }) => headers['idempotent-replayed'])).toEqual([undefined, 'true']);
});

test('one key ten times in one batch: one hold, ten times the same 201', async () => {
  const { roomIds } = await instances.makeRooms(2);
  const [locked, free] = roomIds;
  const room = await holdUp(instances.database, [Number(locked)]);
  // As many as an instance sends at a time wait for the room; what comes then is one batch.
  const before: ReturnType<typeof place>[] = [];
  for (const n of [1, 2, 3]) {
    before.push(place(0, buyer(`ahead-${n}`), { room_ids: [locked] }));
    await room.waiters(n);
  }
  const token = buyer('batched');
  const asked = Array.from({ length: 10 }, () =>
    place(0, token, { room_ids: [free] }, { 'idempotency-key': 'in-one-batch' }),
  );
  await room.letGo();
  const answers = await Promise.all(asked);
  expect(tally(answers)).toEqual({ 201: 10 });
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(tally(await Promise.all(before))).toEqual({ 201: 1, '409 room-unavailable': 2 });
  await expectAuditExplainsTables(instances);
});

test('two sets in opposite orders while their rooms are locked: both wait in one order, one wins', async () => {
  const { roomIds } = await instances.makeRooms(4);
  for (let round = 0; round < 5; round += 1) {
    const rooms = await holdUp(instances.database, roomIds);
    const asked = [roomIds, [...roomIds].reverse()].map((set, n) =>
      place(n, buyer(`opposite-${round}-${n}`), { room_ids: set, reference: '4' }),
    );
    await rooms.waiters(2);
    await rooms.letGo();
    const answers = await Promise.all(asked);
    expect(tally(answers)).toEqual({ 201: 1, '409 room-unavailable': 1 });
    const winner = answers.find(({ status }) => status === 201)?.body;
    await instances.call(0)('DELETE', `/rooms/hold/${winner.hold_id}`, { token: instances.apps[0].as.admin });
  }
  await expectAuditExplainsTables(instances);
});

test('a holder is counted after the one before has committed: the 21st waits for the 20th, then 429', async () => {
  const { roomIds } = await instances.makeRooms(21);
  const token = buyer('counted');
  for (const id of roomIds.slice(0, 19)) {
    expect((await place(0, token, { room_ids: [id] })).status).toBe(201);
  }
  const room = await holdUp(instances.database, roomIds.slice(19, 20));
  // As another instance would: the 20th is placed and not yet committed.
  const who = { created_by: 'buyer-counted', holder: 'buyer-counted', holds_active_max: 20 };
  const wanted = { room_ids: roomIds.slice(19, 20), ttl_seconds: 600, is_patient: false };
  await room.run('SELECT hold_place($1)', { ...who, ...wanted, request_id: 'another instance' });
  const asked = place(1, token, { room_ids: roomIds.slice(20) });
  await room.waiters(1);
  await room.letGo();
  expect(tally([await asked])).toEqual({ '429 hold-limit-reached': 1 });
  await expectAuditExplainsTables(instances);
});
