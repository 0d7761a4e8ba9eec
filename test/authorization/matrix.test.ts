import { afterAll, describe, expect, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import { freezeRoom, makeRoom, makeRoomType, placeHold } from '../helpers/property.ts';
import { type RouteCall, routesOf, type Subject } from '../helpers/route-calls.ts';
import { tokenFor } from '../helpers/tokens.ts';
import { openWire } from '../helpers/wire-app.ts';
import type { WireRequest } from '../helpers/wire-request.ts';

/** Who asks. The owner has placed the hold that is asked for; the stranger may do the same, but did not place it. */
const callers = {
  none: undefined,
  nobody: tokenFor('nobody'),
  delegate: tokenFor('delegate alone', 'ROOM_HOLD:DELEGATE'),
  reader: tokenFor('reader', 'ROOM_MANAGEMENT:READ'),
  writer: tokenFor('writer', 'ROOM_MANAGEMENT:WRITE'),
  owner: tokenFor('owner', 'ROOM_HOLD:WRITE'),
  stranger: tokenFor('stranger', 'ROOM_HOLD:WRITE'),
  'reader and stranger': tokenFor('reading stranger', 'ROOM_MANAGEMENT:READ', 'ROOM_HOLD:WRITE'),
  all: tokenFor(
    'all',
    'ROOM_MANAGEMENT:READ',
    'ROOM_MANAGEMENT:WRITE',
    'ROOM_HOLD:WRITE',
    'ROOM_HOLD:DELEGATE',
  ),
} as const;

type Caller = keyof typeof callers;
type Statuses = Readonly<Record<Caller, number>>;

const order = Object.keys(callers);

/** In the order of the callers. */
function statuses(...all: readonly number[]): Statuses {
  if (all.length !== order.length) throw new Error('a status for each caller');
  const at = (caller: Caller) => all[order.indexOf(caller)] ?? 0;
  return {
    none: at('none'),
    nobody: at('nobody'),
    delegate: at('delegate'),
    reader: at('reader'),
    writer: at('writer'),
    owner: at('owner'),
    stranger: at('stranger'),
    'reader and stranger': at('reader and stranger'),
    all: at('all'),
  };
}

const everybody = statuses(200, 200, 200, 200, 200, 200, 200, 200, 200);
const readers = statuses(401, 403, 403, 200, 200, 200, 200, 200, 200);
const operations = statuses(401, 403, 403, 200, 200, 403, 403, 200, 200);
const admins = (status: number) => statuses(401, 403, 403, 403, status, 403, 403, 403, status);
/** A verb that changes a hold: whoever may read every hold may not change it for that. */
const changers = statuses(401, 403, 403, 403, 200, 200, 404, 404, 200);

/** What every route answers to every caller. A route that is not here fails. */
const matrix: Readonly<Record<string, Statuses>> = {
  'GET /openapi.json': everybody,
  'GET /livez': everybody,
  'GET /readyz': everybody,
  'POST /rooms': admins(201),
  'GET /rooms': readers,
  'GET /rooms/summary': operations,
  'GET /rooms/:room_id': readers,
  'PATCH /rooms/:room_id': admins(200),
  'DELETE /rooms/:room_id': admins(204),
  'POST /room-types': admins(201),
  'GET /room-types': readers,
  'PATCH /room-types/:room_type_id': admins(200),
  'DELETE /room-types/:room_type_id': admins(204),
  'POST /rooms/:room_id/freeze': admins(200),
  'DELETE /rooms/:room_id/freeze': admins(200),
  'POST /rooms/hold': statuses(401, 403, 403, 403, 201, 201, 201, 201, 201),
  'GET /rooms/hold': readers,
  'GET /rooms/hold/:hold_id': statuses(401, 403, 403, 200, 200, 200, 404, 200, 200),
  'PATCH /rooms/hold/:hold_id': changers,
  'DELETE /rooms/hold/:hold_id': changers,
  'POST /rooms/hold/:hold_id/confirm': changers,
  'GET /audit': operations,
  'GET /events': readers,
  'GET /docs': everybody,
  'GET /docs/problems': everybody,
};

// Started before the tests are named: they are named after its routes. Nobody here is to meet the limit of a holder.
const server = await startTestApp({ env: { HOLDS_ACTIVE_MAX: '0' } });
afterAll(() => server.close());
const wire = await openWire(server);
const routes = routesOf(server.app);
const patterns = [...server.app.patterns].map(([pattern, methods]) => ({ pattern, methods: [...methods] }));

/** Everything that a call may be about, made for this call alone: nothing that another did stands in its way. */
async function makeSubject(): Promise<Subject> {
  const room = await makeRoom(server);
  const frozen = await makeRoom(server, { room_type_id: room.room_type_id });
  await freezeRoom(server, frozen.room_id);
  const held = await makeRoom(server, { room_type_id: room.room_type_id });
  const hold = await placeHold(server, [held.room_id], { token: callers.owner });
  return {
    roomId: room.room_id,
    frozenRoomId: frozen.room_id,
    roomTypeId: room.room_type_id,
    spareRoomTypeId: (await makeRoomType(server)).room_type_id,
    holdId: hold.hold_id,
  };
}

async function auditCount(): Promise<number> {
  const [row] = await server.database.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM audit_log',
  );
  return row?.count ?? 0;
}

