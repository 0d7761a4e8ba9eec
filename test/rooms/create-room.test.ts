/** Owns the contract of POST /rooms. */
import { afterAll, describe, expect, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import { auditOf, makeRoom, makeRoomType, readRoom, replayAudit } from '../helpers/property.ts';

const server = await startTestApp();
const { as, call, database } = server;
afterAll(server.close);

const { room_type_id } = await makeRoomType(server);
const create = (body: unknown, token: string | undefined = as.admin) =>
  call('POST', '/rooms', { token, body });
const countRooms = async () => (await database.query('SELECT FROM room')).length;

describe('createRoom', () => {
  test('201 with the room, AVAILABLE and of fence 0, and Location', async () => {
    const answer = await create({ room_no: '101', room_type_id, floor: '1' });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      room_id: expect.any(Number),
      room_no: '101',
      room_type_id,
      floor: '1',
      room_status: 'AVAILABLE',
      freeze_reason: 'NONE',
      freeze_note: null,
      freeze_expires_at: null,
      hold_id: null,
      hold_expires_at: null,
      booking_reference: null,
      fence: 0,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: answer.body.created_at,
    });
    expect(answer.headers['cache-control']).toBe('private, no-cache');
    expect(answer.headers.location).toBe(`/rooms/${answer.body.room_id}`);
    const [{ clock } = { clock: '' }] = await database.query<{ clock: string }>(
      'SELECT instant(clock()) AS clock',
    );
    expect(Date.parse(clock) - Date.parse(answer.body.created_at)).toBeLessThan(10_000);
    expect(await readRoom(server, answer.body.room_id)).toEqual(answer.body);
  });

  test('one CREATE row with the whole room, the actor and the request id', async () => {
    const { body, headers } = await create({ room_no: 'audited', room_type_id, floor: 'G' });
    expect(await auditOf(database, body.room_id)).toEqual([
      {
        audit_id: expect.any(Number),
        at: body.created_at,
        entity: 'room',
        entity_id: String(body.room_id),
        action: 'CREATE',
        old_value: null,
        new_value: body,
        actor: 'admin',
        hold_id: null,
        request_id: headers['x-request-id'],
      },
    ]);
  });

  test('the floor may be left out, null or empty', async () => {
    expect((await create({ room_no: 'no floor', room_type_id })).body.floor).toBeNull();
    expect((await create({ room_no: 'null floor', room_type_id, floor: null })).body.floor).toBeNull();
    expect((await create({ room_no: 'empty floor', room_type_id, floor: '' })).body.floor).toBe('');
  });

  test.each([
    ['spaces around', '  12 B '],
    ['50 code points that are 100 UTF-16 units', '😀'.repeat(50)],
    ['a combining accent beside its composed form', 'e\u0301'],
    ['that composed form', '\u00e9'],
    ['control characters', 'a\t\n\u0001\u007f'],
    ['right-to-left and zero-width marks', '\u202eא\u200d\ufeff'],
    ['quotes, backslash, SQL and HTML', `'";--\\ $1 <b>%_`],
    ['a leading zero', '0101'],
    ['more leading zeros', '00101'],
    ['__proto__', '__proto__'],
  ])('keeps to the byte a room_no with %s', async (_, room_no) => {
    const made = await create({ room_no, room_type_id, floor: room_no });
    expect(made.status).toBe(201);
    const room = await readRoom(server, made.body.room_id);
    expect([room.room_no, room.floor]).toEqual([room_no, room_no]);
  });

  test.each<[string, unknown, string]>([
    ['no room_no', { room_type_id }, 'room_no'],
    ['a null room_no', { room_no: null, room_type_id }, 'room_no'],
    ['an empty room_no', { room_no: '', room_type_id }, 'room_no'],
    ['a blank room_no', { room_no: ' \t\n\u00a0\u3000', room_type_id }, 'room_no'],
    ['a room_no of 51 code points', { room_no: '😀'.repeat(51), room_type_id }, 'room_no'],
    ['a NUL', { room_no: 'a\0b', room_type_id }, 'room_no'],
    ['a lone surrogate', '{"room_no":"\\ud800","room_type_id":1}', 'room_no'],
    ['a room_no that is a number', { room_no: 101, room_type_id }, 'room_no'],
    ['no room_type_id', { room_no: 'x' }, 'room_type_id'],
    ['a null room_type_id', { room_no: 'x', room_type_id: null }, 'room_type_id'],
    ['a room_type_id that is text', { room_no: 'x', room_type_id: '1' }, 'room_type_id'],
    ['room_type_id 0', { room_no: 'x', room_type_id: 0 }, 'room_type_id'],
    ['room_type_id 1.5', { room_no: 'x', room_type_id: 1.5 }, 'room_type_id'],
    ['room_type_id 2^31', { room_no: 'x', room_type_id: 2 ** 31 }, 'room_type_id'],
    ['a floor of 51 code points', { room_no: 'x', room_type_id, floor: 'f'.repeat(51) }, 'floor'],
    ['a floor that is a number', { room_no: 'x', room_type_id, floor: 1 }, 'floor'],
    ['an unknown field', { room_no: 'x', room_type_id, room_status: 'BOOKED' }, 'room_status'],
    ['another unknown field', { room_no: 'x', room_type_id, fence: 7 }, 'fence'],
    ['an array', [], ''],
    ['no body', undefined, ''],
  ])('400 request-invalid for %s, and nothing made', async (_, body, path) => {
    const before = await countRooms();
    const answer = await create(body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
    expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(path);
    expect(await countRooms()).toBe(before);
  });

  test('a room_type_id of 1.0 is 1', async () => {
    const answer = await create(`{"room_no": "one point zero", "room_type_id": ${room_type_id}.0}`);
    expect(answer).toMatchObject({ status: 201, body: { room_type_id } });
  });

  test('401 without a token, 403 for READ and for ROOM_HOLD:WRITE, naming the permission', async () => {
    const body = { room_no: 'forbidden', room_type_id };
    expect(await call('POST', '/rooms', { body })).toMatchObject({
      status: 401,
      body: { code: 'credentials-missing' },
    });
    for (const token of [as.operations, as.frontend, as.delegate, as.nobody]) {
      const answer = await create(body, token);
      expect(answer).toMatchObject({ status: 403, body: { code: 'permission-denied' } });
      expect(answer.text).toContain('ROOM_MANAGEMENT:WRITE');
    }
    expect(await database.query('SELECT FROM room WHERE room_no = $1', [body.room_no])).toEqual([]);
  });

  test('404 room-type-not-found for a type that never was, or is deleted', async () => {
    const { room_type_id: deleted } = await makeRoomType(server);
    await call('DELETE', `/room-types/${deleted}`, { token: as.admin });
    for (const unknown of [deleted, 2_147_483_647]) {
      expect(await create({ room_no: 'typeless', room_type_id: unknown })).toMatchObject({
        status: 404,
        body: { code: 'room-type-not-found' },
      });
    }
  });

  test('409 room-no-exists for the number of a live room, of whatever type, and no audit row', async () => {
    const { room_no } = await makeRoom(server);
    const [before] = await database.query('SELECT count(*) FROM audit_log');
    expect(await create({ room_no, room_type_id })).toMatchObject({
      status: 409,
      body: { code: 'room-no-exists' },
    });
    expect(await database.query('SELECT count(*) FROM audit_log')).toEqual([before]);
  });

  test('another case, or another form of the same number, is another number', async () => {
    for (const room_no of ['7a', '7A', '07a', '7a '])
      expect((await create({ room_no, room_type_id })).status).toBe(201);
  });

  test('of 20 at once with one number, one is made', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => create({ room_no: 'raced', room_type_id })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      201,
      ...Array.from({ length: 19 }, () => 409),
    ]);
    expect(await database.query(`SELECT FROM room WHERE room_no = 'raced'`)).toHaveLength(1);
  });

  test('200 different ones at once are all made', async () => {
    const wanted = Array.from({ length: 200 }, (_, n) => `many ${n}`);
    const answers = await Promise.all(wanted.map((room_no) => create({ room_no, room_type_id })));
    expect(answers.map(({ status, body }) => [status, body.room_no])).toEqual(
      wanted.map((room_no) => [201, room_no]),
    );
    expect(new Set(answers.map(({ body }) => body.room_id)).size).toBe(wanted.length);
  });

  test('the audit trail, replayed, gives the rooms', () => replayAudit(database));
});
