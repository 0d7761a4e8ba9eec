/** Owns the contract of DELETE /rooms/{room_id}, and that a deleted room is nowhere. */
import { afterAll, describe, expect, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import {
  auditOf,
  expireFreeze,
  expireHold,
  freezeRoom,
  makeRoom,
  makeRoomIn,
  makeRoomType,
  placeHold,
  readRoom,
  replayAudit,
} from '../helpers/property.ts';

const server = await startTestApp();
const { as, call, database } = server;
afterAll(server.close);

const remove = (roomId: number | string, token: string | undefined = as.admin) =>
  call('DELETE', `/rooms/${roomId}`, { token });

describe('deleteRoom', () => {
  test.each(['AVAILABLE', 'MAINTENANCE'] as const)(
    '204 without a body for a room that is %s, and a DELETE row with the whole room',
    async (status) => {
      const room = await makeRoomIn(server, status, { floor: '1' });
      const answer = await remove(room.room_id);
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect((await auditOf(database, room)).at(-1)).toEqual({
        audit_id: expect.any(Number),
        at: expect.any(String),
        entity: 'room',
        entity_id: String(room.room_id),
        action: 'DELETE',
        old_value: room,
        new_value: null,
        actor: 'admin',
        hold_id: null,
        request_id: answer.headers['x-request-id'],
      });
    },
  );

  test.each([
    ['FROZEN', 'room-frozen'],
    ['HELD', 'room-held'],
    ['BOOKED', 'room-booked'],
  ] as const)('409 for a room that is %s: %s, and the room stays', async (status, code) => {
    const room = await makeRoomIn(server, status);
    const rows = await auditOf(database, room);
    expect(await remove(room.room_id)).toMatchObject({ status: 409, body: { code } });
    expect(await readRoom(server, room.room_id)).toEqual(room);
    expect(await auditOf(database, room)).toEqual(rows);
  });

  test('204 for a room whose hold or freeze is over; its EXPIRE or UNFREEZE row comes first', async () => {
    const held = await makeRoomIn(server, 'HELD');
    await expireHold(server, held.hold_id ?? '');
    const frozen = await makeRoom(server);
    await freezeRoom(server, frozen.room_id, { expires_in_seconds: 60 });
    await expireFreeze(server, frozen.room_id);
    for (const room of [held, frozen]) {
      const before = await readRoom(server, room.room_id);
      expect((await remove(room.room_id)).status).toBe(204);
      expect((await auditOf(database, room)).slice(-2)).toMatchObject([
        { action: room === held ? 'EXPIRE' : 'UNFREEZE', actor: 'system' },
        { action: 'DELETE', actor: 'admin', old_value: before },
      ]);
    }
    const hold = await call('GET', `/rooms/hold/${held.hold_id}`, { token: as.frontend });
    expect(hold.body).toMatchObject({
      status: 'EXPIRED',
      rooms: [{ room_id: held.room_id, room_no: held.room_no }],
    });
  });

  test('404 room-not-found for a room that never was, or is deleted; 400 for a bad id', async () => {
    const { room_id } = await makeRoom(server);
    expect((await remove(room_id)).status).toBe(204);
    for (const id of [room_id, 2_147_483_647]) {
      expect(await remove(id)).toMatchObject({ status: 404, body: { code: 'room-not-found' } });
    }
    expect((await remove('0')).status).toBe(400);
    expect(await auditOf(database, room_id)).toHaveLength(2);
  });

  test('400 request-invalid for a body with fields; an empty one is none', async () => {
    const { room_id } = await makeRoom(server);
    const withBody = (body: unknown) => call('DELETE', `/rooms/${room_id}`, { token: as.admin, body });
    expect(await withBody({ force: true })).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
    expect((await withBody('')).status).toBe(204);
  });

  test('401 without a token, 403 for READ and for ROOM_HOLD:WRITE', async () => {
    const { room_id } = await makeRoom(server);
    expect((await call('DELETE', `/rooms/${room_id}`)).status).toBe(401);
    for (const token of [as.operations, as.frontend, as.delegate, as.nobody]) {
      expect(await remove(room_id, token)).toMatchObject({
        status: 403,
        body: { code: 'permission-denied' },
      });
    }
    expect((await readRoom(server, room_id)).room_status).toBe('AVAILABLE');
  });

  test('a deleted room is 404 to every verb, 404 to a new hold, and in no list, summary or count', async () => {
    const { room_id, room_no, room_type_id } = await makeRoom(server, { floor: 'gone' });
    const summary = async () => (await call('GET', '/rooms/summary', { token: as.operations })).body.total;
    const total = await summary();
    await remove(room_id);
    for (const [method, url, body] of [
      ['GET', `/rooms/${room_id}`],
      ['HEAD', `/rooms/${room_id}`],
      ['PATCH', `/rooms/${room_id}`, { floor: 'x' }],
      ['DELETE', `/rooms/${room_id}`],
      ['POST', `/rooms/${room_id}/freeze`],
      ['DELETE', `/rooms/${room_id}/freeze`],
    ] as const) {
      const answer = await call(method, url, { token: as.admin, body });
      expect([method, url, answer.status, answer.body?.code]).toEqual([
        method,
        url,
        404,
        method === 'HEAD' ? undefined : 'room-not-found',
      ]);
    }
    const other = await makeRoom(server);
    expect(
      await call('POST', '/rooms/hold', { token: as.frontend, body: { room_ids: [room_id, other.room_id] } }),
    ).toMatchObject({ status: 404, body: { code: 'room-not-found', missing_room_ids: [room_id] } });
    expect(
      await call('POST', '/rooms/hold', { token: as.frontend, body: { room_type_id, quantity: 1 } }),
    ).toMatchObject({ status: 409, body: { code: 'not-enough-rooms', available: 0 } });
    for (const query of [
      'floor=gone',
      `room_no=${room_no}`,
      `room_type_id=${room_type_id}`,
      'room_status=AVAILABLE&floor=gone',
    ]) {
      expect([query, (await call('GET', `/rooms?${query}`, { token: as.operations })).body.rooms]).toEqual([
        query,
        [],
      ]);
    }
    // One more room was made, one deleted.
    expect(await summary()).toBe(total);
  });

  test('its number may be used again, any number of times, by rooms with ids and fences of their own', async () => {
    const { room_type_id } = await makeRoomType(server);
    const ids = new Set<number>();
    for (let round = 0; round < 3; round += 1) {
      const room = await makeRoom(server, { room_no: 'again', room_type_id });
      expect(room.fence).toBe(0);
      ids.add(room.room_id);
      const { hold_id } = await placeHold(server, [room.room_id]);
      await call('DELETE', `/rooms/hold/${hold_id}`, { token: as.frontend });
      if (round < 2) expect((await remove(room.room_id)).status).toBe(204);
    }
    expect(ids.size).toBe(3);
    const list = await call('GET', '/rooms?room_no=again', { token: as.operations });
    expect(list.body.rooms).toHaveLength(1);
    const renumbered = await makeRoom(server);
    expect(
      await call('PATCH', `/rooms/${renumbered.room_id}`, { token: as.admin, body: { room_no: 'again' } }),
    ).toMatchObject({ status: 409 });
  });

  test('an ended hold still shows a room that was deleted since', async () => {
    const { room_id, room_no } = await makeRoom(server);
    const { hold_id } = await placeHold(server, [room_id]);
    await call('DELETE', `/rooms/hold/${hold_id}`, { token: as.frontend });
    await remove(room_id);
    const hold = await call('GET', `/rooms/hold/${hold_id}`, { token: as.frontend });
    expect(hold).toMatchObject({
      status: 200,
      body: { status: 'RELEASED', rooms: [{ room_id, room_no, fence: 1 }] },
    });
  });

  test('of 10 deletions and 10 holds at once, either the one deletion or the one hold is made', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { room_id } = await makeRoom(server);
      const body = { room_ids: [room_id] };
      const [removed, held] = await Promise.all([
        Promise.all(Array.from({ length: 10 }, () => remove(room_id))),
        Promise.all(
          Array.from({ length: 10 }, () => call('POST', '/rooms/hold', { token: as.frontend, body })),
        ),
      ]);
      const made = [...removed.map(({ status }) => status), ...held.map(({ status }) => status)].filter(
        (status) => status < 300,
      );
      expect(made).toHaveLength(1);
      expect((await auditOf(database, room_id)).map(({ action }) => action)).toEqual([
        'CREATE',
        made[0] === 204 ? 'DELETE' : 'HOLD',
      ]);
    }
  });

  test('the audit trail, replayed, gives the rooms', () => replayAudit(database));
});
