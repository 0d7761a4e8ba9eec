import { afterAll, describe } from 'vitest';
import { headersOf, openProperty, type Row, testRows } from './property.ts';

const property = await openProperty();
afterAll(() => property.server.close());
const { as, call } = property.server;

const invalid = { status: 400, code: 'request-invalid' } as const;
const cursorInvalid = { status: 400, code: 'cursor-invalid' } as const;

function row(target: string, refusal: Pick<Row, 'status' | 'code'>): Row {
  const name = target.length > 100 ? `${target.slice(0, 90)}… (${target.length} characters)` : target;
  return { name, request: { method: 'GET', target, headers: headersOf(as.operations) }, ...refusal };
}

const notCounts = [
  '',
  '0',
  '-1',
  '201',
  '1.5',
  '1.0',
  '1e2',
  '+1',
  '%201',
  '01',
  '0x10',
  'abc',
  'null',
  '9007199254740993',
  '1'.repeat(400),
  '50&limit=50',
  '%D9%A1',
];
const notIds = ['', '0', '-1', '2147483648', '1.0', '1e1', '"1"', 'x', '1&X=1', '5&floor=1&floor=2'];
const notTexts = (max: number) => [
  '%00',
  'a%00',
  '%ff',
  '%',
  '%ED%A0%80',
  'x'.repeat(max + 1),
  '%F0%9F%98%80'.repeat(max + 1),
  'a&a=b',
];
const of = (path: string, field: string, values: readonly string[]) =>
  values.map((value) => row(`${path}?${field}=${value}`, invalid));

describe('queries of rooms', () => {
  testRows(property, [
    ...of('/rooms', 'limit', notCounts),
    ...of(
      '/rooms',
      'room_type_id',
      notIds.map((id) => id.replace('"1"', '%221%22')),
    ),
    ...of('/rooms', 'is_freezed', [
      '',
      'TRUE',
      'True',
      '1',
      '0',
      'yes',
      'null',
      'true%20',
      'true&is_freezed=false',
      'true&is_freezed=true',
    ]),
    ...of('/rooms', 'room_status', [
      '',
      'available',
      'AVAILABLE,BOOKED',
      'FREE',
      'AVAILABLE%20',
      'AVAILABLE&room_status=x',
      'null',
    ]),
    ...of('/rooms', 'room_status', [Array(51).fill('HELD').join('&room_status=')]),
    ...of('/rooms', 'room_status[]', ['AVAILABLE']),
    ...of('/rooms', 'room_status[0]', ['AVAILABLE']),
    ...of('/rooms', 'freeze_reason', ['', 'none', 'CLEANING,NONE', 'NONE&freeze_reason=NONE']),
    ...of('/rooms', 'floor', notTexts(50)),
    ...of('/rooms', 'room_no', notTexts(50)),
    ...of('/rooms', 'sort', [
      '',
      'room_no,-room_id',
      '--room_no',
      '+room_no',
      'ROOM_NO',
      'fence',
      'hold_id',
      'room_no;DROP',
      'room_no&sort=room_id',
    ]),
    ...of('/rooms', 'hold_id', ['0192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6e']),
    ...of('/rooms', 'booking_reference', ['B-1']),
    ...of('/rooms', 'freeze_note', ['a']),
    ...of('/rooms', 'is_deleted', ['true']),
    ...of('/rooms', 'Limit', ['5']),
    ...of('/rooms', '', ['5']),
    ...of('/rooms/summary', 'limit', ['5']),
  ]);
});

describe('queries of holds', () => {
  testRows(property, [
    ...of('/rooms/hold', 'limit', notCounts),
    ...of(
      '/rooms/hold',
      'room_id',
      notIds.map((id) => id.replace('"1"', '%221%22')),
    ),
    ...of('/rooms/hold', 'status', ['', 'active', 'ACTIVE,EXPIRED', 'ENDED', 'ACTIVE&status=ACTIVE']),
    ...of('/rooms/hold', 'holder', ['', ...notTexts(255)]),
    ...of('/rooms/hold', 'reference', notTexts(200)),
    ...of('/rooms/hold', 'booking_reference', notTexts(200)),
    ...of('/rooms/hold', 'created_by', ['frontend']),
    ...of('/rooms/hold', 'sort', ['hold_id']),
  ]);
});

