/** Owns unfreezing a room: what it goes back to, who may, and what the audit tells of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  auditOf,
  expireFreeze,
  freezeRoom,
  makeRoom,
  makeRoomIn,
  placeHold,
  readRoom,
  replayAudit,
} from '../helpers/property.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

const unfreeze = (roomId: number | string, token: string | undefined = server.as.admin) =>
  server.call('DELETE', `/rooms/${roomId}/freeze`, token === undefined ? {} : { token });

test.each(['AVAILABLE', 'MAINTENANCE'] as const)(
  '200 for a room frozen from %s: it is that again, reason NONE, note and expiry null, one UNFREEZE row tells',
  async (status) => {
    const before = await makeRoomIn(server, status, { floor: 'roof' });
    const frozen = await freezeRoom(server, before.room_id, {
      freeze_reason: 'CLEANING',
      freeze_note: 'windows',
      expires_in_seconds: 600,
    });
    const { length } = await auditOf(server.database, before);
    const answer = await unfreeze(before.room_id);
    expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'private, no-cache' } });
    const { updated_at } = answer.body;
    expect(answer.body).toEqual({ ...before, updated_at });
    expect(updated_at >= frozen.updated_at).toBe(true);
    expect(await readRoom(server, before.room_id)).toEqual(answer.body);
    expect((await auditOf(server.database, before)).slice(length)).toEqual([
      {
        audit_id: expect.any(Number),
        at: updated_at,
        entity: 'room',
        entity_id: String(before.room_id),
        action: 'UNFREEZE',
        old_value: {
          room_status: 'FROZEN',
          freeze_reason: 'CLEANING',
          freeze_note: 'windows',
          freeze_expires_at: frozen.freeze_expires_at,
        },
        new_value: {
          room_status: status,
          freeze_reason: 'NONE',
          freeze_note: null,
          freeze_expires_at: null,
          updated_at,
        },
        actor: 'admin',
        hold_id: null,
        request_id: answer.headers['x-request-id'],
      },
    ]);
  },
);

test('a room that went from MAINTENANCE to AVAILABLE before it was frozen is AVAILABLE again', async () => {
  const { room_id } = await makeRoomIn(server, 'MAINTENANCE');
  await freezeRoom(server, room_id);
  await unfreeze(room_id);
  await server.call('PATCH', `/rooms/${room_id}`, {
    token: server.as.admin,
    body: { room_status: 'AVAILABLE' },
  });
  await freezeRoom(server, room_id);
  expect(await unfreeze(room_id)).toMatchObject({ status: 200, body: { room_status: 'AVAILABLE' } });
});

test('an unfrozen room can be held', async () => {
  const { room_id } = await makeRoomIn(server, 'FROZEN');
  await unfreeze(room_id);
  expect((await placeHold(server, [room_id])).rooms).toMatchObject([{ room_id, fence: 1 }]);
});

test('200 with an empty body, whatever its Content-Type says', async () => {
  const { room_id } = await makeRoomIn(server, 'FROZEN');
  const answer = await server.call('DELETE', `/rooms/${room_id}/freeze`, {
    token: server.as.admin,
    body: '',
    headers: { 'content-type': 'text/html' },
  });
  expect(answer).toMatchObject({ status: 200, body: { room_status: 'AVAILABLE' } });
});

test('400 request-invalid for a field in the body: nothing is unfrozen', async () => {
  const { room_id } = await makeRoomIn(server, 'FROZEN');
  const answer = await server.call('DELETE', `/rooms/${room_id}/freeze`, {
    token: server.as.admin,
    body: { freeze_reason: 'CLEANING' },
  });
  expect(answer).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
  expect(await readRoom(server, room_id)).toMatchObject({ room_status: 'FROZEN' });
});

test.each(['AVAILABLE', 'MAINTENANCE', 'BOOKED', 'HELD'] as const)(
  '409 room-not-frozen with room_status for a room that is %s: nothing changed, no audit row',
  async (status) => {
    const room = await makeRoomIn(server, status);
    const { length } = await auditOf(server.database, room);
    expect(await unfreeze(room.room_id)).toMatchObject({
      status: 409,
      body: { code: 'room-not-frozen', room_status: status },
    });
    expect(await readRoom(server, room.room_id)).toEqual(room);
    expect(await auditOf(server.database, room)).toHaveLength(length);
  },
);

test('409 room-not-frozen for a room that was unfrozen a moment ago', async () => {
  const { room_id } = await makeRoomIn(server, 'FROZEN');
  const answers = await Promise.all([unfreeze(room_id), unfreeze(room_id), unfreeze(room_id)]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409]);
  const actions = (await auditOf(server.database, room_id)).map(({ action }) => action);
  expect(actions).toEqual(['CREATE', 'FREEZE', 'UNFREEZE']);
});

test.each([
  ['AVAILABLE', 'AVAILABLE'],
  ['MAINTENANCE', 'MAINTENANCE'],
] as const)(
  '409 room-not-frozen with %s for a timed freeze from it that is over; its UNFREEZE is by system',
  async (from, room_status) => {
    const { room_id } = await makeRoomIn(server, from);
    await freezeRoom(server, room_id, { expires_in_seconds: 60 });
    await expireFreeze(server.database, room_id);
    expect(await unfreeze(room_id)).toMatchObject({
      status: 409,
      body: { code: 'room-not-frozen', room_status },
    });
    const unfreezes = (await auditOf(server.database, room_id)).filter(({ action }) => action === 'UNFREEZE');
    expect(unfreezes).toMatchObject([{ actor: 'system', request_id: null }]);
  },
);

test('404 room-not-found for a room that never was, and for a deleted one', async () => {
  const { room_id } = await makeRoom(server);
  await server.call('DELETE', `/rooms/${room_id}`, { token: server.as.admin });
  for (const id of [room_id, 2_147_483_647]) {
    expect(await unfreeze(id)).toMatchObject({ status: 404, body: { code: 'room-not-found' } });
  }
});

test.each(['0', '05', '2147483648', 'abc'])('400 request-invalid for the room id %s', async (id) => {
  expect(await unfreeze(id)).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
});

test('401 without a token', async () => {
  const { room_id } = await makeRoomIn(server, 'FROZEN');
  const answer = await server.call('DELETE', `/rooms/${room_id}/freeze`);
  expect(answer).toMatchObject({ status: 401, body: { code: 'credentials-missing' } });
});

test.each(['operations', 'frontend', 'delegate', 'nobody'] as const)(
  '403 permission-denied for %s; the room stays frozen',
  async (role) => {
    const room = await makeRoomIn(server, 'FROZEN');
    expect(await unfreeze(room.room_id, server.as[role])).toMatchObject({
      status: 403,
      body: { code: 'permission-denied' },
    });
    expect(await readRoom(server, room.room_id)).toEqual(room);
  },
);

test('the next list from the same instance shows the room unfrozen', async () => {
  const { room_id, room_no } = await makeRoomIn(server, 'FROZEN');
  const list = () =>
    server.call('GET', `/rooms?is_freezed=true&room_no=${room_no}`, { token: server.as.operations });
  expect((await list()).body.rooms).toMatchObject([{ room_id }]);
  await unfreeze(room_id);
  expect((await list()).body.rooms).toEqual([]);
});

test('replayed from empty, the audit gives the rooms as they are', async () => {
  await replayAudit(server.database);
});
