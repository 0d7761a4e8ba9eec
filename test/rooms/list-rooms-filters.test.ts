/** Owns the filters of GET /rooms: each alone and all combined, against a plain filter over every room. */
import { afterAll, describe, expect, test } from 'vitest';
import { freezeReasons, roomStatuses } from '../../src/rooms/room.ts';
import type { Room } from '../../src/rooms/schemas.ts';
import { startTestApp } from '../helpers/app.ts';
import {
  expireFreeze,
  expireHold,
  freezeRoom,
  makeRoomIn,
  makeRooms,
  makeRoomType,
  placeHold,
  readRoom,
  replayAudit,
} from '../helpers/property.ts';

const server = await startTestApp();
const { as, call, database } = server;
afterAll(server.close);

const list = (query: string | URLSearchParams) => call('GET', `/rooms?${query}`, { token: as.operations });

/** Rooms of every kind, those whose hold or freeze is over but not tidied among them, on 2 floors and of 2 types. */
async function makeProperty(): Promise<Room[]> {
  const types = [(await makeRoomType(server)).room_type_id, (await makeRoomType(server)).room_type_id];
  const floors = ['1', '1', '2', undefined];
  const ids: number[] = [];
  for (const [index, floor] of [...floors, ...floors].entries()) {
    const options = (room_no: string) => ({
      room_no: `${index % 2 === 0 ? 'A' : 'a'}${room_no}${index}`,
      room_type_id: types[index < 4 ? 0 : 1] ?? 0,
      ...(floor === undefined ? {} : { floor }),
    });
    for (const status of roomStatuses)
      ids.push((await makeRoomIn(server, status, options(status.slice(0, 1)))).room_id);
    for (const freeze_reason of ['ADMIN_LOCK', 'SYSTEM_HOLD']) {
      const { room_id } = await makeRoomIn(server, 'AVAILABLE', options(freeze_reason));
      await freezeRoom(server, room_id, { freeze_reason, expires_in_seconds: 3600 });
      ids.push(room_id);
    }
    for (const status of ['AVAILABLE', 'MAINTENANCE'] as const) {
      const { room_id } = await makeRoomIn(server, status, options(`frozen from ${status}`));
      await freezeRoom(server, room_id, { freeze_reason: 'CLEANING', expires_in_seconds: 60 });
      await expireFreeze(server, room_id);
      ids.push(room_id);
    }
    const over = await makeRoomIn(server, 'HELD', options('over'));
    await expireHold(server, over.hold_id ?? '');
    ids.push(over.room_id);
    const pair = [
      await makeRoomIn(server, 'AVAILABLE', options('pair1')),
      await makeRoomIn(server, 'AVAILABLE', options('pair2')),
    ];
    const pairIds = pair.map(({ room_id }) => room_id);
    await placeHold(server, pairIds, { ttl_seconds: 900 * (index + 1) });
    ids.push(...pairIds);
  }
  return Promise.all(ids.map((room_id) => readRoom(server, room_id)));
}

const everyRoom = await makeProperty();
const typeId = everyRoom[0]?.room_type_id ?? 0;
const collator = new Intl.Collator('und', { numeric: true });
const text = (a: string, b: string) => (a < b ? -1 : 1);

const orders: Record<string, (a: Room, b: Room) => number> = {
  room_no: (a, b) => collator.compare(a.room_no, b.room_no) || text(a.room_no, b.room_no),
  room_id: (a, b) => a.room_id - b.room_id,
  hold_expires_at: (a, b) =>
    a.hold_expires_at === b.hold_expires_at
      ? a.room_id - b.room_id
      : text(a.hold_expires_at ?? '', b.hold_expires_at ?? ''),
};

/** What the list should be, said without SQL. */
function expected(query: URLSearchParams): Room[] {
  const sort = query.get('sort') ?? 'room_no';
  const order = orders[sort.replace('-', '')] ?? (() => 0);
  const statuses = query.getAll('room_status');
  const is = (name: string, value: unknown) => query.get(name) === null || query.get(name) === String(value);
  return everyRoom
    .filter(
      (room) =>
        is('is_freezed', room.room_status === 'FROZEN') &&
        (statuses.length === 0 || statuses.includes(room.room_status)) &&
        is('freeze_reason', room.freeze_reason) &&
        is('room_type_id', room.room_type_id) &&
        is('floor', room.floor) &&
        room.room_no.startsWith(query.get('room_no') ?? '') &&
        (!sort.endsWith('hold_expires_at') || room.room_status === 'HELD'),
    )
    .sort((a, b) => (sort.startsWith('-') ? order(b, a) : order(a, b)));
}

const filters: [string, string[][]][] = [
  ['is_freezed', [[], ['true'], ['false']]],
  [
    'room_status',
    [
      [],
      ...roomStatuses.map((status) => [status]),
      ['HELD', 'FROZEN'],
      ['AVAILABLE', 'HELD'],
      ['MAINTENANCE', 'HELD'],
      ['AVAILABLE', 'MAINTENANCE'],
      ['BOOKED', 'AVAILABLE', 'BOOKED'],
      [...roomStatuses],
    ],
  ],
  ['freeze_reason', [[], ...freezeReasons.map((reason) => [reason])]],
  ['room_type_id', [[], [String(typeId)]]],
  ['floor', [[], ['1']]],
  ['room_no', [[], ['A']]],
];
const sorts = ['room_no', '-room_no', 'room_id', '-room_id', 'hold_expires_at', '-hold_expires_at'];

