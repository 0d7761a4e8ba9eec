/** Owns the state machine: every verb in every state, as docs/state-machine.md says it, and as it says it. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { roomStatuses } from '../../src/rooms/room.ts';
import { startTestApp } from '../helpers/app.ts';
import type { Answer } from '../helpers/contract.ts';
import {
  auditOf,
  expireFreeze,
  expireHold,
  freezeRoom,
  type Hold,
  makeRoom,
  makeRoomIn,
  makeRoomType,
  placeHold,
  readRoom,
  replayAudit,
} from '../helpers/property.ts';

const server = await startTestApp({ env: { HOLDS_ACTIVE_MAX: '0' } });
const { as, call, database } = server;
afterAll(server.close);

/** What a cell of the tables says: a status, and the problem's code or the state after it; null where it stays. */
type Outcome = readonly [status: number, after: string | null];
const none: Outcome = [0, null];
const admin = { token: as.admin };
let otherType: number | undefined;

const roomVerbs: Record<string, (roomId: number) => Promise<Answer>> = {
  hold: (id) => call('POST', '/rooms/hold', { token: as.frontend, body: { room_ids: [id] } }),
  freeze: (id) => call('POST', `/rooms/${id}/freeze`, { ...admin, body: { freeze_reason: 'SYSTEM_HOLD' } }),
  'freeze, supersede_hold': (id) =>
    call('POST', `/rooms/${id}/freeze`, {
      ...admin,
      body: { supersede_hold: true, freeze_reason: 'SYSTEM_HOLD' },
    }),
  unfreeze: (id) => call('DELETE', `/rooms/${id}/freeze`, admin),
  'change to AVAILABLE': (id) =>
    call('PATCH', `/rooms/${id}`, { ...admin, body: { room_status: 'AVAILABLE' } }),
  'change to BOOKED': (id) => call('PATCH', `/rooms/${id}`, { ...admin, body: { room_status: 'BOOKED' } }),
  'change to MAINTENANCE': (id) =>
    call('PATCH', `/rooms/${id}`, { ...admin, body: { room_status: 'MAINTENANCE' } }),
  'change of number': (id) =>
    call('PATCH', `/rooms/${id}`, { ...admin, body: { room_no: `renumbered ${id}` } }),
  'change of type': async (id) => {
    otherType ??= (await makeRoomType(server)).room_type_id;
    return call('PATCH', `/rooms/${id}`, { ...admin, body: { room_type_id: otherType } });
  },
  'change of floor': (id) => call('PATCH', `/rooms/${id}`, { ...admin, body: { floor: `of ${id}` } }),
  delete: (id) => call('DELETE', `/rooms/${id}`, admin),
};

const refusedAs = (code: string): Outcome => [409, code];
const changeTo = (status: string): Outcome[] => [
  [200, status],
  [200, status],
  [200, status],
  refusedAs('room-frozen'),
  refusedAs('room-held'),
];
const unavailable = refusedAs('room-unavailable');
const notFrozen = refusedAs('room-not-frozen');
const stays: Outcome[] = roomStatuses.map(() => [200, null]);

/** By verb, in the order of the statuses: AVAILABLE, BOOKED, MAINTENANCE, FROZEN, HELD. */
const roomTable: Record<string, Outcome[]> = {
  hold: [[201, 'HELD'], unavailable, unavailable, unavailable, unavailable],
  freeze: [
    [200, 'FROZEN'],
    refusedAs('room-booked'),
    [200, 'FROZEN'],
    [200, 'FROZEN'],
    refusedAs('room-held'),
  ],
  'freeze, supersede_hold': [
    [200, 'FROZEN'],
    refusedAs('room-booked'),
    [200, 'FROZEN'],
    [200, 'FROZEN'],
    [200, 'FROZEN'],
  ],
  unfreeze: [notFrozen, notFrozen, notFrozen, [200, 'AVAILABLE'], notFrozen],
  'change to AVAILABLE': changeTo('AVAILABLE'),
  'change to BOOKED': changeTo('BOOKED'),
  'change to MAINTENANCE': changeTo('MAINTENANCE'),
  'change of number': stays,
  'change of type': stays,
  'change of floor': stays,
  delete: [
    [204, 'deleted'],
    refusedAs('room-booked'),
    [204, 'deleted'],
    refusedAs('room-frozen'),
    refusedAs('room-held'),
  ],
};

const roomCases = Object.entries(roomTable).flatMap(([verb, outcomes]) =>
  roomStatuses.map((status, index) => ({ verb, status, outcome: outcomes[index] ?? none })),
);

