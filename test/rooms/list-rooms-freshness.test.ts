/** Owns how fresh GET /rooms and the summary are: own writes at once, what is over within 1 s, and X-Last-Event-Id. */
import { afterAll, describe, expect, test, vi } from 'vitest';
import { roomStatuses } from '../../src/rooms/room.ts';
import type { Room } from '../../src/rooms/schemas.ts';
import { startTestApp } from '../helpers/app.ts';
import {
  expireFreeze,
  expireHold,
  freezeRoom,
  makeRoom,
  makeRoomIn,
  makeRooms,
  openSession,
  placeHold,
  readRoom,
} from '../helpers/property.ts';

const server = await startTestApp();
const other = await startTestApp({ database: server.database });
const { as, call, database } = server;
afterAll(async () => {
  await other.close();
  await server.close();
});

const list = async (query: string, at = server): Promise<Room[]> =>
  (await at.call('GET', `/rooms?${query}`, { token: as.operations })).body.rooms;

/** Waits for `check` to pass. However slow this machine is: whoever asks 1 s later or more must not see it fail. */
async function within1s(check: () => Promise<unknown>): Promise<void> {
  const begunAtMs = performance.now();
  let failedAtMs = begunAtMs;
  const attempt = async () => {
    const askedAtMs = performance.now();
    await check().catch((error: unknown) => {
      failedAtMs = askedAtMs;
      throw error;
    });
  };
  await vi.waitFor(attempt, patience);
  expect(failedAtMs - begunAtMs).toBeLessThan(1_000);
}
const patience = { timeout: 10_000, interval: 20 };

describe('a client that wrote', () => {
  test('sees its own write in the next list from that instance, after every verb', async () => {
    const room = await makeRoom(server, { floor: 'own' });
    const { room_id } = room;
    let holdId = '';
    const place = async () => {
      holdId = (await placeHold(server, [room_id])).hold_id;
    };
    const admin = { token: as.admin };
    const steps: [string, () => Promise<unknown>][] = [
      ['freeze', () => freezeRoom(server, room_id, { freeze_reason: 'x' })],
      ['freeze again', () => freezeRoom(server, room_id, { freeze_reason: 'CLEANING' })],
      ['unfreeze', () => call('DELETE', `/rooms/${room_id}/freeze`, admin)],
      [
        'change',
        () => call('PATCH', `/rooms/${room_id}`, { ...admin, body: { room_status: 'MAINTENANCE' } }),
      ],
      [
        'change back',
        () => call('PATCH', `/rooms/${room_id}`, { ...admin, body: { room_status: 'AVAILABLE' } }),
      ],
      ['place', place],
      [
        'extend',
        () => call('PATCH', `/rooms/hold/${holdId}`, { token: as.frontend, body: { ttl_seconds: 5000 } }),
      ],
      ['release', () => call('DELETE', `/rooms/hold/${holdId}`, { token: as.frontend })],
      ['place again', place],
      ['supersede', () => freezeRoom(server, room_id, { supersede_hold: true })],
      ['unfreeze again', () => call('DELETE', `/rooms/${room_id}/freeze`, admin)],
      ['place once more', place],
      ['confirm', () => call('POST', `/rooms/hold/${holdId}/confirm`, { token: as.frontend })],
      [
        'check out',
        () => call('PATCH', `/rooms/${room_id}`, { ...admin, body: { room_status: 'AVAILABLE' } }),
      ],
    ];
    let shown = [room];
    for (const [name, step] of steps) {
      expect([name, await list('floor=own')]).toEqual([name, shown]);
      await step();
      shown = [await readRoom(server, room_id)];
      expect([name, await list('floor=own')]).toEqual([name, shown]);
    }
    await call('DELETE', `/rooms/${room_id}`, admin);
    expect(await list('floor=own')).toEqual([]);
    const again = await makeRoom(server, { floor: 'own', room_no: room.room_no });
    expect(await list('floor=own')).toEqual([again]);
  });

  test('sees it with 20 readers of the same list under way', async () => {
    const { room_id } = await makeRoom(server, { floor: 'busy' });
    for (let round = 0; round < 10; round += 1) {
      const readers = Array.from({ length: 20 }, () => list('floor=busy'));
      await freezeRoom(server, room_id, { freeze_reason: `round ${round}` });
      const [seen] = await list('floor=busy');
      expect(seen?.freeze_note).toBe(`round ${round}`);
      await Promise.all(readers);
    }
  });

  test('another instance shows it at most 1 second later', async () => {
    const room = await makeRoom(server, { floor: 'two instances' });
    const query = 'floor=two%20instances';
    await within1s(async () => expect(await list(query, other)).toEqual([room]));
    const frozen = await freezeRoom(server, room.room_id);
    await within1s(async () => expect(await list(query, other)).toEqual([frozen]));
  });
});

