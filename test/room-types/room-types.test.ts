/** Owns the contract of /room-types. */
import { afterAll, describe, expect, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import { auditOfRoomType, makeRoom, makeRoomType, placeHold, replayAudit } from '../helpers/property.ts';

const server = await startTestApp();
const { as, call, database } = server;
afterAll(server.close);

const create = (body: unknown, token: string | undefined = as.admin) =>
  call('POST', '/room-types', { token, body });
const change = (id: number | string, body: unknown, token: string | undefined = as.admin) =>
  call('PATCH', `/room-types/${id}`, { token, body });
const remove = (id: number | string, token: string | undefined = as.admin) =>
  call('DELETE', `/room-types/${id}`, { token });
const list = (token: string | undefined = as.operations) => call('GET', '/room-types', { token });
const unknownId = 2_147_483_647;

const badNames: [string, unknown][] = [
  ['an empty name', { name: '' }],
  ['a name of 101 code points', { name: '😀'.repeat(101) }],
  ['a NUL', { name: 'a\0' }],
  ['a lone surrogate', '{"name":"\\udc00"}'],
  ['a number', { name: 5 }],
  ['an unknown field', { name: 'x', capacity: 2 }],
  ['the id', { name: 'x', room_type_id: 5 }],
  ['an array', []],
  ['no body', undefined],
];

describe('createRoomType', () => {
  test('201 with the type and Location, and a CREATE row of entity room_type', async () => {
    const { status, body, headers } = await create({ name: 'Double' });
    expect(status).toBe(201);
    expect(body).toEqual({
      room_type_id: expect.any(Number),
      name: 'Double',
      created_at: expect.any(String),
    });
    expect(headers.location).toBe(`/room-types/${body.room_type_id}`);
    expect(await auditOfRoomType(database, body.room_type_id)).toEqual([
      {
        audit_id: expect.any(Number),
        at: body.created_at,
        entity: 'room_type',
        entity_id: String(body.room_type_id),
        action: 'CREATE',
        old_value: null,
        new_value: body,
        actor: 'admin',
        hold_id: null,
        request_id: headers['x-request-id'],
      },
    ]);
  });

  test.each(['😀'.repeat(100), '  padded  ', ' ', `"'\\%_;--`, 'e\u0301', '\u00e9'])(
    'keeps the name %j to the byte',
    async (name) => {
      const { body } = await create({ name });
      expect(body.name).toBe(name);
      expect((await list()).body.room_types).toContainEqual(body);
    },
  );

  test.each([...badNames, ['no name', {}], ['a null name', { name: null }]])(
    '400 request-invalid for %s',
    async (_, body) => {
      expect(await create(body)).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
    },
  );

  test('409 room-type-exists for a name that is taken; another case is another name', async () => {
    await create({ name: 'Suite' });
    expect(await create({ name: 'Suite' })).toMatchObject({
      status: 409,
      body: { code: 'room-type-exists' },
    });
    expect((await create({ name: 'suite' })).status).toBe(201);
  });

  test('of 20 at once with one name, one is made', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => create({ name: 'raced' })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === 'room-type-exists')).toHaveLength(19);
  });
});