describe('a room', () => {
  test('every verb meets every status', () => {
    expect(Object.keys(roomTable)).toEqual(Object.keys(roomVerbs));
    expect(roomStatuses).toEqual(['AVAILABLE', 'BOOKED', 'MAINTENANCE', 'FROZEN', 'HELD']);
    for (const outcomes of Object.values(roomTable)) expect(outcomes).toHaveLength(roomStatuses.length);
  });

  test.each(roomCases)('$status, $verb: $outcome', async ({ verb, status, outcome: [wanted, after] }) => {
    const room = await makeRoomIn(server, status);
    const rows = await auditOf(database, room);
    const answer = await roomVerbs[verb]?.(room.room_id);
    expect(answer?.status).toBe(wanted);
    if (wanted >= 400) {
      expect(answer?.body.code).toBe(after);
      expect(await readRoom(server, room.room_id)).toEqual(room);
      expect(await auditOf(database, room)).toEqual(rows);
    } else if (after === 'deleted') {
      expect((await call('GET', `/rooms/${room.room_id}`, admin)).status).toBe(404);
    } else {
      expect((await readRoom(server, room.room_id)).room_status).toBe(after ?? status);
    }
  });

  /** Over is over: a room whose hold or freeze has ended is what it is then, to every verb. */
  const overCases = Object.keys(roomTable).flatMap((verb) =>
    (['HELD', 'FROZEN from AVAILABLE', 'FROZEN from MAINTENANCE'] as const).map((was) => ({ verb, was })),
  );
  test.each(overCases)(
    '$was until it was over, untidied, $verb: as if it had been tidied',
    async ({ verb, was }) => {
      const makeOver = async () => {
        if (was === 'HELD') {
          const room = await makeRoomIn(server, 'HELD');
          await expireHold(server, room.hold_id ?? '');
          return room;
        }
        const room = await makeRoomIn(server, was === 'FROZEN from AVAILABLE' ? 'AVAILABLE' : 'MAINTENANCE');
        await freezeRoom(server, room.room_id, { expires_in_seconds: 60 });
        await expireFreeze(server, room.room_id);
        return room;
      };
      const status = was === 'FROZEN from MAINTENANCE' ? 'MAINTENANCE' : 'AVAILABLE';
      const [wanted, after] = roomTable[verb]?.[roomStatuses.indexOf(status)] ?? none;
      const { room_id } = await makeOver();
      const answer = await roomVerbs[verb]?.(room_id);
      expect([answer?.status, answer?.body?.code]).toEqual([wanted, wanted >= 400 ? after : undefined]);
      if (after !== 'deleted' && wanted < 400) {
        expect((await readRoom(server, room_id)).room_status).toBe(after ?? status);
      }
      const ending = was === 'HELD' ? 'EXPIRE' : 'UNFREEZE';
      const endings = (await auditOf(database, room_id)).filter(({ action }) => action === ending);
      // A refusal may leave the tidying to others; nobody does it twice.
      expect(endings.length <= 1 && endings.every(({ actor }) => actor === 'system')).toBe(true);
      if (wanted < 400) expect(endings).toHaveLength(1);
    },
  );
});

const holdStatuses = ['ACTIVE', 'CONFIRMED', 'RELEASED', 'EXPIRED', 'REVOKED'] as const;
const frontend = { token: as.frontend };
const url = (hold: Hold) => `/rooms/hold/${hold.hold_id}`;

/** A hold on two rooms that has come to this status; a CONFIRMED one has the booking reference `b1`. */
async function makeHoldIn(status: (typeof holdStatuses)[number]): Promise<Hold> {
  const rooms = [await makeRoom(server), await makeRoom(server)];
  const hold = await placeHold(
    server,
    rooms.map(({ room_id }) => room_id),
  );
  if (status === 'CONFIRMED')
    await call('POST', `${url(hold)}/confirm`, { ...frontend, body: { booking_reference: 'b1' } });
  if (status === 'RELEASED') await call('DELETE', url(hold), frontend);
  if (status === 'EXPIRED') await expireHold(server, hold.hold_id);
  if (status === 'REVOKED') {
    await freezeRoom(server, hold.rooms[1]?.room_id ?? 0, { supersede_hold: true });
    await call('DELETE', `/rooms/${hold.rooms[1]?.room_id}/freeze`, admin);
  }
  return hold;
}

const holdVerbs: Record<string, (hold: Hold) => Promise<Answer>> = {
  extend: (hold) => call('PATCH', url(hold), { ...frontend, body: { ttl_seconds: 60 } }),
  'confirm as b1': (hold) =>
    call('POST', `${url(hold)}/confirm`, { ...frontend, body: { booking_reference: 'b1' } }),
  'confirm as b2': (hold) =>
    call('POST', `${url(hold)}/confirm`, { ...frontend, body: { booking_reference: 'b2' } }),
  'confirm without reference': (hold) => call('POST', `${url(hold)}/confirm`, frontend),
  'confirm with reacquire': (hold) =>
    call('POST', `${url(hold)}/confirm`, { ...frontend, body: { booking_reference: 'b1', reacquire: true } }),
  release: (hold) => call('DELETE', url(hold), frontend),
};

