/** Owns freezing with supersede_hold: the whole hold is revoked, its other rooms are free, and all of it is audited. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditEntry } from '../../src/audit/schemas.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  auditOf,
  expireHold,
  freezeRoom,
  type Hold,
  makeRoomIn,
  makeRooms,
  placeHold,
  readRoom,
  replayAudit,
} from '../helpers/property.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

const supersede = (roomId: number, body: Record<string, unknown> = {}) =>
  server.call('POST', `/rooms/${roomId}/freeze`, {
    token: server.as.admin,
    body: { supersede_hold: true, ...body },
  });

const readHold = async ({ hold_id }: Hold, token = server.as.frontend) =>
  (await server.call('GET', `/rooms/hold/${hold_id}`, { token })).body;

/** Everything that the audit tells of these rooms after `auditId`, in the order of writing. */
async function auditAfter(auditId: number, roomIds: readonly number[]): Promise<AuditEntry[]> {
  const entries = (await Promise.all(roomIds.map((roomId) => auditOf(server.database, roomId)))).flat();
  return entries
    .filter(({ audit_id }) => audit_id > auditId)
    .sort((one, other) => one.audit_id - other.audit_id);
}

const lastAuditId = async (): Promise<number> => {
  const [row] = await server.database.query<{ last: string }>('SELECT max(audit_id) AS last FROM audit_log');
  return Number(row?.last);
};

/** A hold on three new rooms. */
async function holdThree() {
  const rooms = await makeRooms(server, 3);
  const roomIds = rooms.map(({ room_id }) => room_id);
  const [first = 0, second = 0, third = 0] = roomIds;
  return { hold: await placeHold(server, roomIds), roomIds, first, second, third };
}

test('200 with supersede_hold: the whole hold becomes REVOKED, its other rooms are free, its own is FROZEN', async () => {
  const { hold, first, second, third } = await holdThree();
  const answer = await supersede(second, { freeze_reason: 'burst pipe', expires_in_seconds: 600 });
  expect(answer).toMatchObject({
    status: 200,
    body: {
      room_id: second,
      room_status: 'FROZEN',
      freeze_reason: 'ADMIN_LOCK',
      freeze_note: 'burst pipe',
      freeze_expires_at: expect.any(String),
      hold_id: null,
      hold_expires_at: null,
      fence: 1,
    },
  });
  expect(await readRoom(server, second)).toEqual(answer.body);
  for (const roomId of [first, third]) {
    expect(await readRoom(server, roomId)).toMatchObject({
      room_status: 'AVAILABLE',
      hold_id: null,
      hold_expires_at: null,
      booking_reference: null,
      fence: 1,
      updated_at: answer.body.updated_at,
    });
  }
  expect(await readHold(hold)).toEqual({
    ...hold,
    status: 'REVOKED',
    ended_at: answer.body.updated_at,
    expires_in_seconds: 0,
  });
});

test('REVOKE rows for every room of the hold with its hold_id, then FREEZE with hold_id null, of one instant and request', async () => {
  const { hold, roomIds, second } = await holdThree();
  const before = await lastAuditId();
  const { headers, body } = await supersede(second, { freeze_reason: 'CLEANING' });
  const common = { at: body.updated_at, actor: 'admin', request_id: headers['x-request-id'] };
  const revoke = (roomId: number) => ({
    ...common,
    entity: 'room',
    entity_id: String(roomId),
    action: 'REVOKE',
    hold_id: hold.hold_id,
    old_value: { room_status: 'HELD', hold_id: hold.hold_id, hold_expires_at: hold.expires_at },
    new_value: {
      room_status: 'AVAILABLE',
      hold_id: null,
      hold_expires_at: null,
      updated_at: body.updated_at,
    },
  });
  const entries = await auditAfter(before, roomIds);
  expect(entries.map(({ audit_id, ...entry }) => entry)).toEqual([
    ...roomIds.map(revoke),
    {
      ...common,
      entity: 'room',
      entity_id: String(second),
      action: 'FREEZE',
      hold_id: null,
      old_value: { room_status: 'AVAILABLE', freeze_reason: 'NONE' },
      // The REVOKE before it has told updated_at already.
      new_value: { room_status: 'FROZEN', freeze_reason: 'CLEANING' },
    },
  ]);
});

test('a cached look-up of the hold shows REVOKED at once', async () => {
  const { hold, first } = await holdThree();
  expect(await readHold(hold)).toMatchObject({ status: 'ACTIVE' });
  await supersede(first);
  expect(await readHold(hold)).toMatchObject({ status: 'REVOKED', expires_in_seconds: 0 });
});

