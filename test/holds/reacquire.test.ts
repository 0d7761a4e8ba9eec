/** Owns the tests of confirming with `reacquire`: an expired hold whose rooms are all free is confirmed all the same. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { holdSchema } from '../../src/holds/schemas.ts';
import { roles, type TestApp } from '../helpers/app.ts';
import { lockRooms, untilBlocked } from '../helpers/connections.ts';
import { auditOf, bodyAs, type Hold, placeHold, readRoom, replayAudit } from '../helpers/property.ts';
import {
  actionsOf,
  confirmHold,
  expire,
  getHold,
  makeHold,
  makeOverHold,
  readHold,
  startHoldApp,
  sweep,
} from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

const dayMs = 24 * 3_600_000;
const reacquire = (hold: Hold, fields: Record<string, unknown> = { booking_reference: 'B-1' }) =>
  confirmHold(server, hold, { reacquire: true, ...fields });

describe('200 when all rooms are free', () => {
  test('the hold is CONFIRMED and reacquired, every room has a new fence', async () => {
    const { hold, rooms, endedAt: expiresAt } = await makeOverHold(server, 3);
    expect(hold.status).toBe('EXPIRED');
    const answer = await reacquire(hold);
    const { ended_at } = answer.body;
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      ...hold,
      status: 'CONFIRMED',
      rooms: rooms.map(({ room_id, room_no }) => ({ room_id, room_no, fence: 2 })),
      booking_reference: 'B-1',
      reacquired: true,
      ended_at,
    });
    expect(answer.body.expires_at).toBe(expiresAt);
    expect(Date.parse(ended_at)).toBeGreaterThan(Date.parse(expiresAt));
    expect((await getHold(server, hold)).body).toEqual(answer.body);
    for (const room of rooms) {
      expect(await readRoom(server, room.room_id)).toEqual({
        ...room,
        room_status: 'BOOKED',
        booking_reference: 'B-1',
        fence: 2,
        updated_at: ended_at,
      });
    }
  });

  test.each([
    ['EXPIRE is not yet written', false],
    ['EXPIRE is written already', true],
  ])('the audit shows EXPIRE, HOLD, CONFIRM when %s', async (_when, isTidied) => {
    const { hold, rooms, endedAt: expiresAt } = await makeOverHold(server, 2);
    if (isTidied) await sweep(server);
    const answer = await reacquire(hold);
    const request_id = answer.headers['x-request-id'];
    for (const room of rooms) {
      const entries = await auditOf(server.database, room);
      expect(entries.map(({ action }) => action)).toEqual(['CREATE', 'HOLD', 'EXPIRE', 'HOLD', 'CONFIRM']);
      expect(entries.slice(2)).toMatchObject([
        {
          actor: 'system',
          hold_id: hold.hold_id,
          request_id: null,
          new_value: {
            room_status: 'AVAILABLE',
            hold_id: null,
            hold_expires_at: null,
            updated_at: expiresAt,
          },
        },
        {
          actor: 'frontend',
          hold_id: hold.hold_id,
          request_id,
          old_value: { room_status: 'AVAILABLE', hold_id: null, hold_expires_at: null, fence: 1 },
          new_value: {
            room_status: 'HELD',
            hold_id: hold.hold_id,
            fence: 2,
            holder: 'frontend',
            created_by: 'frontend',
            reference: null,
          },
        },
        {
          actor: 'frontend',
          hold_id: hold.hold_id,
          request_id,
          old_value: { room_status: 'HELD', hold_id: hold.hold_id },
          new_value: { room_status: 'BOOKED', hold_id: null, booking_reference: 'B-1' },
        },
      ]);
    }
    await replayAudit(server.database);
  });

  test('without a booking_reference', async () => {
    const { hold, first } = await makeOverHold(server, 1);
    const answer = await reacquire(hold, {});
    expect(answer).toMatchObject({ status: 200, body: { reacquired: true, booking_reference: null } });
    expect(await readRoom(server, first)).toMatchObject({ room_status: 'BOOKED', booking_reference: null });
  });

  test('the fence is above every one that others had in between', async () => {
    const { hold, first, second } = await makeOverHold(server, 2);
    for (const _ of [1, 2, 3]) {
      const other = await placeHold(server, [first], { token: roles.frontend2 });
      bodyAs(
        holdSchema,
        await server.call('DELETE', `/rooms/hold/${other.hold_id}`, { token: roles.frontend2 }),
      );
    }
    expect(bodyAs(holdSchema, await reacquire(hold)).rooms).toMatchObject([
      { room_id: first, fence: 5 },
      { room_id: second, fence: 2 },
    ]);
  });

  test('a room whose other hold is over by now is free, tidied or not', async () => {
    const { hold, first } = await makeOverHold(server, 2);
    const other = await placeHold(server, [first], { token: roles.frontend2 });
    const otherEndedAt = await expire(server, other);
    expect(await reacquire(hold)).toMatchObject({ status: 200, body: { reacquired: true } });
    expect(await readHold(server, other)).toMatchObject({ status: 'EXPIRED', ended_at: otherEndedAt });
    expect(await actionsOf(server, first)).toEqual([
      'CREATE',
      'HOLD',
      'EXPIRE',
      'HOLD',
      'EXPIRE',
      'HOLD',
      'CONFIRM',
    ]);
  });

  test('by an admin, in the name of whose hold it is', async () => {
    const { hold, first } = await makeOverHold(server, 1);
    const answer = await confirmHold(server, hold, { reacquire: true }, roles.admin);
    expect(answer).toMatchObject({
      status: 200,
      body: { created_by: 'frontend', holder: 'frontend', reacquired: true },
    });
    const entries = await auditOf(server.database, first);
    expect(entries.slice(-2)).toMatchObject([
      { action: 'HOLD', actor: 'admin', new_value: { created_by: 'frontend' } },
      { action: 'CONFIRM', actor: 'admin' },
    ]);
  });

  test('at two at once on the same room: one 200, one 410, one booking', async () => {
    const { hold, first } = await makeOverHold(server, 1);
    const other = await placeHold(server, [first], { token: roles.frontend2 });
    await expire(server, other);
    const answers = await Promise.all([
      reacquire(hold, { booking_reference: 'A' }),
      confirmHold(server, other, { reacquire: true, booking_reference: 'B' }, roles.frontend2),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410]);
    const winner = answers.find(({ status }) => status === 200);
    expect(await readRoom(server, first)).toMatchObject({
      room_status: 'BOOKED',
      booking_reference: winner?.body.booking_reference,
      fence: 3,
    });
    expect((await actionsOf(server, first)).filter((action) => action === 'CONFIRM')).toHaveLength(1);
  });

  test('at a moment when the hold expires while the request waits for its room', async () => {
    const { hold, rooms } = await makeHold(server, 1);
    const roomId = rooms[0]?.room_id ?? 0;
    const expiresAt = await expire(server, hold, -1_000);
    const rival = await lockRooms(server.database.url, roomId);
    const answer = reacquire(hold);
    await untilBlocked(rival, server.database);
    await rival.query('SELECT pg_sleep(extract(epoch FROM $1::timestamptz - clock_timestamp()))', [
      expiresAt,
    ]);
    await rival.query('COMMIT');
    expect(await answer).toMatchObject({ status: 200, body: { reacquired: true, rooms: [{ fence: 2 }] } });
    expect(await actionsOf(server, roomId)).toEqual(['CREATE', 'HOLD', 'EXPIRE', 'HOLD', 'CONFIRM']);
  });
});

describe('repeat-safe', () => {
  test.each([
    ['with reacquire', { booking_reference: 'B-1', reacquire: true }],
    ['without it', { booking_reference: 'B-1' }],
  ])('200, the same hold, with the same reference again %s', async (_how, body) => {
    const { hold, first } = await makeOverHold(server, 2);
    const confirmed = await reacquire(hold);
    const again = await confirmHold(server, hold, body);
    expect(again.status).toBe(200);
    expect(again.body).toEqual(confirmed.body);
    expect(await readRoom(server, first)).toMatchObject({ fence: 2 });
    expect(await actionsOf(server, first)).toEqual(['CREATE', 'HOLD', 'EXPIRE', 'HOLD', 'CONFIRM']);
  });

  test('409 hold-confirmed with another reference', async () => {
    const { hold } = await makeOverHold(server, 1);
    await reacquire(hold);
    expect(await reacquire(hold, { booking_reference: 'B-2' })).toMatchObject({
      status: 409,
      body: { code: 'hold-confirmed' },
    });
  });

  test('at once, several times: all 200, every room has one new fence', async () => {
    const { hold, first } = await makeOverHold(server, 1);
    const answers = await Promise.all([1, 2, 3].map(() => reacquire(hold)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await readRoom(server, first)).toMatchObject({ fence: 2 });
    expect(await actionsOf(server, first)).toEqual(['CREATE', 'HOLD', 'EXPIRE', 'HOLD', 'CONFIRM']);
  });
});

describe('how long', () => {
  test('200 until 24 h after expires_at', async () => {
    const { hold } = await makeOverHold(server, 1, dayMs - 60_000);
    expect(await reacquire(hold)).toMatchObject({ status: 200, body: { reacquired: true } });
  });

  test('410 hold-expired later than that, although its rooms are free', async () => {
    const { hold, first } = await makeOverHold(server, 1, dayMs + 1_000);
    expect(await reacquire(hold)).toMatchObject({ status: 410, body: { code: 'hold-expired' } });
    expect(await readRoom(server, first)).toMatchObject({ room_status: 'AVAILABLE', fence: 1 });
    expect(await actionsOf(server, first)).toEqual(['CREATE', 'HOLD', 'EXPIRE']);
  });

  test('200 for one reacquired within 24 h and confirmed again later', async () => {
    const { hold } = await makeOverHold(server, 1);
    const confirmed = await reacquire(hold);
    await server.database.query(
      `UPDATE hold SET created_at = created_at - interval '25 h', expires_at = expires_at - interval '25 h'
       WHERE hold_id = $1`,
      [hold.hold_id],
    );
    expect(await reacquire(hold)).toMatchObject({
      status: 200,
      body: { status: 'CONFIRMED', ended_at: confirmed.body.ended_at },
    });
  });
});
