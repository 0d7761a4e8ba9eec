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
  'GET /metrics': everybody,
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
  const note = 'only for the house';

  /** A frozen room with a note, a held one and a booked one of one type, and what is secret about them. */
  async function makeSecrets() {
    const { roomTypeId, frozenRoomId, holdId } = await makeSubject();
    await freezeRoom(server, frozenRoomId, { freeze_reason: 'CLEANING', freeze_note: note });
    const booked = await makeRoom(server, { room_type_id: roomTypeId });
    const hold = await placeHold(server, [booked.room_id], { token: callers.owner });
    const path = `/rooms/hold/${hold.hold_id}/confirm`;
    await server.call('POST', path, { token: callers.owner, body: { booking_reference: 'B-77' } });
    const { rooms } = (await server.call('GET', `/rooms/hold/${holdId}`, { token: callers.owner })).body;
    return {
      roomTypeId,
      secrets: { [frozenRoomId]: note, [booked.room_id]: 'B-77', [rooms[0].room_id]: holdId },
    };
  }

  /** What of these fields is there, over all rooms. */
  const secretsIn = (rooms: readonly Record<string, unknown>[]) =>
    rooms
      .flatMap((room) => [room.hold_id, room.booking_reference, room.freeze_note])
      .filter((field) => field !== null);

  const seeing = ['reader', 'writer', 'reader and stranger', 'all'] as const;
  const blind = ['owner', 'stranger'] as const;

  test('hold, booking reference and note of a room that is read alone', async () => {
    const { secrets } = await makeSecrets();
    for (const [roomId, secret] of Object.entries(secrets)) {
      const read = async (caller: Caller) =>
        secretsIn([(await server.call('GET', `/rooms/${roomId}`, { token: callers[caller] ?? '' })).body]);
      for (const caller of seeing) expect([caller, await read(caller)]).toEqual([caller, [secret]]);
      for (const caller of blind) expect([caller, await read(caller)]).toEqual([caller, []]);
    }
  });

  test('the same in lists, whoever had the list before', async () => {
    const { roomTypeId, secrets } = await makeSecrets();
    const all = new Set(Object.values(secrets));
    const queries = [
      '',
      '&sort=-room_id',
      '&room_status=HELD',
      '&room_status=FROZEN',
      '&room_status=BOOKED',
      '&sort=hold_expires_at',
      '&is_freezed=true',
    ];
    const list = async (caller: Caller, query: string) => {
      const url = `/rooms?room_type_id=${roomTypeId}${query}`;
      return secretsIn((await server.call('GET', url, { token: callers[caller] ?? '' })).body.rooms);
    };
    const seen = new Set<unknown>();
    for (const query of queries) {
      for (const order of [
        [...blind, ...seeing],
        [...seeing, ...blind],
      ]) {
        // From here the list is in the cache for whoever comes second.
        server.platform.cache.changed();
        const first = new Map<Caller, unknown[]>();
        for (const caller of order) first.set(caller, await list(caller, query));
        for (const caller of blind) expect([query, caller, first.get(caller)]).toEqual([query, caller, []]);
        for (const caller of seeing) {
          // What is null above was taken out: who may see it does.
          expect([query, caller, first.get(caller)?.length]).not.toEqual([query, caller, 0]);
          for (const secret of first.get(caller) ?? []) seen.add(secret);
        }
      }
    }
    expect(seen).toEqual(all);
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