describe('what is over', () => {
  test('leaves the list of HELD rooms and joins that of AVAILABLE ones at most 1 second after its end, untidied', async () => {
    const room = await makeRoom(server, { floor: 'ending' });
    const { hold_id } = await placeHold(server, [room.room_id]);
    const endsAt = await expireHold(server, hold_id, -2_000);
    expect(await list('floor=ending&room_status=HELD')).toMatchObject([{ hold_id, hold_expires_at: endsAt }]);
    expect(await list('floor=ending&room_status=AVAILABLE')).toEqual([]);
    const isOver = async () => expect((await readRoom(server, room.room_id)).room_status).toBe('AVAILABLE');
    await vi.waitFor(isOver, patience);
    const free = { ...room, fence: 1, updated_at: endsAt };
    await within1s(async () => {
      expect(await list('floor=ending&room_status=HELD')).toEqual([]);
      expect(await list('floor=ending&room_status=AVAILABLE')).toEqual([free]);
      expect(await list('floor=ending&sort=hold_expires_at')).toEqual([]);
      expect(await list('floor=ending')).toEqual([free]);
    });
    expect(await database.query('SELECT status FROM hold WHERE hold_id = $1', [hold_id])).toEqual([
      { status: 'ACTIVE' },
    ]);
  });

  test('a timed freeze leaves the list of FROZEN rooms at most 1 second after its end, untidied', async () => {
    const thaw = async (status: 'AVAILABLE' | 'MAINTENANCE') => {
      const floor = `thawing ${status}`;
      const query = `floor=${encodeURIComponent(floor)}`;
      const room = await makeRoomIn(server, status, { floor });
      await freezeRoom(server, room.room_id, { expires_in_seconds: 60 });
      const endsAt = await expireFreeze(server, room.room_id, -2_000);
      expect(await list(`${query}&is_freezed=true`)).toMatchObject([
        { room_status: 'FROZEN', freeze_expires_at: endsAt },
      ]);
      await vi.waitFor(
        async () => expect((await readRoom(server, room.room_id)).room_status).toBe(status),
        patience,
      );
      await within1s(async () => {
        expect(await list(`${query}&is_freezed=true`)).toEqual([]);
        expect(await list(`${query}&freeze_reason=ADMIN_LOCK`)).toEqual([]);
        expect(await list(`${query}&is_freezed=false&room_status=${status}`)).toEqual([
          { ...room, updated_at: endsAt },
        ]);
      });
    };
    await Promise.all([thaw('AVAILABLE'), thaw('MAINTENANCE')]);
  });
});

describe('summarizeRooms', () => {
  const summary = (token = as.operations) => call('GET', '/rooms/summary', { token });

  test('200 with all five statuses and all four reasons, zeros included, of live rooms only', async () => {
    const fresh = await startTestApp();
    try {
      const read = () => fresh.call('GET', '/rooms/summary', { token: as.operations });
      const empty = await read();
      expect(empty.headers['cache-control']).toBe('private, no-cache');
      expect(empty.body).toEqual({
        total: 0,
        by_status: { AVAILABLE: 0, BOOKED: 0, MAINTENANCE: 0, FROZEN: 0, HELD: 0 },
        by_freeze_reason: { NONE: 0, CLEANING: 0, ADMIN_LOCK: 0, SYSTEM_HOLD: 0 },
      });
      for (const [index, status] of roomStatuses.entries()) {
        for (let count = 0; count <= index; count += 1) await makeRoomIn(fresh, status);
      }
      const [locked, held] = await makeRooms(fresh, 3);
      await freezeRoom(fresh, locked?.room_id ?? 0, { freeze_reason: 'SYSTEM_HOLD' });
      await fresh.call('DELETE', `/rooms/${held?.room_id}`, { token: as.admin });
      await within1s(async () => {
        expect((await read()).body).toEqual({
          total: 17,
          by_status: { AVAILABLE: 2, BOOKED: 2, MAINTENANCE: 3, FROZEN: 5, HELD: 5 },
          by_freeze_reason: { NONE: 12, CLEANING: 4, ADMIN_LOCK: 0, SYSTEM_HOLD: 1 },
        });
      });
    } finally {
      await fresh.close();
    }
  });

  test('counts what is over as it is, untidied', async () => {
    const fresh = await startTestApp();
    try {
      const held = await makeRoomIn(fresh, 'HELD');
      const frozen = await makeRoomIn(fresh, 'MAINTENANCE');
      await freezeRoom(fresh, frozen.room_id, { freeze_reason: 'SYSTEM_HOLD', expires_in_seconds: 60 });
      await expireHold(fresh, held.hold_id ?? '');
      await expireFreeze(fresh, frozen.room_id);
      await within1s(async () => {
        expect((await fresh.call('GET', '/rooms/summary', { token: as.operations })).body).toEqual({
          total: 2,
          by_status: { AVAILABLE: 1, BOOKED: 0, MAINTENANCE: 1, FROZEN: 0, HELD: 0 },
          by_freeze_reason: { NONE: 2, CLEANING: 0, ADMIN_LOCK: 0, SYSTEM_HOLD: 0 },
        });
      });
    } finally {
      await fresh.close();
    }
  });

  test('counts once for many who ask, and anew after a second', async () => {
    const fresh = await startTestApp();
    try {
      const total = async () =>
        (await fresh.call('GET', '/rooms/summary', { token: as.operations })).body.total;
      expect(await Promise.all([total(), total(), total()])).toEqual([0, 0, 0]);
      await makeRooms(fresh, 2);
      await within1s(async () => expect(await total()).toBe(2));
    } finally {
      await fresh.close();
    }
  });

  test('401 without a token, 403 for ROOM_HOLD:WRITE, 400 for a query; a room is never called summary', async () => {
    expect((await call('GET', '/rooms/summary')).status).toBe(401);
    expect(await summary(as.frontend)).toMatchObject({ status: 403, body: { code: 'permission-denied' } });
    expect((await summary(as.admin)).status).toBe(200);
    expect((await call('GET', '/rooms/summary?floor=1', { token: as.operations })).status).toBe(400);
    expect((await call('DELETE', '/rooms/summary', { token: as.admin })).status).toBe(405);
    expect(await call('HEAD', '/rooms/summary', { token: as.operations })).toMatchObject({
      status: 200,
      text: '',
    });
  });
});

