/** Owns the tests of POST /rooms/hold/{hold_id}/confirm, but for `reacquire`, which has a file of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApp } from '../helpers/app.ts';
import { auditOf, placeHold, readRoom, replayAudit } from '../helpers/property.ts';
import { testOwnership } from './ownership.ts';
import {
  confirmHold,
  endings,
  getHold,
  makeEndedHold,
  makeHold,
  pathOf,
  readHold,
  startHoldApp,
  timed,
} from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

const longReference = '🛏'.repeat(200);

describe('200', () => {
  test('the hold is CONFIRMED, its rooms are BOOKED with the reference, fences stay', async () => {
    const { hold, rooms } = await makeHold(server, 3, { reference: 'cart 7' });
    const { answer, fromMs, toMs } = await timed(server, () =>
      confirmHold(server, hold, { booking_reference: 'B-7' }),
    );
    const { ended_at } = answer.body;
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toEqual({
      ...hold,
      status: 'CONFIRMED',
      booking_reference: 'B-7',
      expires_in_seconds: 0,
      reacquired: false,
      ended_at,
    });
    expect(Date.parse(ended_at)).toBeGreaterThanOrEqual(fromMs);
    expect(Date.parse(ended_at)).toBeLessThanOrEqual(toMs);
    expect((await getHold(server, hold)).body).toEqual(answer.body);
    for (const room of rooms) {
      expect(await readRoom(server, room.room_id)).toEqual({
        ...room,
        room_status: 'BOOKED',
        booking_reference: 'B-7',
        fence: 1,
        updated_at: ended_at,
      });
    }
  });

  test.each([
    ['no body', undefined, null],
    ['an empty object', {}, null],
    ['null', { booking_reference: null, reacquire: null }, null],
    ['an empty text, which is a reference', { booking_reference: '' }, ''],
    ['a text with blanks around it, kept to the byte', { booking_reference: ' B\t7 ' }, ' B\t7 '],
    ['200 characters beyond the basic plane', { booking_reference: longReference }, longReference],
    ['reacquire, which an active hold does not need', { reacquire: true }, null],
  ])('takes %s', async (_what, body, reference) => {
    const { hold, rooms } = await makeHold(server, 1);
    expect(await confirmHold(server, hold, body)).toMatchObject({
      status: 200,
      body: { status: 'CONFIRMED', booking_reference: reference, reacquired: false },
    });
    expect(await readRoom(server, rooms[0]?.room_id ?? 0)).toMatchObject({
      room_status: 'BOOKED',
      booking_reference: reference,
      fence: 1,
    });
  });

  test('one CONFIRM row per room, with what was and what is', async () => {
    const { hold, rooms } = await makeHold(server);
    const answer = await confirmHold(server, hold, { booking_reference: 'B-7' });
    for (const room of rooms) {
      const entries = await auditOf(server.database, room);
      expect(entries.map(({ action }) => action)).toEqual(['CREATE', 'HOLD', 'CONFIRM']);
      expect(entries.at(-1)).toEqual({
        audit_id: expect.any(Number),
        at: answer.body.ended_at,
        entity: 'room',
        entity_id: String(room.room_id),
        action: 'CONFIRM',
        old_value: {
          room_status: 'HELD',
          hold_id: hold.hold_id,
          hold_expires_at: hold.expires_at,
          booking_reference: null,
        },
        new_value: {
          room_status: 'BOOKED',
          hold_id: null,
          hold_expires_at: null,
          booking_reference: 'B-7',
          updated_at: answer.body.ended_at,
        },
        actor: 'frontend',
        hold_id: hold.hold_id,
        request_id: answer.headers['x-request-id'],
      });
    }
  });

  test('the audit trail replayed from empty gives the rooms as they are', async () => {
    const { hold } = await makeHold(server, 2);
    await confirmHold(server, hold);
    const { hold: referenced } = await makeHold(server, 2);
    await confirmHold(server, referenced, { booking_reference: 'B-8' });
    const fresh = await makeHold(server, 1);
    await confirmHold(server, fresh.hold, { booking_reference: '' });
    await replayAudit(server.database);
  });

  test('a confirmed room is nobody’s to hold', async () => {
    const { hold, rooms } = await makeHold(server, 1);
    await confirmHold(server, hold);
    const room_ids = [rooms[0]?.room_id];
    const answer = await server.call('POST', '/rooms/hold', {
      token: server.as.frontend2,
      body: { room_ids },
    });
    expect(answer).toMatchObject({
      status: 409,
      body: { code: 'room-unavailable', conflicts: [{ room_status: 'BOOKED', free_at: null }] },
    });
  });
});

describe('confirmed before', () => {
  test.each([
    ['the same booking_reference', { booking_reference: 'B-1' }, { booking_reference: 'B-1' }],
    ['none, and none again', undefined, {}],
    ['none, and null', {}, { booking_reference: null }],
    ['the same, with reacquire', { booking_reference: 'B-1' }, { booking_reference: 'B-1', reacquire: true }],
  ])('200, the same hold, with %s; nothing is written', async (_what, first, again) => {
    const { hold, rooms } = await makeHold(server);
    const confirmed = await confirmHold(server, hold, first);
    for (const _ of [1, 2]) {
      const answer = await confirmHold(server, hold, again);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual(confirmed.body);
    }
    for (const room of rooms) {
      const actions = (await auditOf(server.database, room)).map(({ action }) => action);
      expect(actions).toEqual(['CREATE', 'HOLD', 'CONFIRM']);
    }
  });

  test.each([
    ['another booking_reference', { booking_reference: 'B-1' }, { booking_reference: 'B-2' }],
    ['one of another case', { booking_reference: 'B-1' }, { booking_reference: 'b-1' }],
    ['none instead of one', { booking_reference: 'B-1' }, {}],
    ['one instead of none', {}, { booking_reference: 'B-1' }],
    ['an empty one instead of none', {}, { booking_reference: '' }],
    ['another, with reacquire', { booking_reference: 'B-1' }, { booking_reference: 'B-2', reacquire: true }],
  ])('409 hold-confirmed with %s; nothing is written', async (_what, first, again) => {
    const { hold, rooms } = await makeHold(server, 1);
    await confirmHold(server, hold, first);
    const before = await readHold(server, hold);
    expect(await confirmHold(server, hold, again)).toMatchObject({
      status: 409,
      body: { code: 'hold-confirmed' },
    });
    expect(await readHold(server, hold)).toEqual(before);
    const actions = (await auditOf(server.database, rooms[0]?.room_id ?? 0)).map(({ action }) => action);
    expect(actions).toEqual(['CREATE', 'HOLD', 'CONFIRM']);
  });

  test('200 also after the guest has checked out and the room is somebody else’s: it stays theirs', async () => {
    const { hold, rooms } = await makeHold(server, 1);
    const roomId = rooms[0]?.room_id ?? 0;
    const confirmed = await confirmHold(server, hold, { booking_reference: 'B-1' });
    await server.call('PATCH', `/rooms/${roomId}`, {
      token: server.as.admin,
      body: { room_status: 'AVAILABLE' },
    });
    const next = await placeHold(server, [roomId]);
    const again = await confirmHold(server, hold, { booking_reference: 'B-1' });
    expect(again.body).toEqual(confirmed.body);
    expect(await readRoom(server, roomId)).toMatchObject({ room_status: 'HELD', hold_id: next.hold_id });
  });

  test('two confirmations at once with one reference: both 200, one CONFIRM row', async () => {
    const { hold, rooms } = await makeHold(server, 1);
    const answers = await Promise.all(
      [1, 2, 3].map(() => confirmHold(server, hold, { booking_reference: 'B-1' })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const actions = (await auditOf(server.database, rooms[0]?.room_id ?? 0)).map(({ action }) => action);
    expect(actions).toEqual(['CREATE', 'HOLD', 'CONFIRM']);
  });

  test('two confirmations at once with two references: one 200, one 409 hold-confirmed', async () => {
    const { hold, rooms } = await makeHold(server, 1);
    const answers = await Promise.all(
      ['B-1', 'B-2'].map((booking_reference) => confirmHold(server, hold, { booking_reference })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const winner = answers.find(({ status }) => status === 200);
    expect(await readRoom(server, rooms[0]?.room_id ?? 0)).toMatchObject({
      booking_reference: winner?.body.booking_reference,
    });
  });
});

describe('an ended hold', () => {
  const refusals = {
    RELEASED: [409, 'hold-released'],
    EXPIRED: [410, 'hold-expired'],
    'EXPIRED and tidied': [410, 'hold-expired'],
    REVOKED: [409, 'hold-revoked'],
  } as const;

  test.each(
    endings.flatMap((ending) => (ending === 'CONFIRMED' ? [] : [[...refusals[ending], ending] as const])),
  )('%i %s when it is %s, and nothing changes', async (status, code, ending) => {
    const { hold, roomIds } = await makeEndedHold(server, ending);
    const rooms = await Promise.all(roomIds.map((roomId) => readRoom(server, roomId)));
    const answer = await confirmHold(server, hold, { booking_reference: 'late' });
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.body).not.toHaveProperty('conflicts');
    expect(await readHold(server, hold)).toEqual(hold);
    expect(await Promise.all(roomIds.map((roomId) => readRoom(server, roomId)))).toEqual(rooms);
    for (const roomId of roomIds) {
      const actions = (await auditOf(server.database, roomId)).map(({ action }) => action);
      expect(actions).not.toContain('CONFIRM');
    }
  });
});

describe('400 request-invalid', () => {
  test.each([
    ['a booking_reference that is too long', { booking_reference: `${longReference}x` }],
    ['a booking_reference that is a number', { booking_reference: 7 }],
    ['a booking_reference with a NUL', { booking_reference: 'a\0b' }],
    ['a booking_reference with a lone surrogate', { booking_reference: 'a\ud800b' }],
    ['a reacquire that is text', { reacquire: 'true' }],
    ['an unknown field', { reference: 'B-1' }],
    ['a list', ['B-1']],
  ])('with %s', async (_what, body) => {
    const { hold } = await makeHold(server, 1);
    const answer = await server.call('POST', `${pathOf(hold)}/confirm`, {
      token: server.as.frontend,
      body,
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
    expect(await readHold(server, hold)).toEqual(hold);
  });
});

testOwnership(() => server, { method: 'POST', suffix: '/confirm', action: 'CONFIRM' });
