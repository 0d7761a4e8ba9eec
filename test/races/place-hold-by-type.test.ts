/** Owns the races of buyers who want any room of a type. */
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
  tally,
} from './instances.ts';
import { startSampler } from './sampler.ts';

let instances: Instances;
beforeAll(async () => {
  instances = await startInstances();
});
afterAll(() => instances.close());

const roomsOf = (answers: readonly Answer[]): number[] =>
  answers
    .filter(({ status }) => status === 201)
    .flatMap(({ body }) => body.rooms.map((room: { room_id: number }) => room.room_id));

const buy =
  (n: number | string, roomTypeId: number, quantity: number) =>
  (instance: Instance): Promise<Answer> =>
    instances.call(instance)('POST', '/rooms/hold', {
      token: buyer(n),
      body: { room_type_id: roomTypeId, quantity, reference: `${quantity}` },
    });
const buyOne = (n: number | string, roomId: number | undefined) => (instance: Instance) =>
  instances.call(instance)('POST', '/rooms/hold', {
    token: buyer(n),
    body: { room_ids: [roomId], reference: '1' },
  });
/** Of requests that come in pairs for and pairs against: 0, 1, 0, 1, 2, 3, 2, 3, …, so that each instance gets both. */
const pairwise = (n: number): number => 2 * Math.floor(n / 4) + (n % 2);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe.each(arrivals)('arriving $arrival', ({ inFlightMax }) => {
  test('60 buyers of 1 for 60 rooms: 60 × 201, 60 different rooms', async () => {
    const { roomTypeId, roomIds } = await instances.makeRooms(60);
    const answers = await arrive(
      inFlightMax,
      numbers(60).map((n) => buy(n, roomTypeId, 1)),
    );
    expect(tally(answers)).toEqual({ 201: 60 });
    expect(roomsOf(answers).sort((a, b) => a - b)).toEqual(roomIds.sort((a, b) => a - b));
    const late = await buy('late', roomTypeId, 1)(0);
    expect(late).toMatchObject({
      status: 409,
      body: { code: 'not-enough-rooms', requested: 1, available: 0 },
    });
    await expectAuditExplainsTables(instances);
  });

  test('30 buyers of 2 for 60 rooms: 30 × 201, 60 different rooms, never a buyer with one', async () => {
    const { roomTypeId } = await instances.makeRooms(60);
    const stopSampler = await startSampler(instances.database);
    const answers = await arrive(
      inFlightMax,
      numbers(30).map((n) => buy(n, roomTypeId, 2)),
    );
    expect((await stopSampler()).torn).toEqual([]);
    expect(tally(answers)).toEqual({ 201: 30 });
    expect(new Set(roomsOf(answers)).size).toBe(60);
    await expectAuditExplainsTables(instances);
  });

  test('40 buyers of 3 for 61 rooms: 20 × 201, the rest 409 not-enough-rooms', async () => {
    const { roomTypeId } = await instances.makeRooms(61);
    const answers = await arrive(
      inFlightMax,
      numbers(40).map((n) => buy(n, roomTypeId, 3)),
    );
    expect(tally(answers)).toEqual({ 201: 20, '409 not-enough-rooms': 20 });
    expect(new Set(roomsOf(answers)).size).toBe(60);
    for (const { status, body } of answers) {
      if (status === 409) expect(body).toMatchObject({ requested: 3, available: 1 });
    }
    await expectAuditExplainsTables(instances);
  });

  test('buyers while others release: no room twice at an instant, and a refusal only for want of rooms', async () => {
    const { roomTypeId } = await instances.makeRooms(20);
    const first = await arrive(
      inFlightMax,
      numbers(20).map((n) => buy(`first-${n}`, roomTypeId, 1)),
    );
    expect(tally(first)).toEqual({ 201: 20 });
    const stopSampler = await startSampler(instances.database);
    const answers = await arrive(
      inFlightMax,
      numbers(40).map((n) => {
        if (n % 4 < 2) return buy(`second-${n}`, roomTypeId, 1);
        const path = `/rooms/hold/${first[pairwise(n)]?.body.hold_id}`;
        return (instance: Instance) =>
          instances.call(instance)('DELETE', path, { token: instances.apps[0].as.admin });
      }),
    );
    expect((await stopSampler()).torn).toEqual([]);
    const { 200: released, 201: bought = 0, '409 not-enough-rooms': refused = 0, ...others } = tally(answers);
    expect([released, bought + refused, others]).toEqual([20, 20, {}]);
    expect(new Set(roomsOf(answers)).size).toBe(bought);
    for (const { status, body } of answers) if (status === 409) expect(body.available).toBe(0);
    // What nobody bought is free.
    const rest = await arrive(
      inFlightMax,
      numbers(refused + 1).map((n) => buy(`third-${n}`, roomTypeId, 1)),
    );
    expect(tally(rest)).toEqual({ ...(refused > 0 ? { 201: refused } : {}), '409 not-enough-rooms': 1 });
    await expectAuditExplainsTables(instances);
  });

  test('buyers by type against buyers by id: as many as there are rooms, so each by type gets one', async () => {
    const { roomTypeId, roomIds } = await instances.makeRooms(40);
    const answers = await arrive(
      inFlightMax,
      numbers(40).map((n) =>
        n % 4 < 2 ? buy(`any-${n}`, roomTypeId, 1) : buyOne(`one-${n}`, roomIds[pairwise(n)]),
      ),
    );
    const byType = answers.filter((_, n) => n % 4 < 2);
    expect(tally(byType)).toEqual({ 201: 20 });
    const { 201: bought = 0, '409 room-unavailable': refused = 0 } = tally(answers);
    expect(bought + refused).toBe(40);
    expect(new Set(roomsOf(answers)).size).toBe(bought);
    await expectAuditExplainsTables(instances);
  });

  test('buyers of rooms whose holds are over and that nobody has tidied, while workers pass: 30 × 201', async () => {
    const { roomTypeId } = await instances.makeRooms(30);
    const first = await arrive(
      inFlightMax,
      numbers(10).map((n) => buy(`over-${n}`, roomTypeId, 3)),
    );
    expect(tally(first)).toEqual({ 201: 10 });
    await instances.endHolds(first.map(({ body }) => ({ holdId: body.hold_id, inMs: -1 })));
    const workers = Promise.all([instances.sweep(0), instances.sweep(1)]);
    const answers = await arrive(
      inFlightMax,
      numbers(30).map((n) => buy(`next-${n}`, roomTypeId, 1)),
    );
    await workers;
    expect(tally(answers)).toEqual({ 201: 30 });
    expect(new Set(roomsOf(answers)).size).toBe(30);
    await expectAuditExplainsTables(instances);
  });
});

test('a buyer does not wait for a room that somebody else has locked while there is another', async () => {
  const { roomTypeId, roomIds } = await instances.makeRooms(2);
  const rooms = await holdUp(instances.database, roomIds.slice(0, 1));
  const answer = await buy('quick', roomTypeId, 1)(0);
  expect(roomsOf([answer])).toEqual(roomIds.slice(1));
  await rooms.letGo();
});

test.each([201, 409])('a buyer waits for a locked room when there is no other: %i', async (status) => {
  const { roomTypeId, roomIds } = await instances.makeRooms(1);
  const rooms = await holdUp(instances.database, roomIds);
  const asked = buy(`patient-${status}`, roomTypeId, 1)(0);
  await rooms.waiters(1);
  if (status === 409) {
    // As another instance would: the room goes while the buyer waits for it.
    const asker = { actor: 'admin', request_id: 'another instance' };
    await rooms.run('SELECT room_freeze($1)', { room_id: roomIds[0], freeze_reason: 'CLEANING', ...asker });
  }
  await rooms.letGo();
  expect((await asked).status).toBe(status);
  await expectAuditExplainsTables(instances);
});
