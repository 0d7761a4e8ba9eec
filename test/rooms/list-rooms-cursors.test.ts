/** Owns the pages of GET /rooms: nothing twice, nothing left out, and cursors that belong to their list. */
import { afterAll, describe, expect, test } from 'vitest';
import type { Room } from '../../src/rooms/schemas.ts';
import { startTestApp } from '../helpers/app.ts';
import {
  changeRoom,
  expireHold,
  freezeRoom,
  makeRoom,
  makeRoomIn,
  makeRooms,
  placeHold,
} from '../helpers/property.ts';

// Floors full of holds: no limit of holds per holder.
const server = await startTestApp({ env: { HOLDS_ACTIVE_MAX: '0' } });
const { as, call } = server;
afterAll(server.close);

const list = (query: string, token: string = as.operations) => call('GET', `/rooms?${query}`, { token });
const ids = (rooms: readonly Room[]) => rooms.map((room) => room.room_id);
const sorts = ['room_no', '-room_no', 'room_id', '-room_id', 'hold_expires_at', '-hold_expires_at'];

/** Every row of the list, page by page; `between` runs before each page but the first, with what was seen so far. */
async function walk(
  query: string,
  limit: number,
  between: (seen: readonly Room[]) => Promise<unknown> = async () => undefined,
) {
  const seen: Room[] = [];
  for (let cursor: string | null = '', pages = 0; cursor !== null; pages += 1) {
    if (pages > 0) await between(seen);
    const { status, body } = await list(`${query}&limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect([status, body.rooms.length]).toEqual([200, body.next_cursor === null ? body.rooms.length : limit]);
    seen.push(...body.rooms);
    cursor = body.next_cursor;
    expect(pages).toBeLessThan(200);
  }
  return seen;
}

/** Rooms of all kinds on a floor of their own; holds end in threes at the same instant. */
async function makeFloor(floor: string): Promise<void> {
  await makeRooms(
    server,
    ['1', '01', '2', '10', 'A9', 'A10', 'a10', 'é', '%', '"'].map((no) => `${no} ${floor}`),
    { floor },
  );
  for (const status of ['FROZEN', 'BOOKED', 'MAINTENANCE', 'FROZEN', 'HELD'] as const)
    await makeRoomIn(server, status, { floor });
  for (const ttl_seconds of [3000, 1000, 2000])
    await placeHold(server, ids(await makeRooms(server, 3, { floor })), { ttl_seconds });
  const over = await makeRoomIn(server, 'HELD', { floor });
  await expireHold(server, over.hold_id ?? '');
}

await makeFloor('still');

describe('the pages of listRooms', () => {
  const queries = [
    ...sorts.map((sort) => `floor=still&sort=${sort}`),
    'floor=still&room_status=AVAILABLE&sort=-room_no',
    'floor=still&room_status=HELD&room_status=FROZEN',
    'floor=still&is_freezed=false&sort=room_id',
    'floor=still&freeze_reason=CLEANING',
    'sort=room_no',
    'sort=-room_no',
    'is_freezed=false',
    'room_no=R&sort=-room_id',
  ];

  test.each(queries)('%s: pages of 1, 2 and 7 are the whole list', async (query) => {
    const whole = (await list(`${query}&limit=200`)).body.rooms;
    expect(whole.length).toBeGreaterThan(1);
    for (const limit of [1, 2, 7]) expect(await walk(query, limit)).toEqual(whole);
  });

  test('a page may have another limit than the one before', async () => {
    const whole = (await list('floor=still&limit=200')).body.rooms;
    const first = (await list('floor=still&limit=1')).body;
    const second = (await list(`floor=still&limit=5&cursor=${first.next_cursor}`)).body;
    expect([...first.rooms, ...second.rooms]).toEqual(whole.slice(0, 6));
  });

  test('the same page again is the same', async () => {
    const { next_cursor } = (await list('floor=still&limit=3')).body;
    const pages = await Promise.all([1, 2, 3].map(() => list(`floor=still&limit=3&cursor=${next_cursor}`)));
    for (const { text } of pages) expect(text).toBe(pages[0]?.text);
  });
});

describe('while rooms change between pages', () => {
  test.each(sorts)('%s: rooms that do not change are seen once, in order', async (sort) => {
    const floor = `moving ${sort}`;
    await makeFloor(floor);
    const movers = await makeRooms(
      server,
      ['0', '5', 'A9a', 'z', 'zz'].map((no) => `${no} ${floor}`),
      { floor },
    );
    for (const { room_id } of movers) await placeHold(server, [room_id], { ttl_seconds: 1500 });
    const query = `floor=${encodeURIComponent(floor)}&sort=${sort}`;
    const isMover = (room: Room) => movers.some((mover) => mover.room_id === room.room_id);
    const whole: Room[] = (await list(`${query}&limit=200`)).body.rooms;
    const still = ids(whole.filter((room) => !isMover(room)));
    expect(whole.length).toBe(still.length + movers.length);

    let round = 0;
    const seen = await walk(query, 2, async () => {
      round += 1;
      const mover = movers[round % movers.length]?.room_id ?? 0;
      // From the front of the list to its end and back, whichever way it goes.
      await changeRoom(server, mover, { room_no: `${round % 2 === 0 ? '-' : 'zzz'}${round} ${floor}` });
      const added = await makeRoom(server, {
        room_no: `${round % 2 === 0 ? '3' : 'B'} new ${round} ${floor}`,
        floor,
      });
      await placeHold(server, [added.room_id], { ttl_seconds: 500 + 150 * (round % 40) });
      if (round % 3 === 0) await freezeRoom(server, mover, { supersede_hold: true });
    });
    expect(round).toBeGreaterThan(3);
    const seenStill = ids(seen).filter((room_id) => still.includes(room_id));
    expect(seenStill).toEqual(still);
  });

  test('the room that a page ended with may be deleted, renamed or frozen', async () => {
    for (const sort of ['room_no', '-room_no', 'room_id', '-room_id']) {
      const floor = `last ${sort}`;
      const rooms = await makeRooms(server, 9, { floor });
      const inOrder = sort.startsWith('-') ? ids(rooms).reverse() : ids(rooms);
      let round = 0;
      const seen = await walk(
        `floor=${encodeURIComponent(floor)}&room_status=AVAILABLE&sort=${sort}`,
        1,
        async (sofar) => {
          round += 1;
          const last = sofar.at(-1)?.room_id ?? 0;
          if (round % 3 === 0) await call('DELETE', `/rooms/${last}`, { token: as.admin });
          else if (round % 3 === 1) await freezeRoom(server, last);
          else await changeRoom(server, last, { floor: 'elsewhere' });
        },
      );
      expect(ids(seen)).toEqual(inOrder);
    }
  });

  test('a room that enters a filter ahead of the cursor is seen, one behind it is not, none is seen twice', async () => {
    const rooms = await makeRooms(server, 6, { floor: 'entering' });
    const [a, b, c, d, e, f] = ids(rooms);
    for (const id of [b, e]) await freezeRoom(server, id ?? 0);
    const seen = await walk('floor=entering&is_freezed=false&sort=room_id', 3, async () => {
      await call('DELETE', `/rooms/${b}/freeze`, { token: as.admin });
      await call('DELETE', `/rooms/${e}/freeze`, { token: as.admin });
    });
    expect(ids(seen)).toEqual([a, c, d, e, f]);
  });

  test('sort=hold_expires_at: a hold that ends or is extended between pages takes no other room away', async () => {
    const rooms = await makeRooms(server, 8, { floor: 'expiring' });
    const holds: string[] = [];
    for (const [index, { room_id }] of rooms.entries()) {
      holds.push((await placeHold(server, [room_id], { ttl_seconds: 600 * (index + 1) })).hold_id);
    }
    let round = 0;
    const seen = await walk('floor=expiring&sort=hold_expires_at', 2, async () => {
      round += 1;
      // The first two have been seen; the fourth is over before it is; the first two come again, behind the end.
      if (round === 1) await expireHold(server, holds[3] ?? '');
      if (round === 2)
        await call('PATCH', `/rooms/hold/${holds[0]}`, { token: as.frontend, body: { ttl_seconds: 7000 } });
    });
    const [a, b, c, , e, f, g, h] = ids(rooms);
    expect(ids(seen)).toEqual([a, b, c, e, f, g, h, a]);
  });
});

describe('a cursor', () => {
  const cursorOf = async (query: string): Promise<string> =>
    (await list(`${query}&limit=2`)).body.next_cursor;

  test('of the same list, said otherwise, is good', async () => {
    const cursor = await cursorOf('floor=still&room_status=AVAILABLE&room_status=HELD');
    for (const same of [
      'floor=still&room_status=HELD&room_status=AVAILABLE',
      'room_status=HELD&room_status=AVAILABLE&room_status=HELD&floor=still',
      'sort=room_no&floor=still&room_status=AVAILABLE&room_status=HELD&limit=9',
    ]) {
      expect([same, (await list(`${same}&cursor=${cursor}`)).status]).toEqual([same, 200]);
    }
    expect(
      (await list(`floor=still&room_status=HELD&room_status=AVAILABLE&cursor=${cursor}`, as.frontend)).status,
    ).toBe(200);
  });

  test('of another filter or sort: 400 cursor-invalid, whether that list is cached or not', async () => {
    const queries = [
      'sort=room_no',
      'sort=-room_no',
      'sort=room_id',
      'sort=-room_id',
      'sort=hold_expires_at',
      'floor=still',
      'room_status=AVAILABLE',
      'room_status=AVAILABLE&room_status=HELD',
      'is_freezed=false',
      'room_no=R',
    ];
    for (const from of queries) {
      const cursor = await cursorOf(from);
      for (const to of queries.filter((query) => query !== from)) {
        await list(to);
        expect([from, to, await list(`${to}&cursor=${cursor}`)]).toMatchObject([
          from,
          to,
          { status: 400, body: { code: 'cursor-invalid' } },
        ]);
      }
    }
  });

  test('of another kind of list: 400 cursor-invalid', async () => {
    const audit = await call('GET', '/audit?limit=1', { token: as.operations });
    expect(await list(`cursor=${audit.body.next_cursor}`)).toMatchObject({
      status: 400,
      body: { code: 'cursor-invalid' },
    });
  });

  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  test.each([
    ['nothing', ''],
    ['a word', 'x'],
    ['a number', '50'],
    ['null', 'null'],
    ['JSON of nothing', encode(null)],
    ['an empty array', encode([])],
    ['an object', encode({ 0: 'x' })],
    ['half of one', encode(['abc', 5]).slice(0, 5)],
    ['characters that are not base64', '%F0%9F%98%80%22%27'],
    ['broken UTF-8', Buffer.from([255, 254, 253]).toString('base64url')],
    ['a deep array', encode(JSON.parse('['.repeat(300) + ']'.repeat(300)))],
    ['1,500 characters', 'x'.repeat(1500)],
  ])('of %s: 400 cursor-invalid', async (_, cursor) => {
    expect(await list(`cursor=${cursor}`)).toMatchObject({ status: 400, body: { code: 'cursor-invalid' } });
  });

  test('of what is a good one but for signs that decoders pass over: 400 cursor-invalid', async () => {
    const good: string = (await list('limit=1')).body.next_cursor;
    for (const cursor of [`${good}=`, `${good}%0A`, `!${good}`, `${good.slice(0, 5)}.${good.slice(5)}`]) {
      expect([cursor, (await list(`cursor=${cursor}`)).body.code]).toEqual([cursor, 'cursor-invalid']);
    }
    expect((await list(`cursor=${good}`)).status).toBe(200);
  });

  test.each<[string, unknown[]]>([
    ['room_no', ['']],
    ['room_no', ['\0']],
    ['room_no', ['\ud800']],
    ['room_no', [5]],
    ['room_no', ['x'.repeat(51)]],
    ['room_no', ['a', 'b']],
    ['room_no', []],
    ['room_id', ['1']],
    ['room_id', [2 ** 31]],
    ['room_id', [1.5]],
    ['room_id', [null]],
    ['hold_expires_at', ['2026-11-22T00:00:00.000Z']],
    ['hold_expires_at', ['', 1]],
    ['hold_expires_at', ['now', 1]],
    ['hold_expires_at', ['2026-02-30T00:00:00.000Z', 1]],
    ['hold_expires_at', ['0000-01-01T00:00:00.000Z', 1]],
    ['hold_expires_at', ["2026-11-22T00:00:00.000Z'; --", 1]],
  ])('of sort %s that was opened and made to say %j: 400 cursor-invalid', async (sort, key) => {
    const cursor = await cursorOf(`sort=${sort}`);
    const [mark] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    expect(await list(`sort=${sort}&cursor=${encode([mark, ...key])}`)).toMatchObject({
      status: 400,
      body: { code: 'cursor-invalid' },
    });
  });

  test('given twice: 400 request-invalid', async () => {
    const cursor = await cursorOf('floor=still');
    expect(await list(`floor=still&cursor=${cursor}&cursor=${cursor}`)).toMatchObject({
      status: 400,
      body: { code: 'request-invalid' },
    });
  });
});