/** Every combination of what the filters may say, none of them included. */
const combinations = filters.reduce<URLSearchParams[]>(
  (queries, [name, choices]) =>
    queries.flatMap((query) =>
      choices.map(
        (values) =>
          new URLSearchParams([...query, ...values.map((value): [string, string] => [name, value])]),
      ),
    ),
  [new URLSearchParams()],
);

async function expectList(query: URLSearchParams): Promise<void> {
  const { body } = await list(`${query}${query.size > 0 ? '&' : ''}limit=200`);
  const wanted = expected(query);
  expect([`${query}`, body.rooms.map((room: Room) => room.room_no)]).toEqual([
    `${query}`,
    wanted.map((room) => room.room_no),
  ]);
  expect(body).toEqual({ rooms: wanted, next_cursor: null });
}

describe('the filters of listRooms', () => {
  test('there are rooms of every status and every reason to tell apart', () => {
    expect(new Set(everyRoom.map((room) => room.room_status))).toEqual(new Set(roomStatuses));
    expect(new Set(everyRoom.map((room) => room.freeze_reason))).toEqual(new Set(freezeReasons));
    expect(everyRoom.length).toBeLessThan(200);
    expect(combinations).toHaveLength(3 * 12 * 5 * 2 * 2 * 2);
  });

  const singles = combinations.filter((query) => new Set(query.keys()).size <= 1);
  test.each(singles.map((query) => [`${query}`, query] as const))(
    '"%s" alone, in every order',
    async (_, query) => {
      for (const sort of sorts) await expectList(new URLSearchParams([...query, ['sort', sort]]));
      await expectList(query);
    },
  );

  test('every combination of filters, in turn with every order', async () => {
    for (const [index, query] of combinations.entries()) {
      await expectList(new URLSearchParams([...query, ['sort', sorts[index % sorts.length] ?? '']]));
    }
  }, 60_000);

  test('room_status may be repeated in any order, and again', async () => {
    const lists = await Promise.all(
      [
        'room_status=HELD&room_status=BOOKED',
        'room_status=BOOKED&room_status=HELD',
        'room_status=BOOKED&room_status=HELD&room_status=HELD',
      ].map(list),
    );
    for (const { text } of lists) expect(text).toBe(lists[0]?.text);
  });

  test('tidying what is over changes no byte of any of these lists, and the summary neither', async () => {
    const queries = [...singles, ...sorts.map((sort) => new URLSearchParams({ sort }))].map((query) =>
      `${query}&limit=200`.replace(/^&/, ''),
    );
    const read = async () => {
      server.platform.cache.changed();
      const lists = await Promise.all(queries.map(async (query) => (await list(query)).text));
      return [...lists, (await call('GET', '/rooms/summary', { token: as.operations })).text];
    };
    const before = await read();
    const [swept] = await database.query<{ counts: { holds_expired: number; freezes_ended: number } }>(
      'SELECT sweep(1000) AS counts',
    );
    expect(swept?.counts).toMatchObject({ holds_expired: 8, freezes_ended: 16 });
    expect(await read()).toEqual(before);
  });

  test('the audit trail, replayed, gives the rooms', () => replayAudit(database));
});

describe('the prefix filter room_no', () => {
  const odd = [
    '%',
    '%x',
    '_',
    '_x',
    '\\',
    '\\%',
    "'",
    '"',
    'É',
    'é',
    'e\u0301',
    'ß',
    'SS',
    'ss',
    'İ',
    'i',
    '10',
    '010',
    '1',
    '😀a',
    '😀',
    '東京',
    ' 1',
    '*',
    '^a',
    '(a',
    '[a]',
  ];

  test('is to the letter: case-sensitive, without wildcards, in whatever script', async () => {
    const rooms = await makeRooms(server, odd, { floor: 'odd' });
    for (const prefix of [...odd, 'e', 's', 'S', '0', 'x', '', '%%', '__', '\\\\', '😀b', '.*']) {
      const { body } = await list(new URLSearchParams({ floor: 'odd', room_no: prefix, sort: 'room_id' }));
      const wanted = rooms.filter((room) => room.room_no.startsWith(prefix));
      expect([prefix, body.rooms.map((room: Room) => room.room_no)]).toEqual([
        prefix,
        wanted.map((room) => room.room_no),
      ]);
    }
  });

  test('of a number and more is none; of the whole number is that room', async () => {
    await makeRooms(server, ['whole'], { floor: 'prefix' });
    expect((await list('room_no=whole')).body.rooms).toHaveLength(1);
    expect((await list('room_no=whole1')).body.rooms).toEqual([]);
    expect((await list('room_no=Whole')).body.rooms).toEqual([]);
  });

  test('floor is the whole floor, an empty one included', async () => {
    const [room] = await makeRooms(server, 1, { floor: '' });
    expect((await list('floor=')).body.rooms).toEqual([room]);
    expect((await list('floor=pre')).body.rooms).toEqual([]);
  });
});