test('a revoked hold stays revoked: confirm, extend and release say so', async () => {
  const { hold, first } = await holdThree();
  await supersede(first);
  const path = `/rooms/hold/${hold.hold_id}`;
  const token = server.as.frontend;
  const refusal = { status: 409, body: { code: 'hold-revoked' } };
  expect(await server.call('POST', `${path}/confirm`, { token, body: { reacquire: true } })).toMatchObject(
    refusal,
  );
  expect(await server.call('PATCH', path, { token, body: { ttl_seconds: 60 } })).toMatchObject(refusal);
  expect(await server.call('DELETE', path, { token })).toMatchObject({
    status: 200,
    body: { status: 'REVOKED' },
  });
});

test('the other rooms can be held at once, with a higher fence; the frozen one cannot', async () => {
  const { first, second, third } = await holdThree();
  await supersede(second);
  const next = await placeHold(server, [first, third], { token: server.as.frontend2 });
  expect(next.rooms.map(({ fence }) => fence)).toEqual([2, 2]);
  const refused = await server.call('POST', '/rooms/hold', {
    token: server.as.frontend,
    body: { room_ids: [second] },
  });
  expect(refused).toMatchObject({ status: 409, body: { code: 'room-unavailable' } });
});

test('an expired hold is not revoked: it is EXPIRED, with EXPIRE rows by system before the FREEZE', async () => {
  const { hold, roomIds, second } = await holdThree();
  const ended_at = await expireHold(server.database, hold.hold_id);
  // The look-up that placing has cached knows nothing of time moved by SQL.
  server.platform.cache.hold.dropAll();
  const before = await lastAuditId();
  expect(await supersede(second)).toMatchObject({ status: 200, body: { room_status: 'FROZEN' } });
  const entries = await auditAfter(before, roomIds);
  expect(entries.map(({ action, actor, entity_id }) => [action, actor, Number(entity_id)])).toEqual([
    ...roomIds.map((roomId) => ['EXPIRE', 'system', roomId]),
    ['FREEZE', 'admin', second],
  ]);
  expect(await readHold(hold)).toMatchObject({ status: 'EXPIRED', ended_at });
});

test('an expired hold is in nobody’s way: 200 without supersede_hold, by EXPIRE and FREEZE', async () => {
  const { hold, roomIds, second } = await holdThree();
  await expireHold(server.database, hold.hold_id);
  const before = await lastAuditId();
  expect(await freezeRoom(server, second)).toMatchObject({ room_status: 'FROZEN', hold_id: null });
  const actions = (await auditAfter(before, roomIds)).map(({ action }) => action);
  expect(actions).toEqual(['EXPIRE', 'EXPIRE', 'EXPIRE', 'FREEZE']);
});

test('freezing two rooms of one hold at once revokes it once; both rooms are frozen', async () => {
  const { hold, roomIds, first, third } = await holdThree();
  const before = await lastAuditId();
  const answers = await Promise.all([supersede(first), supersede(third)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const actions = (await auditAfter(before, roomIds)).map(({ action }) => action);
  expect(actions.toSorted()).toEqual(['FREEZE', 'FREEZE', 'REVOKE', 'REVOKE', 'REVOKE']);
  expect(await readHold(hold)).toMatchObject({ status: 'REVOKED' });
});

test('200 with supersede_hold where nobody holds: a freeze like any other', async () => {
  const { room_id } = await makeRoomIn(server, 'MAINTENANCE');
  expect(await supersede(room_id)).toMatchObject({ status: 200, body: { room_status: 'FROZEN' } });
  expect((await auditOf(server.database, room_id)).at(-1)).toMatchObject({
    action: 'FREEZE',
    old_value: { room_status: 'MAINTENANCE' },
  });
});

test('a room frozen out of a hold is AVAILABLE when it is unfrozen', async () => {
  const { first } = await holdThree();
  await supersede(first);
  const answer = await server.call('DELETE', `/rooms/${first}/freeze`, { token: server.as.admin });
  expect(answer).toMatchObject({ status: 200, body: { room_status: 'AVAILABLE', hold_id: null } });
});

test('400 request-invalid for a reason of NONE: the hold stays ACTIVE', async () => {
  const { hold, first } = await holdThree();
  expect(await supersede(first, { freeze_reason: 'NONE' })).toMatchObject({ status: 400 });
  expect(await readHold(hold)).toMatchObject({ status: 'ACTIVE' });
});

test('403 permission-denied for the holder itself: the hold stays ACTIVE', async () => {
  const { hold, first } = await holdThree();
  const answer = await server.call('POST', `/rooms/${first}/freeze`, {
    token: server.as.frontend,
    body: { supersede_hold: true },
  });
  expect(answer).toMatchObject({ status: 403, body: { code: 'permission-denied' } });
  expect(await readHold(hold)).toMatchObject({ status: 'ACTIVE' });
});

test('replayed from empty, the audit gives the rooms as they are', async () => {
  await replayAudit(server.database);
});