describe('queries of the audit trail', () => {
  const notTimes = [
    ...[
      '',
      'now',
      '0',
      '1795370756383',
      '2026-11-22',
      '2026-11-22T17:05:56',
      '2026-11-22T17:05Z',
      '2026-11-22%2017:05:56Z',
      '2026-11-22T17:05:56+01:00',
    ],
    ...[
      '2026-13-01T00:00:00Z',
      '2026-02-30T00:00:00Z',
      '2025-02-29T00:00:00Z',
      '2026-11-22T24:00:00Z',
      '2026-11-22T17:60:00Z',
      '2026-11-22T17:05:61Z',
    ],
    ...[
      '0000-01-01T00:00:00Z',
      '10000-01-01T00:00:00Z',
      '%2B010000-01-01T00:00:00Z',
      '-000001-01-01T00:00:00Z',
      '0001-01-01T00:00:00%2B00:01',
    ],
    ...[
      '9999-12-31T23:59:59-00:01',
      '2026-11-22T17:05:56.Z',
      '2026-11-22T17:05:56Z%00',
      '2026-W47-7T00:00:00Z',
      'infinity',
      'epoch',
      'now()',
      '2026-11-22T17:05:56Z&from=2026-11-22T17:05:56Z&to=x',
    ],
  ];
  testRows(property, [
    ...of('/audit', 'limit', notCounts),
    ...of('/audit', 'entity', ['', 'hold', 'ROOM', 'room,room_type', 'room&entity=room_type']),
    ...of('/audit', 'entity_id', ['', ...notTexts(20)]),
    ...of('/audit', 'hold_id', ['', '1', '0192D3B4-5F6A-7B8C-9D0E-1F2A3B4C5D6E', 'null', "'%20OR%201=1"]),
    ...of('/audit', 'action', ['', 'hold', 'HOLD,EXPIRE', 'TRUNCATE']),
    ...of('/audit', 'actor', ['', ...notTexts(255)]),
    ...of('/audit', 'from', notTimes),
    ...of(
      '/audit',
      'to',
      notTimes.filter((time) => !time.includes('&')),
    ),
    ...of('/audit', 'audit_id', ['1']),
    // Ranges in which nothing can lie, and those in which everything does.
    row('/audit?from=2026-11-22T17:05:56Z&to=2026-11-22T17:05:55Z', { status: 200 }),
    row('/audit?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z', { status: 200 }),
    row('/audit?from=9999-12-31T23:59:59.999999Z&to=0001-01-01T00:00:00Z', { status: 200 }),
  ]);
});

/** A cursor as a client gets it; every list has more rows than one. */
async function cursorOf(url: string): Promise<string> {
  const { body } = await call('GET', url, { token: as.operations });
  if (typeof body.next_cursor !== 'string') throw new Error(`${url} has one page only`);
  return body.next_cursor;
}

const cursors = {
  rooms: await cursorOf('/rooms?limit=1'),
  byId: await cursorOf('/rooms?limit=1&sort=room_id'),
  holds: await cursorOf('/rooms/hold?limit=1'),
  audit: await cursorOf('/audit?limit=1'),
};
const encode = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');
const markOf = (cursor: string): unknown => JSON.parse(Buffer.from(cursor, 'base64url').toString())[0];

/** The cursor with one sign changed, or more, in every way that comes to mind. */
function mutilated(cursor: string): string[] {
  const middle = Math.floor(cursor.length / 2);
  return [
    ...['', '%20', 'null', '0', '[]', 'e30', 'W10', 'A', '%F0%9F%98%80', '%00'],
    ...[
      cursor.slice(1),
      cursor.slice(0, -1),
      cursor.slice(0, middle),
      `A${cursor}`,
      `${cursor}A`,
      `${cursor}AAAA`,
      `${cursor}=`,
      `${cursor}==`,
    ],
    ...[
      `${cursor}!`,
      `!${cursor}`,
      `${cursor.slice(0, middle)}.${cursor.slice(middle)}`,
      `%20${cursor}`,
      `${cursor}%20`,
      `${cursor}%0A`,
    ],
    ...[
      cursor.toUpperCase(),
      cursor.split('').reverse().join(''),
      `${cursor}${cursor}`,
      `${cursor}&cursor=`,
      `x${'A'.repeat(7000)}`,
    ],
  ];
}

describe('cursors that are none', () => {
  const lists: readonly [string, string][] = [
    ['/rooms', cursors.rooms],
    ['/rooms/hold', cursors.holds],
    ['/audit', cursors.audit],
  ];
  testRows(
    property,
    lists.flatMap(([path, cursor]) =>
      mutilated(cursor).map((text) => {
        const isTwo = text.includes('&') || text.includes('%00');
        return row(`${path}?cursor=${text}`, isTwo ? invalid : cursorInvalid);
      }),
    ),
  );
});

