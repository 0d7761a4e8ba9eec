/** Owns freezing a room: from each status, again and again, by whom, and what the audit tells of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Room } from '../../src/rooms/schemas.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { auditOf, freezeRoom, makeRoom, makeRoomIn, readRoom, replayAudit } from '../helpers/property.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

const freeze = (roomId: number | string, body: unknown = {}, token: string | undefined = server.as.admin) =>
  server.call('POST', `/rooms/${roomId}/freeze`, { ...(token === undefined ? {} : { token }), body });

/** The audit rows that this room got since it had `count` of them. */
const auditSince = async (room: Room, count: number) => (await auditOf(server.database, room)).slice(count);

test.each(['AVAILABLE', 'MAINTENANCE'] as const)(
  '200 from %s: the room is FROZEN, nothing else of it changes, one FREEZE row tells',
  async (status) => {
    const before = await makeRoomIn(server, status, { floor: '3' });
    const { length } = await auditOf(server.database, before);
    const answer = await freeze(before.room_id, { freeze_reason: 'CLEANING', freeze_note: 'windows' });
    const changes = { room_status: 'FROZEN', freeze_reason: 'CLEANING', freeze_note: 'windows' };
    const { updated_at } = answer.body;
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'cache-control': 'private, no-cache',
        'content-type': expect.stringMatching('application/json'),
      },
    });
    expect(answer.body).toEqual({ ...before, ...changes, updated_at });
    expect(updated_at >= before.updated_at).toBe(true);
    expect(await readRoom(server, before.room_id)).toEqual(answer.body);
    expect(await auditSince(before, length)).toEqual([
      {
        audit_id: expect.any(Number),
        at: updated_at,
        entity: 'room',
        entity_id: String(before.room_id),
        action: 'FREEZE',
        old_value: { room_status: status, freeze_reason: 'NONE', freeze_note: null },
        new_value: { ...changes, updated_at },
        actor: 'admin',
        hold_id: null,
        request_id: answer.headers['x-request-id'],
      },
    ]);
  },
);

test('200 from FROZEN: reason, note and expiry are replaced, and the FREEZE row has what changed', async () => {
  const { room_id } = await makeRoom(server);
  const first = await freezeRoom(server, room_id, { freeze_reason: 'CLEANING', freeze_note: 'windows' });
  const answer = await freeze(room_id, { freeze_reason: 'burst pipe', expires_in_seconds: 3600 });
  const { updated_at, freeze_expires_at } = answer.body;
  const changes = { freeze_reason: 'ADMIN_LOCK', freeze_note: 'burst pipe', freeze_expires_at };
  expect(answer.body).toEqual({ ...first, ...changes, updated_at });
  expect(await auditSince(first, 2)).toMatchObject([
    {
      action: 'FREEZE',
      old_value: { freeze_reason: 'CLEANING', freeze_note: 'windows', freeze_expires_at: null },
      new_value: { ...changes, updated_at },
      request_id: answer.headers['x-request-id'],
    },
  ]);
});

test('200 from FROZEN: a freeze without a note or expiry takes those of the freeze before away', async () => {
  const { room_id } = await makeRoom(server);
  await freezeRoom(server, room_id, {
    freeze_reason: 'CLEANING',
    freeze_note: 'a note',
    expires_in_seconds: 60,
  });
  expect(await freeze(room_id, { freeze_reason: 'CLEANING' })).toMatchObject({
    status: 200,
    body: { freeze_reason: 'CLEANING', freeze_note: null, freeze_expires_at: null },
  });
});

test('200 from FROZEN with nothing changed: the same room and no audit row', async () => {
  const { room_id } = await makeRoom(server);
  const first = await freezeRoom(server, room_id, { freeze_reason: 'burst pipe' });
  const again = await freeze(room_id, { freeze_reason: 'ADMIN_LOCK', freeze_note: 'burst pipe' });
  expect(again).toMatchObject({ status: 200, body: first });
  expect(await auditSince(first, 2)).toEqual([]);
});

test('200 from FROZEN: supersede_hold changes nothing where nobody holds', async () => {
  const { room_id } = await makeRoom(server);
  const first = await freezeRoom(server, room_id, { supersede_hold: true });
  expect(await freeze(room_id, { supersede_hold: true })).toMatchObject({ status: 200, body: first });
  expect(await auditSince(first, 2)).toEqual([]);
});

test('a room frozen from MAINTENANCE and frozen again is MAINTENANCE when it is unfrozen', async () => {
  const { room_id } = await makeRoomIn(server, 'MAINTENANCE');
  await freezeRoom(server, room_id, { freeze_reason: 'CLEANING' });
  await freezeRoom(server, room_id, { freeze_reason: 'burst pipe' });
  const answer = await server.call('DELETE', `/rooms/${room_id}/freeze`, { token: server.as.admin });
  expect(answer).toMatchObject({ status: 200, body: { room_status: 'MAINTENANCE' } });
});

