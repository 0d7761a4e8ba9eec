/** Owns the tests of what each verb does with a hold or timed freeze that is over and that nobody has tidied. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { roles, type TestApp } from '../helpers/app.ts';
import { connect, untilBlocked } from '../helpers/connections.ts';
import {
  auditOf,
  changeRoom,
  expireFreeze,
  freezeRoom,
  type Hold,
  makeRoom,
  readRoom,
} from '../helpers/property.ts';
import { goodClaims, hmacToken } from '../helpers/tokens.ts';
import {
  actionsOf,
  confirmHold,
  databaseNowMs,
  expire,
  extendHold,
  makeHold,
  makeOverHold,
  place,
  readHold,
  releaseHold,
  startHoldApp,
} from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

describe('over for every verb, although nobody has tidied it', () => {
  /** The hold ended, once, for all its rooms. */
  async function expectEnded(hold: Hold, roomIds: readonly number[]) {
    const [row] = await server.database.query('SELECT status FROM hold WHERE hold_id = $1', [hold.hold_id]);
    expect(row).toEqual({ status: 'EXPIRED' });
    for (const roomId of roomIds) {
      expect((await actionsOf(server, roomId)).filter((action) => action === 'EXPIRE')).toHaveLength(1);
    }
  }

  test('hold: 201 with higher fences', async () => {
    const { hold, roomIds } = await makeOverHold(server, 2);
    const answer = await place(server, roomIds);
    expect(answer).toMatchObject({ status: 201, body: { rooms: [{ fence: 2 }, { fence: 2 }] } });
    await expectEnded(hold, roomIds);
  });

  test('hold by type: 201', async () => {
    const { hold, rooms, roomIds } = await makeOverHold(server, 2);
    const answer = await server.call('POST', '/rooms/hold', {
      token: roles.frontend2,
      body: { room_type_id: rooms[0]?.room_type_id, quantity: 2 },
    });
    expect(answer.status).toBe(201);
    await expectEnded(hold, roomIds);
  });

  test('extend: 410', async () => {
    const { hold, roomIds } = await makeOverHold(server, 2);
    expect((await extendHold(server, hold, { ttl_seconds: 60 })).status).toBe(410);
    await expectEnded(hold, roomIds);
  });

  test('confirm: 410', async () => {
    const { hold, roomIds } = await makeOverHold(server, 2);
    expect((await confirmHold(server, hold)).status).toBe(410);
    await expectEnded(hold, roomIds);
  });

  test('release: 200, EXPIRED', async () => {
    const { hold, roomIds } = await makeOverHold(server, 2);
    expect(await releaseHold(server, hold)).toMatchObject({ status: 200, body: { status: 'EXPIRED' } });
    await expectEnded(hold, roomIds);
  });

  test('freeze: 200 without supersede_hold, and with it nothing is revoked', async () => {
    for (const body of [{}, { supersede_hold: true }]) {
      const { hold, roomIds, first } = await makeOverHold(server, 2);
      expect(await freezeRoom(server, first, body)).toMatchObject({ room_status: 'FROZEN' });
      expect(await actionsOf(server, first)).toEqual(['CREATE', 'HOLD', 'EXPIRE', 'FREEZE']);
      await expectEnded(hold, roomIds);
    }
  });

  test('unfreeze: 409 room-not-frozen, AVAILABLE', async () => {
    const { first } = await makeOverHold(server, 1);
    expect(await server.call('DELETE', `/rooms/${first}/freeze`, { token: roles.admin })).toMatchObject({
      status: 409,
      body: { code: 'room-not-frozen', room_status: 'AVAILABLE' },
    });
  });

  test('change of status: 200', async () => {
    const { hold, roomIds, first } = await makeOverHold(server, 2);
    expect(await changeRoom(server, first, { room_status: 'BOOKED' })).toMatchObject({
      room_status: 'BOOKED',
    });
    await expectEnded(hold, roomIds);
  });

  test('delete: 204', async () => {
    const { hold, roomIds, first } = await makeOverHold(server, 2);
    expect((await server.call('DELETE', `/rooms/${first}`, { token: roles.admin })).status).toBe(204);
    await expectEnded(hold, roomIds);
  });

  test('the limit of active holds does not count it', async () => {
    const strict = await startHoldApp({ database: server.database, env: { HOLDS_ACTIVE_MAX: '1' } });
    onTestFinished(() => strict.close());
    const token = hmacToken(goodClaims({ sub: 'limited', scopes: ['ROOM_HOLD:WRITE'] }));
    const { hold } = await makeHold(strict, 1, { token });
    const room = await makeRoom(server);
    const again = () => strict.call('POST', '/rooms/hold', { token, body: { room_ids: [room.room_id] } });
    expect((await again()).status).toBe(429);
    await expire(server, hold);
    expect((await again()).status).toBe(201);
  });

  test('a timed freeze that is over: hold 201, unfreeze 409, change 200, each with one UNFREEZE of the system', async () => {
    const verbs = [
      (roomId: number) => place(server, [roomId]),
      (roomId: number) => server.call('DELETE', `/rooms/${roomId}/freeze`, { token: roles.admin }),
      (roomId: number) =>
        server.call('PATCH', `/rooms/${roomId}`, {
          token: roles.admin,
          body: { room_status: 'MAINTENANCE' },
        }),
    ];
    const statuses: number[] = [];
    for (const verb of verbs) {
      const { room_id } = await makeRoom(server);
      await freezeRoom(server, room_id, { expires_in_seconds: 60 });
      const endedAt = await expireFreeze(server.database, room_id);
      expect(await readRoom(server, room_id)).toMatchObject({
        room_status: 'AVAILABLE',
        updated_at: endedAt,
      });
      statuses.push((await verb(room_id)).status);
      const unfreezes = (await auditOf(server.database, room_id)).filter((row) => row.action === 'UNFREEZE');
      expect(unfreezes).toMatchObject([{ actor: 'system', request_id: null, hold_id: null }]);
    }
    expect(statuses).toEqual([201, 409, 200]);
  });
});

test('a hold that ends while a command waits for another hold is ended by it, beside a freeze that is over', async () => {
  const { roomIds, hold: over } = await makeOverHold(server, 2);
  const frozen = await makeRoom(server);
  await freezeRoom(server, frozen.room_id, { expires_in_seconds: 60 });
  await expireFreeze(server.database, frozen.room_id);
  const { hold: ending, rooms } = await makeHold(server, 1);
  const room = rooms[0]?.room_id ?? 0;
  const endsAt = await expire(server, ending, -2_000);

  const rival = await connect(server.database.url);
  await rival.query('BEGIN');
  await rival.query('SELECT FROM hold WHERE hold_id = $1 FOR NO KEY UPDATE', [over.hold_id]);
  const answer = place(server, [frozen.room_id, roomIds[0] ?? 0, room]);
  await untilBlocked(rival, server.database);
  expect(await databaseNowMs(server)).toBeLessThan(Date.parse(endsAt));
  await rival.query('SELECT pg_sleep(extract(epoch FROM $1::timestamptz - clock_timestamp()))', [endsAt]);
  await rival.query('COMMIT');

  expect((await answer).status).toBe(201);
  expect(await readHold(server, ending)).toMatchObject({ status: 'EXPIRED', ended_at: endsAt });
  expect(await actionsOf(server, room)).toEqual(['CREATE', 'HOLD', 'EXPIRE', 'HOLD']);
});