describe('X-Last-Event-Id', () => {
  const lastEventId = async (query = ''): Promise<string> => {
    server.platform.cache.changed();
    return String(
      (await call('GET', `/rooms?${query}`, { token: as.operations })).headers['x-last-event-id'],
    );
  };
  /** Transactions of other test files, on the same Postgres, may hold it back for a moment; never is it beyond. */
  const untilLastEventId = (query: string, wanted: string): Promise<void> =>
    vi.waitFor(async () => {
      const seen = await lastEventId(query);
      if (Number(seen) > Number(wanted)) throw new Error(`${seen} is beyond ${wanted}`);
      expect(seen).toBe(wanted);
    }, patience);
  const newestAuditId = async (): Promise<string> =>
    (await database.query<{ id: string }>('SELECT max(audit_id)::text AS id FROM audit_log'))[0]?.id ?? '';

  test('is 0 when nothing has happened', async () => {
    const fresh = await startTestApp();
    try {
      expect((await fresh.call('GET', '/rooms', { token: as.operations })).headers['x-last-event-id']).toBe(
        '0',
      );
    } finally {
      await fresh.close();
    }
  });

  test('is the newest audit entry when no transaction is open, whatever the filter, also after an own write', async () => {
    await makeRoom(server);
    for (const query of ['', 'floor=nowhere', 'sort=-room_id&limit=1'])
      await untilLastEventId(query, await newestAuditId());
    await makeRoom(server);
    await untilLastEventId('', await newestAuditId());
  });

  test('goes not beyond an older transaction that is still open, and goes on when that has ended', async () => {
    const room = await makeRoom(server);
    const before = await newestAuditId();
    const session = await openSession(database);
    await session.query('BEGIN');
    await session.query('SELECT room_change($1)', [
      JSON.stringify([{ room_id: room.room_id, changes: { floor: 'late' }, actor: 'x', request_id: 'x' }]),
    ]);
    await makeRoom(server, { floor: 'newer' });
    // The list shows the newer room; but the entries before that one are not all to be seen yet.
    expect(await list('floor=newer')).toHaveLength(1);
    await untilLastEventId('floor=newer', before);
    await session.query('COMMIT');
    // The last in the order of commits is the newer room's entry, whose transaction began last.
    await untilLastEventId('floor=newer', await newestAuditId());
  });

  test('is that of the moment when the list was read, in a cached answer too', async () => {
    await untilLastEventId('floor=cached', await newestAuditId());
    const read = () => call('GET', '/rooms?floor=cached', { token: as.operations });
    const [first, second] = [await read(), await read()];
    expect(second.headers['x-last-event-id']).toBe(first.headers['x-last-event-id']);
    const known = { 'if-none-match': String(first.headers.etag) };
    const unchanged = await call('GET', '/rooms?floor=cached', { token: as.operations, headers: known });
    expect([unchanged.status, unchanged.headers['x-last-event-id']]).toEqual([
      304,
      first.headers['x-last-event-id'],
    ]);
  });
});