describe('cursors of something else', () => {
  const { rooms, byId, holds, audit } = cursors;
  testRows(property, [
    ...[holds, audit, byId].map((cursor) => row(`/rooms?cursor=${cursor}`, cursorInvalid)),
    ...[rooms, audit].map((cursor) => row(`/rooms/hold?cursor=${cursor}`, cursorInvalid)),
    ...[rooms, holds].map((cursor) => row(`/audit?cursor=${cursor}`, cursorInvalid)),
    ...[
      'sort=-room_no',
      'sort=room_id',
      'sort=hold_expires_at',
      'floor=1',
      'floor=',
      'room_no=',
      'room_no=R',
      'room_status=HELD',
      'is_freezed=false',
      'freeze_reason=NONE',
      'room_type_id=1',
    ].map((filter) => row(`/rooms?${filter}&cursor=${rooms}`, cursorInvalid)),
    row(`/rooms?sort=-room_id&cursor=${byId}`, cursorInvalid),
    row(`/rooms?cursor=${byId}`, cursorInvalid),
    ...['status=ACTIVE', 'holder=frontend', 'reference=', 'booking_reference=B-1', 'room_id=1'].map(
      (filter) => row(`/rooms/hold?${filter}&cursor=${holds}`, cursorInvalid),
    ),
    ...[
      'entity=room',
      'entity_id=1',
      'action=HOLD',
      'actor=admin',
      'from=2026-01-01T00:00:00Z',
      'to=9999-01-01T00:00:00Z',
      'hold_id=0192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6e',
    ].map((filter) => row(`/audit?${filter}&cursor=${audit}`, cursorInvalid)),
  ]);
});

describe('cursors made up by somebody who knows their form', () => {
  const [rooms, byId, holds, audit] = [cursors.rooms, cursors.byId, cursors.holds, cursors.audit].map(markOf);
  testRows(property, [
    ...[
      encode(rooms),
      encode(rooms, ''),
      encode(rooms, 1),
      encode(rooms, null),
      encode(rooms, 'a\0'),
      encode(rooms, '\ud800'),
      encode(rooms, 'R', 1),
      encode(rooms, ['R']),
      encode(rooms, 'x'.repeat(51)),
    ].map((cursor) => row(`/rooms?cursor=${cursor}`, cursorInvalid)),
    ...[
      encode(byId),
      encode(byId, '1'),
      encode(byId, 1.5),
      encode(byId, 2 ** 31),
      encode(byId, 2 ** 53),
      encode(byId, -(2 ** 31) - 1),
      encode(byId, null),
      encode(byId, 1, 1),
    ].map((cursor) => row(`/rooms?sort=room_id&cursor=${cursor}`, cursorInvalid)),
    ...[
      encode(holds),
      encode(holds, 'x'),
      encode(holds, 1),
      encode(holds, null),
      encode(holds, "'; DROP TABLE hold; --"),
    ].map((cursor) => row(`/rooms/hold?cursor=${cursor}`, cursorInvalid)),
    ...[
      encode(audit),
      encode(audit, 0),
      encode(audit, -1),
      encode(audit, 1.5),
      encode(audit, 2 ** 53),
      encode(audit, '1'),
      encode(audit, 1e300),
      encode(audit, null),
    ].map((cursor) => row(`/audit?cursor=${cursor}`, cursorInvalid)),
    // These are places in the list, if no row's: an answer, and no harm.
    row(`/rooms?cursor=${encode(rooms, "'; DROP TABLE room; --")}`, { status: 200 }),
    row(`/rooms?sort=room_id&cursor=${encode(byId, -(2 ** 31))}`, { status: 200 }),
    row(`/rooms?sort=room_id&cursor=${encode(byId, 2 ** 31 - 1)}`, { status: 200 }),
    row(`/rooms/hold?cursor=${encode(holds, '00000000-0000-0000-0000-000000000000')}`, { status: 200 }),
    row(`/rooms/hold?cursor=${encode(holds, 'ffffffff-ffff-ffff-ffff-ffffffffffff')}`, { status: 200 }),
    row(`/audit?cursor=${encode(audit, 2 ** 53 - 1)}`, { status: 200 }),
  ]);
});
