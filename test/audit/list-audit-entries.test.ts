/** Owns the contract of GET /audit. */
import { afterAll, describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../src/audit/schemas.ts';
import { startTestApp } from '../helpers/app.ts';
import {
  auditOf,
  expireHold,
  freezeRoom,
  makeRoomIn,
  makeRooms,
  makeRoomType,
  placeHold,
} from '../helpers/property.ts';

const server = await startTestApp();
const { as, call, database } = server;
afterAll(server.close);

const list = (query: string | URLSearchParams = '', token: string | undefined = as.operations) =>
  call('GET', `/audit?${query}`, { token });

/** A trail with every action in it. */
async function makeTrail(): Promise<void> {
  for (const status of ['AVAILABLE', 'BOOKED', 'MAINTENANCE', 'FROZEN', 'HELD'] as const)
    await makeRoomIn(server, status);
  const rooms = await makeRooms(server, 14);
  const [a = 0, b = 0, c = 0, d = 0] = rooms.map(({ room_id }) => room_id);
  const { hold_id } = await placeHold(server, [a, b]);
  await call('PATCH', `/rooms/hold/${hold_id}`, { token: as.frontend, body: { ttl_seconds: 600 } });
  await call('DELETE', `/rooms/hold/${hold_id}`, { token: as.frontend });
  await placeHold(server, [c, d], { token: as.frontend2 });
  await freezeRoom(server, c, { supersede_hold: true });
  await call('DELETE', `/rooms/${c}/freeze`, { token: as.admin });
  const over = await placeHold(server, [a, b, d], { token: as.delegate, holder: 'a customer' });
  await expireHold(server, over.hold_id);
  await placeHold(server, [a]);
  await call('DELETE', `/rooms/${b}`, { token: as.admin });
  const { room_type_id } = await makeRoomType(server);
  await call('PATCH', `/room-types/${room_type_id}`, { token: as.admin, body: { name: 'Suite' } });
  await call('DELETE', `/room-types/${room_type_id}`, { token: as.admin });
}
await makeTrail();
const everyEntry: AuditEntry[] = (await list('limit=200')).body.entries;

/** Every entry, page by page. */
async function walk(
  query: string,
  limit: number,
  between: () => Promise<unknown> = async () => undefined,
): Promise<AuditEntry[]> {
  const seen: AuditEntry[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { status, body } = await list(`${query}&limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    seen.push(...body.entries);
    cursor = body.next_cursor;
    if (cursor !== null) await between();
  }
  return seen;
}

describe('listAuditEntries', () => {
  test('200, newest first, every entry there is, of every action and both entities', async () => {
    const { status, headers, body } = await list('limit=200');
    expect([status, headers['cache-control'], body.next_cursor]).toEqual([200, 'private, no-cache', null]);
    const ids = body.entries.map((entry: AuditEntry) => entry.audit_id);
    expect(ids).toEqual([...ids].sort((x, y) => y - x));
    expect(await database.query('SELECT FROM audit_log')).toHaveLength(ids.length);
    expect(new Set(everyEntry.map(({ entity }) => entity))).toEqual(new Set(['room', 'room_type']));
    expect(new Set(everyEntry.map(({ action }) => action)).size).toBe(11);
  });

  test('each entry as section 6 says, and as the trail of its room says', async () => {
    for (const entry of everyEntry.filter(({ entity }) => entity === 'room')) {
      expect(entry.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(await auditOf(database, Number(entry.entity_id))).toContainEqual(entry);
      const isByItself = entry.action === 'EXPIRE';
      expect([entry.actor === 'system', entry.request_id === null]).toEqual([isByItself, isByItself]);
      expect(entry.hold_id !== null).toBe(
        ['HOLD', 'EXTEND', 'CONFIRM', 'RELEASE', 'EXPIRE', 'REVOKE'].includes(entry.action),
      );
    }
  });

  test('50 entries when no limit is given', async () => {
    expect(everyEntry.length).toBeGreaterThan(50);
    const { body } = await list();
    expect(body.entries).toEqual(everyEntry.slice(0, 50));
    expect(body.next_cursor).not.toBeNull();
  });

  const someHold = everyEntry.find(({ action }) => action === 'REVOKE')?.hold_id ?? '';
  const someRoom = everyEntry.find(({ action }) => action === 'REVOKE')?.entity_id ?? '';
  const frozenRoom = everyEntry.find(({ action }) => action === 'UNFREEZE')?.entity_id;
  const someType = everyEntry.find(({ entity }) => entity === 'room_type')?.entity_id ?? '';
  const middle = everyEntry[Math.floor(everyEntry.length / 2)]?.at ?? '';
  const earlier = everyEntry.at(-10)?.at ?? '';

  const choices: [keyof AuditEntry | 'from' | 'to', string[]][] = [
    ['entity', ['room', 'room_type']],
    ['entity_id', [someRoom, someType, '2147483647']],
    ['hold_id', [someHold, '0198c5a0-0000-7000-8000-000000000001']],
    [
      'action',
      [
        'CREATE',
        'UPDATE',
        'DELETE',
        'FREEZE',
        'UNFREEZE',
        'HOLD',
        'EXTEND',
        'CONFIRM',
        'RELEASE',
        'EXPIRE',
        'REVOKE',
      ],
    ],
    ['actor', ['admin', 'frontend', 'frontend2', 'delegate', 'system', 'Admin', 'a customer', '%']],
    ['from', [earlier, middle, '9999-12-31T23:59:59.999Z', '0001-01-01T00:00:00Z']],
    ['to', [earlier, middle, '9999-12-31T23:59:59.999Z', '0001-01-01T00:00:00Z']],
  ];

  /** What the list should be, said without SQL. */
  function expected(query: URLSearchParams): AuditEntry[] {
    return everyEntry.filter((entry) =>
      [...query].every(([name, value]) => {
        if (name === 'from') return entry.at >= value;
        if (name === 'to') return entry.at <= value;
        return Object.entries(entry).some(([field, is]) => field === name && is === value);
      }),
    );
  }

  const pairs = choices.flatMap(([name, values], index) =>
    values.flatMap((value) => [
      new URLSearchParams({ [name]: value }),
      ...choices
        .slice(index + 1)
        .flatMap(([other, others]) =>
          others.map((more) => new URLSearchParams({ [name]: value, [other]: more })),
        ),
    ]),
  );

  test('every filter alone, and every two together', async () => {
    expect(pairs.length).toBeGreaterThan(300);
    for (const query of pairs) {
      const { body } = await list(`${query}&limit=200`);
      expect([`${query}`, body.entries]).toEqual([`${query}`, expected(query)]);
    }
  });

  test('all filters together', async () => {
    const [entry] = everyEntry.filter(({ action }) => action === 'REVOKE');
    const { entity = '', entity_id = '', hold_id, action = '', actor = '', at = '' } = entry ?? {};
    const query = new URLSearchParams({
      entity,
      entity_id,
      hold_id: hold_id ?? '',
      action,
      actor,
      from: at,
      to: at,
    });
    expect((await list(query)).body).toEqual({ entries: [entry], next_cursor: null });
  });

  test('from and to include their instants, in any zone', async () => {
    const { body } = await list(new URLSearchParams({ from: middle, to: middle }));
    expect(body.entries).toEqual(everyEntry.filter(({ at }) => at === middle));
    expect(body.entries.length).toBeGreaterThan(0);
    const zoned = new Date(Date.parse(middle) + 3 * 3_600_000).toISOString().replace('Z', '+03:00');
    expect((await list(new URLSearchParams({ from: zoned, to: zoned }))).body.entries).toEqual(body.entries);
  });

  test('a verb on several rooms has one row per room, of one request', async () => {
    const rows = everyEntry.filter(({ hold_id, action }) => hold_id === someHold && action === 'REVOKE');
    expect(rows).toHaveLength(2);
    expect(new Set(rows.map(({ entity_id }) => entity_id)).size).toBe(2);
    expect(new Set(rows.map(({ request_id, at }) => `${request_id} ${at}`)).size).toBe(1);
    const freeze = everyEntry.find(
      ({ action, request_id }) => action === 'FREEZE' && request_id === rows[0]?.request_id,
    );
    expect(freeze).toMatchObject({ entity_id: frozenRoom, hold_id: null, actor: 'admin', at: rows[0]?.at });
  });

  test.each([
    'entity=hold',
    'entity=',
    'entity=ROOM',
    'action=create',
    'action=',
    'action=LOOK',
    'hold_id=x',
    'hold_id=',
    'from=yesterday',
    'from=2026-11-22',
    'from=2026-11-22T10:00:00',
    'to=2026-02-30T00:00:00Z',
    'to=',
    'actor=',
    'limit=0',
    'limit=201',
    'entity_id=',
    'room_id=1',
    'sort=at',
    'action=HOLD&action=EXPIRE',
    'actor=%00',
    `actor=${'x'.repeat(256)}`,
  ])('400 request-invalid for ?%s', async (query) => {
    expect(await list(query)).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
  });

  test('401 without a token, 403 for ROOM_HOLD:WRITE, 200 with MANAGEMENT:WRITE; HEAD has no body', async () => {
    expect((await call('GET', '/audit')).status).toBe(401);
    for (const token of [as.frontend, as.delegate, as.nobody]) {
      expect(await list('', token)).toMatchObject({ status: 403, body: { code: 'permission-denied' } });
    }
    expect((await list('', as.admin)).status).toBe(200);
    expect(await call('HEAD', '/audit', { token: as.operations })).toMatchObject({ status: 200, text: '' });
  });
});

describe('the pages of listAuditEntries', () => {
  test.each(['entity=room', 'action=HOLD', 'actor=admin&action=CREATE', 'entity=room_type', ''])(
    '%s: pages of 1, 2 and 7 are the whole list',
    async (query) => {
      const whole = (await list(`${query}&limit=200`.replace(/^&/, ''))).body.entries;
      for (const limit of [1, 2, 7]) expect(await walk(query, limit)).toEqual(whole);
    },
  );

  test('entries that come between pages are not seen, and shift nothing', async () => {
    const { entity_id = '' } = everyEntry.find(({ action }) => action === 'UNFREEZE') ?? {};
    const query = `entity_id=${entity_id}&entity=room`;
    const whole = (await list(`${query}&limit=200`)).body.entries;
    let round = 0;
    const seen = await walk(query, 2, () => {
      round += 1;
      return freezeRoom(server, Number(entity_id), { freeze_reason: `round ${round}` });
    });
    expect([seen, round > 1]).toEqual([whole, true]);
  });

  test('a cursor of another filter: 400 cursor-invalid, of another limit it is good', async () => {
    const { next_cursor } = (await list('actor=admin&limit=1')).body;
    expect((await list(`actor=admin&limit=3&cursor=${next_cursor}`)).status).toBe(200);
    for (const query of [
      'actor=frontend',
      'action=CREATE',
      '',
      'actor=admin&entity=room',
      'actor=admin&from=2020-01-01T00:00:00Z',
    ]) {
      expect(await list(`${query}&cursor=${next_cursor}`)).toMatchObject({
        status: 400,
        body: { code: 'cursor-invalid' },
      });
    }
    const rooms = await call('GET', '/rooms?limit=1&sort=room_id', { token: as.operations });
    expect(await list(`cursor=${rooms.body.next_cursor}`)).toMatchObject({
      status: 400,
      body: { code: 'cursor-invalid' },
    });
    for (const cursor of ['', 'x', 'bnVsbA', '%00'])
      expect((await list(`cursor=${cursor}`)).status).toBe(400);
  });

  test.each([0, -1, 1.5, 2 ** 53, '1', null, [1]])(
    'a cursor that was opened and made to say %j: 400 cursor-invalid',
    async (key) => {
      const { next_cursor } = (await list('limit=1')).body;
      const [mark] = JSON.parse(Buffer.from(next_cursor, 'base64url').toString());
      const cursor = Buffer.from(JSON.stringify([mark, key])).toString('base64url');
      expect(await list(`cursor=${cursor}`)).toMatchObject({ status: 400, body: { code: 'cursor-invalid' } });
    },
  );
});