const [confirmed, released, revoked] = [
  refusedAs('hold-confirmed'),
  refusedAs('hold-released'),
  refusedAs('hold-revoked'),
];
const expired: Outcome = [410, 'hold-expired'];
const becomes: Outcome = [200, 'CONFIRMED'];

/** By verb, in the order of the statuses: ACTIVE, CONFIRMED, RELEASED, EXPIRED, REVOKED. */
const holdTable: Record<string, Outcome[]> = {
  extend: [[200, 'ACTIVE'], confirmed, released, expired, revoked],
  'confirm as b1': [becomes, [200, null], released, expired, revoked],
  'confirm as b2': [becomes, confirmed, released, expired, revoked],
  'confirm without reference': [becomes, confirmed, released, expired, revoked],
  'confirm with reacquire': [becomes, [200, null], released, becomes, revoked],
  release: [[200, 'RELEASED'], confirmed, [200, null], [200, null], [200, null]],
};

const holdCases = Object.entries(holdTable).flatMap(([verb, outcomes]) =>
  holdStatuses.map((status, index) => ({ verb, status, outcome: outcomes[index] ?? none })),
);

describe('a hold', () => {
  test.each(holdCases)('$status, $verb: $outcome', async ({ verb, status, outcome: [wanted, after] }) => {
    const hold = await makeHoldIn(status);
    const read = async () => (await call('GET', url(hold), frontend)).body;
    const before = await read();
    expect(before.status).toBe(status);
    const answer = await holdVerbs[verb]?.(hold);
    expect(answer?.status).toBe(wanted);
    if (wanted >= 400) expect(answer?.body.code).toBe(after);
    else
      expect(answer?.body).toEqual({
        ...(await read()),
        expires_in_seconds: answer?.body.expires_in_seconds,
      });
    // Refused, or the same again: not a field is another.
    if (wanted >= 400 || after === null) expect(await read()).toEqual(before);
    else expect((await read()).status).toBe(after);
  });

  test('the audit trail, replayed, gives the rooms', () => replayAudit(database));
});

describe('docs/state-machine.md', () => {
  const page = readFileSync(new URL('../../docs/state-machine.md', import.meta.url), 'utf8');
  /** The rows of the table under this head: what each says, cell by cell. */
  const rowsUnder = (head: readonly string[]): Map<string, string[]> => {
    const [, ...lines] = page.slice(page.indexOf(`| | ${head.join(' | ')} |`)).split('\n');
    const rows = lines.slice(1, lines.indexOf('')).map((line) => line.split('|').map((cell) => cell.trim()));
    return new Map(rows.map(([, verb = '', ...cells]) => [verb, cells.slice(0, head.length)]));
  };
  /** Every "409 `code`" or "200" of a cell. */
  const saidIn = (cell = ''): string[] =>
    [...cell.matchAll(/\b([2-5]\d\d)\b(?: `([\w-]+)`)?/g)].map(([, status, code]) =>
      [status, code].join(' ').trim(),
    );
  const shown = (verbs: readonly string[], table: Record<string, Outcome[]>, index: number): string[] => {
    const outcomes = verbs.map((verb) => table[verb]?.[index] ?? none);
    return [
      ...new Set(outcomes.map(([status, after]) => (status >= 400 ? `${status} ${after}` : `${status}`))),
    ];
  };

  test.each([
    ['hold', ['hold']],
    ['freeze', ['freeze', 'freeze, supersede_hold']],
    ['unfreeze', ['unfreeze']],
    ['change of status', ['change to AVAILABLE', 'change to BOOKED', 'change to MAINTENANCE']],
    ['change of number, type, floor', ['change of number', 'change of type', 'change of floor']],
    ['delete', ['delete']],
  ])('says of rooms what is so: %s', (row, verbs) => {
    const cells = rowsUnder(roomStatuses).get(row);
    expect(cells).toHaveLength(roomStatuses.length);
    for (const [index, status] of roomStatuses.entries()) {
      expect([status, saidIn(cells?.[index])]).toEqual([status, shown(verbs, roomTable, index)]);
    }
  });

  test.each([
    ['extend', ['extend']],
    ['confirm', ['confirm as b1', 'confirm as b2', 'confirm without reference', 'confirm with reacquire']],
    ['release', ['release']],
  ])('says of holds what is so: %s', (row, verbs) => {
    const cells = rowsUnder(holdStatuses).get(row);
    expect(cells).toHaveLength(holdStatuses.length);
    for (const [index, status] of holdStatuses.entries()) {
      expect([status, saidIn(cells?.[index])]).toEqual([status, shown(verbs, holdTable, index)]);
    }
  });

  test('has no row beside these', () => {
    expect([rowsUnder(roomStatuses).size, rowsUnder(holdStatuses).size]).toEqual([6, 3]);
  });
});