function requestOf(
  method: string,
  call: RouteCall,
  subject: Subject,
  token: string | undefined,
): WireRequest {
  const body = method === 'HEAD' ? undefined : call.body?.(subject);
  return {
    method,
    target: call.target(subject),
    headers: [
      ...(token === undefined ? [] : [['Authorization', `Bearer ${token}`] as const]),
      ...(body === undefined ? [] : [['Content-Type', 'application/json'] as const]),
    ],
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

const codes: Readonly<Record<number, string>> = {
  401: 'credentials-missing',
  403: 'permission-denied',
  404: 'hold-not-found',
};

describe.each(routes.map((route) => [route.key, route] as const))('%s', (key, { method, call }) => {
  const expected = matrix[key];

  test('is in the matrix', () => {
    expect(expected, `${key} is a new route: say who may call it`).toBeDefined();
  });

  test.each(Object.entries(callers))('as %s', async (caller, token) => {
    const subject = await makeSubject();
    const before = await auditCount();
    const status = Object.entries(expected ?? {}).find(([name]) => name === caller)?.[1] ?? 0;
    const asks = method === 'GET' ? ['GET', 'HEAD'] : [method];
    for (const asked of call.isStream && status === 200 ? ['HEAD'] : asks) {
      const request = requestOf(asked, call, subject, token);
      const answer = wire.judged(request, (await wire.send(request)).at(0));
      expect([asked, answer.status]).toEqual([asked, status]);
      if (status >= 400 && asked !== 'HEAD') expect(answer.body.code).toBe(codes[status]);
    }
    // Who may not has changed nothing; who may and asked for a change has left a row.
    const isChange = method !== 'GET' && status < 400;
    expect((await auditCount()) > before).toBe(isChange);
  });
});

test('every path answers OPTIONS to everybody, and to nobody a method that it does not take', async () => {
  for (const { pattern, methods } of patterns) {
    const path = pattern.replaceAll(/:\w+/g, '1');
    const options = await server.call('OPTIONS', path);
    expect([path, options.status, options.headers.allow]).toEqual([
      path,
      204,
      [...methods, 'OPTIONS'].sort().join(', '),
    ]);
    for (const token of [undefined, callers.all]) {
      const put = await server.call('PUT', path, token === undefined ? {} : { token });
      expect([path, put.status]).toEqual([path, 405]);
    }
  }
});

describe('what a caller without READ does not see', () => {
  test('hold, booking reference and note of a room, whether asked alone or in a list', async () => {
    const note = 'only for the house';
    const { roomId, frozenRoomId, holdId } = await makeSubject();
    await freezeRoom(server, frozenRoomId, { freeze_reason: 'CLEANING', freeze_note: note });
    const booked = await makeRoom(server);
    const hold = await placeHold(server, [booked.room_id], { token: callers.owner });
    const path = `/rooms/hold/${hold.hold_id}/confirm`;
    await server.call('POST', path, { token: callers.owner, body: { booking_reference: 'B-77' } });
    const held = (await server.call('GET', `/rooms/hold/${holdId}`, { token: callers.owner })).body.rooms[0]
      .room_id;
    const ids: number[] = [roomId, frozenRoomId, booked.room_id, held];
    const secrets = (room: Record<string, unknown>) => [
      room.hold_id,
      room.booking_reference,
      room.freeze_note,
    ];

    /** The rooms as this caller sees them: alone, and in every list that may show them. */
    const seenBy = async (token: string) => {
      const alone = await Promise.all(
        ids.map(async (id) => (await server.call('GET', `/rooms/${id}`, { token })).body),
      );
      const lists = [
        '',
        '&sort=-room_id',
        '&room_status=HELD',
        '&room_status=FROZEN',
        '&room_status=BOOKED',
        '&sort=hold_expires_at',
        '&is_freezed=true',
      ];
      const listed = await Promise.all(
        lists.map(
          async (query) => (await server.call('GET', `/rooms?limit=200${query}`, { token })).body.rooms,
        ),
      );
      return [...alone, ...listed.flat().filter((room: { room_id: number }) => ids.includes(room.room_id))];
    };
    for (const token of [callers.owner, callers.stranger]) {
      const rooms = await seenBy(token);
      expect(rooms.length).toBeGreaterThan(2 * ids.length);
      for (const room of rooms) expect(secrets(room)).toEqual([null, null, null]);
    }
    // The same rooms do have them, for who may see: so what is null above was taken out.
    for (const token of [callers.reader, callers.writer, callers['reader and stranger'], callers.all]) {
      const seen = (await seenBy(token)).flatMap(secrets).filter((secret) => secret !== null);
      expect(new Set(seen)).toEqual(new Set([holdId, 'B-77', note]));
    }
  });

  test('somebody else’s holds, in any list', async () => {
    const { holdId } = await makeSubject();
    const [{ rooms, ...hold }] = (await server.call('GET', '/rooms/hold?limit=1', { token: callers.owner }))
      .body.holds;
    expect(hold.hold_id).toBe(holdId);
    const queries = ['', '?status=ACTIVE', '?holder=owner', `?room_id=${rooms[0].room_id}`, '?limit=200'];
    const listed = async (token: string, query: string) =>
      (await server.call('GET', `/rooms/hold${query}`, { token })).body.holds.map(
        (each: { hold_id: string }) => each.hold_id,
      );
    for (const query of queries) {
      for (const token of [callers.reader, callers.writer, callers.owner])
        expect(await listed(token, query)).toContain(holdId);
      const strangers = (await server.call('GET', `/rooms/hold${query}`, { token: callers.stranger })).body
        .holds;
      expect(strangers.filter((each: { created_by: string }) => each.created_by !== 'stranger')).toEqual([]);
    }
  });

  test('who holds a room that is in the way', async () => {
    const { holdId } = await makeSubject();
    const { rooms } = (await server.call('GET', `/rooms/hold/${holdId}`, { token: callers.owner })).body;
    const body = { room_ids: [rooms[0].room_id] };
    const refused = await server.call('POST', '/rooms/hold', { token: callers.stranger, body });
    expect(refused.body.code).toBe('room-unavailable');
    for (const secret of [holdId, 'owner']) expect(refused.text).not.toContain(secret);
  });
});

describe('whom a hold is for', () => {
  const asFor = async (token: string, holder: string) => {
    const { roomId } = await makeSubject();
    return server.call('POST', '/rooms/hold', { token, body: { room_ids: [roomId], holder } });
  };

  test('another than oneself needs DELEGATE, which WRITE includes', async () => {
    const frontend = tokenFor('a frontend', 'ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE');
    expect((await asFor(callers.owner, 'stranger')).status).toBe(403);
    expect((await asFor(callers['reader and stranger'], 'owner')).status).toBe(403);
    expect((await asFor(callers.owner, 'owner')).status).toBe(201);
    expect((await asFor(frontend, 'owner')).status).toBe(201);
    expect((await asFor(callers.writer, 'owner')).status).toBe(201);
  });

  test('a holder does not own what another placed for him', async () => {
    const frontend = tokenFor('a frontend', 'ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE');
    const { body: hold } = await asFor(frontend, 'stranger');
    const path = `/rooms/hold/${hold.hold_id}`;
    expect((await server.call('GET', path, { token: callers.stranger })).status).toBe(404);
    expect((await server.call('DELETE', path, { token: callers.stranger })).status).toBe(404);
    expect((await server.call('DELETE', path, { token: frontend })).status).toBe(200);
  });
});
