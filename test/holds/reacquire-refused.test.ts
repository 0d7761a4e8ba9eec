/** Owns the tests of where `reacquire` does not help: a room is not free, or the hold did not expire. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { roles, type TestApp } from '../helpers/app.ts';
import { changeRoom, freezeRoom, type Hold, placeHold, readRoom } from '../helpers/property.ts';
import { actionsOf, confirmHold, makeEndedHold, makeOverHold, readHold, startHoldApp } from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

const reacquire = (hold: Hold, fields: Record<string, unknown> = { booking_reference: 'B-1' }) =>
  confirmHold(server, hold, { reacquire: true, ...fields });

describe('410 hold-expired with conflicts when a room is not free, and nothing changes', () => {
  test.each([
    [
      'held by somebody else, until then',
      async (roomId: number) => {
        const other = await placeHold(server, [roomId], { token: roles.frontend2 });
        return { room_status: 'HELD', free_at: other.expires_at };
      },
    ],
    [
      'booked',
      async (roomId: number) => {
        await changeRoom(server, roomId, { room_status: 'BOOKED' });
        return { room_status: 'BOOKED', free_at: null };
      },
    ],
    [
      'frozen without an end',
      async (roomId: number) => {
        await freezeRoom(server, roomId);
        return { room_status: 'FROZEN', free_at: null };
      },
    ],
    [
      'frozen for a time, until then',
      async (roomId: number) => {
        const room = await freezeRoom(server, roomId, { expires_in_seconds: 600 });
        return { room_status: 'FROZEN', free_at: room.freeze_expires_at };
      },
    ],
    [
      'in maintenance',
      async (roomId: number) => {
        await changeRoom(server, roomId, { room_status: 'MAINTENANCE' });
        return { room_status: 'MAINTENANCE', free_at: null };
      },
    ],
  ])('%s', async (_how, take) => {
    const { hold, first, second } = await makeOverHold(server, 2);
    const taken = await take(second);
    const { room_no } = await readRoom(server, second);
    const before = await Promise.all([first, second].map((roomId) => readRoom(server, roomId)));
    const answer = await reacquire(hold);
    expect(answer).toMatchObject({ status: 410, body: { code: 'hold-expired' } });
    expect(answer.body.conflicts).toEqual([{ room_id: second, room_no, ...taken }]);
    expect(await Promise.all([first, second].map((roomId) => readRoom(server, roomId)))).toEqual(before);
    expect(await readHold(server, hold)).toEqual(hold);
    expect(await actionsOf(server, first)).toEqual(['CREATE', 'HOLD', 'EXPIRE']);
  });

  test('deleted: not free', async () => {
    const { hold, first, second } = await makeOverHold(server, 2);
    await server.call('DELETE', `/rooms/${first}`, { token: roles.admin });
    const answer = await reacquire(hold);
    expect(answer).toMatchObject({
      status: 410,
      body: { code: 'hold-expired', conflicts: [{ room_id: first, free_at: null }] },
    });
    expect(answer.body.conflicts).toHaveLength(1);
    expect(await readRoom(server, second)).toMatchObject({ room_status: 'AVAILABLE', fence: 1 });
    expect(await readHold(server, hold)).toEqual(hold);
  });

  test('several: all of them, in the order of their ids, never who holds them', async () => {
    const { hold, first, second } = await makeOverHold(server, 3);
    const other = await placeHold(server, [second, first], { token: roles.frontend2, reference: 'secret' });
    const answer = await reacquire(hold);
    expect(answer.body.conflicts).toMatchObject([{ room_id: first }, { room_id: second }]);
    expect(answer.text).not.toMatch(/frontend2|secret/);
    expect(answer.text).not.toContain(other.hold_id);
  });

  test('once the room is free again it is 200', async () => {
    const { hold, first } = await makeOverHold(server, 1);
    const other = await placeHold(server, [first], { token: roles.frontend2 });
    expect((await reacquire(hold)).status).toBe(410);
    await server.call('DELETE', `/rooms/hold/${other.hold_id}`, { token: roles.frontend2 });
    expect(await reacquire(hold)).toMatchObject({ status: 200, body: { rooms: [{ fence: 3 }] } });
  });
});

describe('only an expired hold is reacquired', () => {
  test.each([
    ['RELEASED', 409, 'hold-released'],
    ['REVOKED', 409, 'hold-revoked'],
  ] as const)('%s: %i %s', async (ending, status, code) => {
    const { hold, roomIds } = await makeEndedHold(server, ending);
    if (ending === 'REVOKED') {
      await server.call('DELETE', `/rooms/${roomIds[0]}/freeze`, { token: roles.admin });
    }
    expect(await reacquire(hold)).toMatchObject({ status, body: { code } });
    expect(await readHold(server, hold)).toEqual(hold);
    for (const roomId of roomIds) {
      expect(await readRoom(server, roomId)).toMatchObject({ room_status: 'AVAILABLE', fence: 1 });
    }
  });

  test('410 hold-expired without it, or when it is false', async () => {
    const { hold } = await makeOverHold(server, 1);
    expect((await reacquire(hold, { reacquire: false })).status).toBe(410);
    expect((await reacquire(hold, { reacquire: null })).status).toBe(410);
    expect((await confirmHold(server, hold)).status).toBe(410);
    expect(await readHold(server, hold)).toEqual(hold);
  });

  test('404 hold-not-found for somebody else’s expired hold', async () => {
    const { hold, first } = await makeOverHold(server, 1);
    const answer = await confirmHold(server, hold, { reacquire: true }, roles.frontend2);
    expect(answer).toMatchObject({ status: 404, body: { code: 'hold-not-found' } });
    expect(await readRoom(server, first)).toMatchObject({ room_status: 'AVAILABLE', fence: 1 });
  });
});
