/** Owns the contract of PATCH /rooms/{room_id}. */
import { afterAll, describe, expect, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import { auditOf, makeRoom, makeRoomIn, makeRoomType, readRoom, replayAudit } from '../helpers/property.ts';

const server = await startTestApp();
const { as, call, database } = server;
afterAll(server.close);

const change = (roomId: number | string, body: unknown, token: string | undefined = as.admin) =>
  call('PATCH', `/rooms/${roomId}`, { token, body });
const countRows = async (roomId: number) => (await auditOf(database, roomId)).length;

describe('changeRoom', () => {
  test('200 with the changed room; what is not named stays', async () => {
    const room = await makeRoom(server, { floor: '3' });
    const { room_type_id } = await makeRoomType(server);
    for (const changes of [
      { room_no: 'new no' },
      { room_type_id },
      { floor: 'roof' },
      { room_status: 'MAINTENANCE' },
    ]) {
      const before = await readRoom(server, room.room_id);
      const answer = await change(room.room_id, changes);
      expect(answer.status).toBe(200);
      expect(answer.headers['cache-control']).toBe('private, no-cache');
      expect(answer.body).toEqual({ ...before, ...changes, updated_at: answer.body.updated_at });
      expect(answer.body.updated_at >= before.updated_at).toBe(true);
      expect(await readRoom(server, room.room_id)).toEqual(answer.body);
    }
  });

  test('several fields at once, one UPDATE row with the changed fields only, the actor and the request id', async () => {
    const room = await makeRoom(server, { floor: '3' });
    const { body, headers } = await change(room.room_id, {
      room_no: 'two',
      floor: '3',
      room_status: 'BOOKED',
    });
    expect((await auditOf(database, room)).slice(1)).toEqual([
      {
        audit_id: expect.any(Number),
        at: body.updated_at,
        entity: 'room',
        entity_id: String(room.room_id),
        action: 'UPDATE',
        old_value: { room_no: room.room_no, room_status: 'AVAILABLE' },
        new_value: {
          room_no: 'two',
          room_status: 'BOOKED',
          ...(body.updated_at === room.updated_at ? {} : { updated_at: body.updated_at }),
        },
        actor: 'admin',
        hold_id: null,
        request_id: headers['x-request-id'],
      },
    ]);
  });

  test('nothing changed: 200, the room as it was, no audit row', async () => {
    const room = await makeRoom(server, { floor: '1' });
    const { room_no, room_type_id, floor, room_id } = room;
    for (const body of [
      {},
      { room_no },
      { room_status: 'AVAILABLE' },
      { room_no, room_type_id, floor, room_status: 'AVAILABLE' },
      { room_no: null, room_type_id: null, floor: null, room_status: null },
    ]) {
      expect(await change(room_id, body)).toMatchObject({ status: 200, body: room });
    }
    expect(await countRows(room_id)).toBe(1);
    expect(await readRoom(server, room_id)).toEqual(room);
  });

  test.each<[string, unknown, string]>([
    ['FROZEN', { room_status: 'FROZEN' }, 'room_status'],
    ['HELD', { room_status: 'HELD' }, 'room_status'],
    ['a status in lower case', { room_status: 'available' }, 'room_status'],
    ['an empty room_no', { room_no: '' }, 'room_no'],
    ['a blank room_no', { room_no: '  ' }, 'room_no'],
    ['a room_no of 51', { room_no: 'x'.repeat(51) }, 'room_no'],
    ['a floor of 51', { floor: 'x'.repeat(51) }, 'floor'],
    ['room_type_id 0', { room_type_id: 0 }, 'room_type_id'],
    ['an unknown field', { freeze_reason: 'CLEANING' }, 'freeze_reason'],
    ['fence', { fence: 5 }, 'fence'],
    ['booking_reference', { booking_reference: 'x' }, 'booking_reference'],
    ['text', '"x"', ''],
  ])('400 request-invalid for %s', async (_, body, path) => {
    const room = await makeRoom(server);
    const answer = await change(room.room_id, body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
    expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(path);
    expect(await readRoom(server, room.room_id)).toEqual(room);
  });

  test('400 request-invalid without a body', async () => {
    const { room_id } = await makeRoom(server);
    expect(await change(room_id, undefined)).toMatchObject({
      status: 400,
      body: { code: 'request-invalid' },
    });
  });

  test('401 without a token, 403 for READ and for ROOM_HOLD:WRITE, also for a room that is not there', async () => {
    const { room_id } = await makeRoom(server);
    for (const id of [room_id, 2_147_483_647]) {
      expect((await call('PATCH', `/rooms/${id}`, { body: { floor: 'x' } })).status).toBe(401);
      for (const token of [as.operations, as.frontend, as.delegate, as.nobody]) {
        expect(await change(id, { floor: 'x' }, token)).toMatchObject({
          status: 403,
          body: { code: 'permission-denied' },
        });
      }
    }
    expect(await countRows(room_id)).toBe(1);
  });

  test('404 room-not-found for a room that never was; 400 for a bad body comes before it', async () => {
    expect(await change(2_147_483_647, { floor: 'x' })).toMatchObject({
      status: 404,
      body: { code: 'room-not-found' },
    });
    expect((await change(2_147_483_647, { floor: 5 })).status).toBe(400);
    expect((await change('x', { floor: 'x' })).status).toBe(400);
  });

  test('404 room-type-not-found for a type that never was or is deleted, and nothing changed', async () => {
    const room = await makeRoom(server);
    const { room_type_id: deleted } = await makeRoomType(server);
    await call('DELETE', `/room-types/${deleted}`, { token: as.admin });
    for (const room_type_id of [deleted, 2_147_483_647]) {
      expect(await change(room.room_id, { room_type_id, floor: 'x' })).toMatchObject({
        status: 404,
        body: { code: 'room-type-not-found' },
      });
    }
    expect(await readRoom(server, room.room_id)).toEqual(room);
    expect(await countRows(room.room_id)).toBe(1);
  });

  test('409 room-no-exists for the number of another live room, and nothing changed', async () => {
    const [room, other] = [await makeRoom(server), await makeRoom(server)];
    expect(await change(room.room_id, { room_no: other.room_no, floor: 'x' })).toMatchObject({
      status: 409,
      body: { code: 'room-no-exists' },
    });
    expect(await readRoom(server, room.room_id)).toEqual(room);
    expect(await countRows(room.room_id)).toBe(1);
  });

  test('two rooms that want one number at once: one has it', async () => {
    const rooms = [await makeRoom(server), await makeRoom(server), await makeRoom(server)];
    const answers = await Promise.all(rooms.map(({ room_id }) => change(room_id, { room_no: 'wanted' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  });

  test('a held room with a new number is shown by its hold with that number, at once', async () => {
    const { room_id, hold_id } = await makeRoomIn(server, 'HELD');
    const hold = () => call('GET', `/rooms/hold/${hold_id}`, { token: as.operations });
    await hold();
    await change(room_id, { room_no: 'renumbered' });
    expect((await hold()).body.rooms).toEqual([{ room_id, room_no: 'renumbered', fence: 1 }]);
  });

  test('20 changes of one room at once are all made, each in its row, the last one standing', async () => {
    const { room_id } = await makeRoom(server);
    const floors = Array.from({ length: 20 }, (_, n) => `floor ${n}`);
    const answers = await Promise.all(floors.map((floor) => change(room_id, { floor })));
    expect(answers.map(({ body }) => body.floor)).toEqual(floors);
    const rows = (await auditOf(database, room_id)).slice(1);
    expect(rows.map((row) => row.new_value?.floor).sort()).toEqual([...floors].sort());
    expect((await readRoom(server, room_id)).floor).toBe(rows.at(-1)?.new_value?.floor);
  });

  test('the audit trail, replayed, gives the rooms', () => replayAudit(database));
});