describe('changeRoomType', () => {
  test('200 with the new name, and an UPDATE row with old and new', async () => {
    const type = await makeRoomType(server);
    const { status, body, headers } = await change(type.room_type_id, { name: 'renamed' });
    expect([status, body]).toEqual([200, { ...type, name: 'renamed' }]);
    expect((await auditOfRoomType(database, type.room_type_id)).slice(1)).toMatchObject([
      {
        action: 'UPDATE',
        old_value: { name: type.name },
        new_value: { name: 'renamed' },
        actor: 'admin',
        request_id: headers['x-request-id'],
      },
    ]);
    expect((await list()).body.room_types).toContainEqual(body);
  });

  test('nothing changed: 200 and no audit row', async () => {
    const type = await makeRoomType(server);
    for (const body of [{ name: type.name }, {}, { name: null }]) {
      expect(await change(type.room_type_id, body)).toMatchObject({ status: 200, body: type });
    }
    expect(await auditOfRoomType(database, type.room_type_id)).toHaveLength(1);
  });

  test.each(badNames)('400 request-invalid for %s', async (_, body) => {
    const { room_type_id } = await makeRoomType(server);
    expect(await change(room_type_id, body)).toMatchObject({
      status: 400,
      body: { code: 'request-invalid' },
    });
  });

  test('409 room-type-exists for the name of another, and nothing changed', async () => {
    const [type, other] = [await makeRoomType(server), await makeRoomType(server)];
    expect(await change(type.room_type_id, { name: other.name })).toMatchObject({
      status: 409,
      body: { code: 'room-type-exists' },
    });
    expect((await list()).body.room_types).toContainEqual(type);
    expect(await auditOfRoomType(database, type.room_type_id)).toHaveLength(1);
  });

  test('404 room-type-not-found for one that never was; 400 for a bad id', async () => {
    expect(await change(unknownId, { name: 'x' })).toMatchObject({
      status: 404,
      body: { code: 'room-type-not-found' },
    });
    for (const id of ['0', 'x', '01', '2147483648'])
      expect((await change(id, { name: 'x' })).status).toBe(400);
  });

  test('names may be passed on: of several that want one name at once, one has it', async () => {
    const types = [await makeRoomType(server), await makeRoomType(server), await makeRoomType(server)];
    const answers = await Promise.all(
      types.map(({ room_type_id }) => change(room_type_id, { name: 'wanted' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  });
});

describe('deleteRoomType', () => {
  test('204 without a body, a DELETE row with the whole type; then 404 to every verb, and its name is free', async () => {
    const type = await makeRoomType(server, 'short-lived');
    const answer = await remove(type.room_type_id);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await auditOfRoomType(database, type.room_type_id)).at(-1)).toMatchObject({
      action: 'DELETE',
      old_value: type,
      new_value: null,
      actor: 'admin',
      request_id: answer.headers['x-request-id'],
    });
    const gone = { status: 404, body: { code: 'room-type-not-found' } };
    expect(await remove(type.room_type_id)).toMatchObject(gone);
    expect(await change(type.room_type_id, { name: 'x' })).toMatchObject(gone);
    const hold = { room_type_id: type.room_type_id, quantity: 1 };
    expect(await call('POST', '/rooms/hold', { token: as.frontend, body: hold })).toMatchObject(gone);
    expect((await list()).text).not.toContain('short-lived');
    expect((await makeRoomType(server, 'short-lived')).room_type_id).not.toBe(type.room_type_id);
  });

  test('409 room-type-in-use while a live room has it, whatever its status; 204 once that is deleted or has another', async () => {
    const [type, other] = [await makeRoomType(server), await makeRoomType(server)];
    const [first, second] = [
      await makeRoom(server, { room_type_id: type.room_type_id }),
      await makeRoom(server, { room_type_id: type.room_type_id }),
    ];
    const inUse = { status: 409, body: { code: 'room-type-in-use' } };
    expect(await remove(type.room_type_id)).toMatchObject(inUse);
    await call('DELETE', `/rooms/${first.room_id}`, { token: as.admin });
    await placeHold(server, [second.room_id]);
    expect(await remove(type.room_type_id)).toMatchObject(inUse);
    expect(await auditOfRoomType(database, type.room_type_id)).toHaveLength(1);
    await call('PATCH', `/rooms/${second.room_id}`, {
      token: as.admin,
      body: { room_type_id: other.room_type_id },
    });
    expect((await remove(type.room_type_id)).status).toBe(204);
  });

  test('404 room-type-not-found for one that never was; 400 for a bad id', async () => {
    expect(await remove(unknownId)).toMatchObject({ status: 404, body: { code: 'room-type-not-found' } });
    for (const id of ['0', 'x', '01', '2147483648']) expect((await remove(id)).status).toBe(400);
  });
});

describe('listRoomTypes', () => {
  test('200 with every live type, once, in the order of names; HEAD the same without the body', async () => {
    const { status, body, headers } = await list();
    expect([status, headers['cache-control']]).toEqual([200, 'private, no-cache']);
    const names = await database.query<{ name: string }>(
      'SELECT name FROM room_type WHERE NOT is_deleted ORDER BY name',
    );
    expect(body.room_types.map((type: { name: string }) => type.name)).toEqual(names.map(({ name }) => name));
    expect(await call('HEAD', '/room-types', { token: as.operations })).toMatchObject({
      status: 200,
      text: '',
    });
  });

  test('400 for any query', async () => {
    expect((await call('GET', '/room-types?limit=5', { token: as.operations })).status).toBe(400);
  });

  test('an own write is seen at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const type = await makeRoomType(server);
      expect((await list()).body.room_types).toContainEqual(type);
    }
  });
});

describe('who may do what', () => {
  test('401 without a token; changes want MANAGEMENT:WRITE; READ or HOLD:WRITE may list', async () => {
    const { room_type_id } = await makeRoomType(server);
    const url = `/room-types/${room_type_id}`;
    for (const [method, path, body] of [
      ['POST', '/room-types', { name: 'nobody' }],
      ['PATCH', url, { name: 'nobody' }],
      ['DELETE', url, undefined],
    ] as const) {
      expect((await call(method, path, { body })).status).toBe(401);
      for (const token of [as.operations, as.frontend, as.delegate, as.nobody]) {
        expect(await call(method, path, { token, body })).toMatchObject({
          status: 403,
          body: { code: 'permission-denied' },
        });
      }
    }
    expect((await call('GET', '/room-types')).status).toBe(401);
    expect((await list(as.nobody)).status).toBe(403);
    for (const token of [as.operations, as.frontend, as.admin]) expect((await list(token)).status).toBe(200);
    expect((await list()).text).not.toContain('"nobody"');
  });

  test('405 with Allow for GET of one type', async () => {
    const { room_type_id } = await makeRoomType(server);
    const answer = await call('GET', `/room-types/${room_type_id}`, { token: as.operations });
    expect(answer).toMatchObject({ status: 405, body: { code: 'method-not-allowed' } });
    expect(answer.headers.allow).toBe('DELETE, OPTIONS, PATCH');
  });
});

test('the audit trail, replayed, gives the room types', () => replayAudit(database));
