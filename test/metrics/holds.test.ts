/** Owns the proof of what is counted of holds and freezes: what happened through this instance, each thing once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApp } from '../helpers/app.ts';
import {
  expireFreeze,
  expireHold,
  freezeRoom,
  makeRoom,
  makeRooms,
  placeHold,
  readRoom,
} from '../helpers/property.ts';
import { scrape, watchMetrics } from '../helpers/scrape.ts';
import {
  confirmHold,
  extendHold,
  makeHold,
  makeOverHold,
  place,
  releaseHold,
  startHoldApp,
} from '../holds/verbs.ts';
import { startWorker } from '../holds/worker.ts';

let server: TestApp;
let other: TestApp;
beforeAll(async () => {
  server = await startHoldApp();
  other = await startHoldApp({ database: server.database });
});
afterAll(async () => {
  await other.close();
  await server.close();
});

const ids = async (count: number) => (await makeRooms(server, count)).map(({ room_id }) => room_id);
const key = { 'idempotency-key': 'metrics' };

describe('placing', () => {
  test('counts a hold once, whatever its rooms, and a replay apart', async () => {
    const room_ids = await ids(3);
    const moved = await watchMetrics(server);
    for (let n = 0; n < 3; n += 1) {
      const options = { token: server.as.frontend, body: { room_ids }, headers: key };
      expect(await server.call('POST', '/rooms/hold', options)).toMatchObject({ status: 201 });
    }
    expect(await moved('holdfast_holds_placed_total')).toBe(1);
    expect(await moved('holdfast_holds_replayed_total')).toBe(2);
    expect(await moved('holdfast_command_refusals_total')).toBe(0);
  });

  test('counts a refusal by its problem', async () => {
    const { hold } = await makeHold(server, 1);
    const moved = await watchMetrics(server);
    await place(server, [hold.rooms[0]?.room_id ?? 0]);
    await place(server, [2_000_000_000]);
    const command = 'hold_place';
    expect(await moved('holdfast_command_refusals_total', { command, code: 'room-unavailable' })).toBe(1);
    expect(await moved('holdfast_command_refusals_total', { command, code: 'room-not-found' })).toBe(1);
    expect(await moved('holdfast_holds_placed_total')).toBe(0);
    expect(await moved('holdfast_http_problems_total', { code: 'room-unavailable' })).toBe(1);
  });
});

describe('what becomes of a hold', () => {
  test('extensions, confirmations and releases count, repetitions of the last two do not', async () => {
    const { hold: confirmed } = await makeHold(server, 2);
    const { hold: released } = await makeHold(server, 2);
    const moved = await watchMetrics(server);
    for (let n = 0; n < 2; n += 1) {
      expect(await extendHold(server, confirmed, { ttl_seconds: 100 + n })).toMatchObject({ status: 200 });
    }
    for (let n = 0; n < 3; n += 1) {
      expect(await confirmHold(server, confirmed)).toMatchObject({ status: 200 });
      expect(await releaseHold(server, released)).toMatchObject({ status: 200 });
    }
    expect(await moved('holdfast_holds_extended_total')).toBe(2);
    expect(await moved('holdfast_holds_confirmed_total')).toBe(1);
    expect(await moved('holdfast_holds_released_total')).toBe(1);
    expect(await moved('holdfast_holds_revoked_total')).toBe(0);
  });

  test('a superseding freeze revokes one hold and freezes one room', async () => {
    const { rooms } = await makeHold(server, 3);
    const [room_id = 0] = rooms.map((room) => room.room_id);
    const moved = await watchMetrics(server);
    await freezeRoom(server, room_id, { supersede_hold: true });
    await server.call('DELETE', `/rooms/${room_id}/freeze`, { token: server.as.admin });
    expect(await moved('holdfast_holds_revoked_total')).toBe(1);
    expect(await moved('holdfast_rooms_frozen_total')).toBe(1);
    expect(await moved('holdfast_rooms_unfrozen_total')).toBe(1);
    expect(await moved('holdfast_holds_released_total')).toBe(0);
  });

  test('a hold that a command finds to be over counts as found by a command, with the new one', async () => {
    const { roomIds } = await makeOverHold(server, 2);
    const moved = await watchMetrics(server);
    expect(await place(server, roomIds.slice(0, 1))).toMatchObject({ status: 201 });
    expect(await moved('holdfast_holds_expired_total', { found_by: 'command' })).toBe(1);
    expect(await moved('holdfast_holds_expired_total', { found_by: 'sweep' })).toBe(0);
    expect(await moved('holdfast_holds_placed_total')).toBe(1);
  });

  test('an expired hold that is confirmed all the same counts as expired and as confirmed', async () => {
    const { hold } = await makeOverHold(server);
    const moved = await watchMetrics(server);
    expect(await confirmHold(server, hold, { reacquire: true })).toMatchObject({ status: 200 });
    expect(await moved('holdfast_holds_expired_total', { found_by: 'command' })).toBe(1);
    expect(await moved('holdfast_holds_confirmed_total')).toBe(1);
  });

  test('many in one batch are counted each', async () => {
    const roomIds = await ids(30);
    const holds = [];
    for (const roomId of roomIds) holds.push(await placeHold(server, [roomId]));
    for (const hold of holds.slice(0, 10)) await expireHold(server, hold.hold_id);
    const moved = await watchMetrics(server);
    await Promise.all(holds.map((hold) => releaseHold(server, hold)));
    expect(await moved('holdfast_holds_released_total')).toBe(20);
    expect(await moved('holdfast_holds_expired_total', { found_by: 'command' })).toBe(10);
  });
});

test('a timed freeze that a command finds to be over counts; what ends with its hold does not', async () => {
  const { room_id } = await makeRoom(server);
  await freezeRoom(server, room_id, { expires_in_seconds: 60 });
  await expireFreeze(server, room_id);
  const { roomIds } = await makeOverHold(server, 2);
  const moved = await watchMetrics(server);
  expect(await place(server, [room_id, ...roomIds])).toMatchObject({ status: 201 });
  expect(await moved('holdfast_freezes_ended_total', { found_by: 'command' })).toBe(1);
  expect(await moved('holdfast_holds_expired_total', { found_by: 'command' })).toBe(1);
});

test('what the worker of one instance ends counts there, and nowhere else', async () => {
  const { hold } = await makeHold(server, 2);
  const { room_id } = await makeRoom(server);
  await freezeRoom(server, room_id, { expires_in_seconds: 60 });
  await expireFreeze(server, room_id);
  await expireHold(server, hold.hold_id, 5_000);
  expect((await scrape(server)).value('holdfast_overdue_seconds')).toBeGreaterThan(4);
  const [here, there] = [await watchMetrics(server), await watchMetrics(other)];
  const { worker } = startWorker(server);
  await worker.stop();
  expect(await here('holdfast_holds_expired_total', { found_by: 'sweep' })).toBe(1);
  expect(await here('holdfast_freezes_ended_total', { found_by: 'sweep' })).toBe(1);
  expect(await here('holdfast_sweeps_total', { result: 'done' })).toBe(1);
  expect(await here('holdfast_sweep_duration_seconds_count')).toBe(1);
  expect(await here('holdfast_holds_expired_total', { found_by: 'command' })).toBe(0);
  const said = await scrape(server);
  expect(said.value('holdfast_sweep_last_done_timestamp_seconds')).toBeGreaterThan(Date.now() / 1000 - 60);
  expect(said.value('holdfast_overdue_seconds')).toBe(0);
  expect(await readRoom(other, room_id)).toMatchObject({ room_status: 'AVAILABLE' });
  expect(await there('holdfast_holds_expired_total')).toBe(0);
  expect(await there('holdfast_freezes_ended_total')).toBe(0);
});