test('409 room-held with hold_expires_at when the room is held: nothing changes, and no word of who holds it', async () => {
  const room = await makeRoomIn(server, 'HELD');
  const { length } = await auditOf(server.database, room);
  for (const body of [{}, { supersede_hold: false }, { supersede_hold: null }]) {
    const answer = await freeze(room.room_id, body);
    expect(answer).toMatchObject({
      status: 409,
      body: { code: 'room-held', room_status: 'HELD', hold_expires_at: room.hold_expires_at },
    });
    expect(answer.text).not.toContain('frontend');
  }
  expect(await readRoom(server, room.room_id)).toEqual(room);
  expect(await auditSince(room, length)).toEqual([]);
});

test.each([{}, { supersede_hold: true }])(
  '409 room-booked when the room is booked, with %j',
  async (body) => {
    const room = await makeRoomIn(server, 'BOOKED');
    const { length } = await auditOf(server.database, room);
    expect(await freeze(room.room_id, body)).toMatchObject({
      status: 409,
      body: { code: 'room-booked', room_status: 'BOOKED' },
    });
    expect(await readRoom(server, room.room_id)).toEqual(room);
    expect(await auditSince(room, length)).toEqual([]);
  },
);

test('404 room-not-found for a room that never was, and for a deleted one', async () => {
  const { room_id } = await makeRoom(server);
  await server.call('DELETE', `/rooms/${room_id}`, { token: server.as.admin });
  for (const id of [room_id, 2_147_483_647]) {
    expect(await freeze(id)).toMatchObject({ status: 404, body: { code: 'room-not-found' } });
  }
});

test.each(['0', '-1', '01', '1.0', '1e3', '0x1', '2147483648', 'abc', '%20', '١'])(
  '400 request-invalid for the room id %s',
  async (id) => {
    expect(await freeze(id)).toMatchObject({
      status: 400,
      body: { code: 'request-invalid', errors: [{ path: 'room_id' }] },
    });
  },
);

test('400 request-invalid for a query parameter', async () => {
  const { room_id } = await makeRoom(server);
  const answer = await server.call('POST', `/rooms/${room_id}/freeze?force=true`, { token: server.as.admin });
  expect(answer).toMatchObject({
    status: 400,
    body: { code: 'request-invalid', errors: [{ path: 'force' }] },
  });
});

test('401 without a token, before anything is looked at', async () => {
  const answer = await server.call('POST', '/rooms/x/freeze', { body: 'not JSON' });
  expect(answer).toMatchObject({ status: 401, body: { code: 'credentials-missing' } });
});

test.each(['operations', 'frontend', 'delegate', 'nobody'] as const)(
  '403 permission-denied for %s, before the body is looked at; the room stays as it was',
  async (role) => {
    const room = await makeRoom(server);
    expect(await freeze(room.room_id, { freeze_reason: 'NONE' }, server.as[role])).toMatchObject({
      status: 403,
      body: { code: 'permission-denied', permissions: ['ROOM_MANAGEMENT:WRITE'] },
    });
    expect(await readRoom(server, room.room_id)).toEqual(room);
  },
);

test('400 before 404: a body that is not valid is refused for a room that is not there too', async () => {
  expect(await freeze(2_147_483_647, { freeze_reason: 'NONE' })).toMatchObject({
    status: 400,
    body: { code: 'request-invalid' },
  });
});

test('the next list from the same instance shows the freeze; its note is for those with READ only', async () => {
  const { room_id, room_no } = await makeRoom(server);
  const list = (token: string) => server.call('GET', `/rooms?room_no=${room_no}`, { token });
  await Promise.all([list(server.as.operations), list(server.as.frontend)]);
  const frozen = await freezeRoom(server, room_id, { freeze_reason: 'secret reason' });
  expect((await list(server.as.operations)).body.rooms).toEqual([frozen]);
  expect((await list(server.as.frontend)).body.rooms).toEqual([{ ...frozen, freeze_note: null }]);
});

test('racing freezes of one room: all are answered, and the audit tells each that changed something', async () => {
  const { room_id } = await makeRoom(server);
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, at) => freeze(room_id, { freeze_reason: `reason ${at % 3}` })),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const rows = await auditOf(server.database, room_id);
  const last = rows.at(-1)?.new_value;
  expect(await readRoom(server, room_id)).toMatchObject({ ...last });
});

test('replayed from empty, the audit gives the rooms as they are', async () => {
  await replayAudit(server.database);
});
