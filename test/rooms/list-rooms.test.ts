/** Owns the contract of GET /rooms as an answer: its form, its query, who sees what, ETag, and its order. */
import { afterAll, describe, expect, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import { freezeRoom, makeRoom, makeRoomIn, makeRooms, readRoom } from '../helpers/property.ts';
import { tokenFor } from '../helpers/tokens.ts';

const server = await startTestApp();
const { as, call } = server;
afterAll(server.close);

type ListOptions = { token?: string; headers?: Record<string, string> };
const list = (query: string, options: ListOptions = {}) =>
  call('GET', `/rooms?${query}`, { token: as.operations, ...options });
const numbers = async (query: string): Promise<string[]> =>
  (await list(query)).body.rooms.map((room: { room_no: string }) => room.room_no);

describe('listRooms', () => {
  test('200 with rooms and next_cursor, private and no-cache, each room as it is shown alone', async () => {
    const rooms = await makeRooms(server, 3, { floor: 'basics' });
    const answer = await list('floor=basics');
    expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'private, no-cache' } });
    expect(answer.body).toEqual({ rooms, next_cursor: null });
    for (const room of rooms) expect(await readRoom(server, room.room_id)).toEqual(room);
  });

  test('no match: 200 with an empty list', async () => {
    expect((await list('floor=nowhere')).body).toEqual({ rooms: [], next_cursor: null });
    expect((await list('room_type_id=2147483647')).body).toEqual({ rooms: [], next_cursor: null });
  });

  test('50 rooms when no limit is given, at most 200', async () => {
    const rooms = await makeRooms(server, 201, { floor: 'limits' });
    const { body } = await list('floor=limits&sort=room_id');
    expect(body.rooms).toEqual(rooms.slice(0, 50));
    expect(body.next_cursor).toEqual(expect.any(String));
    const full = await list('floor=limits&sort=room_id&limit=200');
    expect(full.body.rooms).toEqual(rooms.slice(0, 200));
    expect(full.body.next_cursor).not.toBeNull();
    expect((await list('floor=limits&room_no=R&limit=1')).body.rooms).toHaveLength(1);
  });

  test('next_cursor is null when the last row of the list is the last of the page', async () => {
    await makeRooms(server, 4, { floor: 'even' });
    const first = await list('floor=even&limit=2');
    const second = await list(`floor=even&limit=2&cursor=${first.body.next_cursor}`);
    expect([second.body.rooms.length, second.body.next_cursor]).toEqual([2, null]);
    expect((await list('floor=even&limit=4')).body.next_cursor).toBeNull();
  });

  test.each([
    'limit=0',
    'limit=201',
    'limit=-1',
    'limit=x',
    'limit=',
    'limit=1.5',
    'is_freezed=TRUE',
    'is_freezed=1',
    'is_freezed=',
    'room_status=available',
    'room_status=',
    'room_status=FREE',
    'room_status=HELD&room_status=x',
    'room_status=HELD,BOOKED',
    'freeze_reason=cleaning',
    'freeze_reason=',
    'room_type_id=0',
    'room_type_id=x',
    'room_type_id=2147483648',
    'sort=floor',
    'sort=',
    'sort=--room_no',
    'sort=%2Broom_no',
    'sort=room_no&sort=room_id',
    'floor=1&floor=2',
    'room_no=1&room_no=2',
    'freeze_reason=NONE&freeze_reason=CLEANING',
    'is_frozen=true',
    'offset=5',
    'page=2',
    'Limit=5',
    `floor=${'x'.repeat(51)}`,
    `room_no=${'x'.repeat(51)}`,
    'room_no=%00',
    'floor=%ff',
  ])('400 request-invalid for ?%s', async (query) => {
    expect(await list(query)).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
  });

  test('401 without a token; 403 without READ or HOLD:WRITE; 200 with either', async () => {
    expect((await call('GET', '/rooms')).status).toBe(401);
    for (const token of [as.nobody, tokenFor('delegate only', 'ROOM_HOLD:DELEGATE')]) {
      expect(await list('', { token })).toMatchObject({ status: 403, body: { code: 'permission-denied' } });
    }
    for (const token of [as.operations, as.frontend, as.admin])
      expect((await list('', { token })).status).toBe(200);
  });

  test('without READ hold_id, booking_reference and freeze_note are null, however often and by whomever it is read', async () => {
    const held = await makeRoomIn(server, 'HELD', { floor: 'secrets' });
    const booked = await makeRoomIn(server, 'BOOKED', { floor: 'secrets' });
    const frozen = await makeRoomIn(server, 'FROZEN', { floor: 'secrets' });
    const all = [held, booked, frozen];
    const redacted = all.map((room) => ({
      ...room,
      hold_id: null,
      booking_reference: null,
      freeze_note: null,
    }));
    for (const [token, shown] of [
      [as.operations, all],
      [as.frontend, redacted],
      [as.admin, all],
      [as.delegate, redacted],
      [as.operations, all],
    ] as const) {
      expect((await list('floor=secrets&sort=room_id', { token })).body.rooms).toEqual(shown);
    }
    const etags = await Promise.all([list('floor=secrets'), list('floor=secrets', { token: as.frontend })]);
    expect(etags[0]?.headers.etag).not.toBe(etags[1]?.headers.etag);
  });

  test('ETag is strong; If-None-Match answers 304 until a room changes', async () => {
    const [room] = await makeRooms(server, 2, { floor: 'tagged' });
    const first = await list('floor=tagged');
    const etag = String(first.headers.etag);
    expect(etag).toMatch(/^"[\x21\x23-\x7e]+"$/);
    const known = { 'if-none-match': `"other", ${etag}` };
    const unchanged = await list('floor=tagged', { headers: known });
    expect([unchanged.status, unchanged.text, unchanged.headers.etag]).toEqual([304, '', etag]);
    expect(unchanged.headers['cache-control']).toBe('private, no-cache');
    expect((await list('floor=tagged&limit=1', { headers: known })).status).toBe(200);
    await freezeRoom(server, room?.room_id ?? 0);
    const changed = await list('floor=tagged', { headers: known });
    expect([changed.status, changed.headers.etag === etag]).toEqual([200, false]);
    expect((await list('floor=tagged', { headers: { 'if-none-match': '*' } })).status).toBe(304);
  });

  test('HEAD is GET without the body', async () => {
    await makeRoom(server, { floor: 'headed' });
    const { headers, text } = await list('floor=headed');
    const head = await call('HEAD', '/rooms?floor=headed', { token: as.operations });
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers).toMatchObject({
      etag: headers.etag,
      'content-type': headers['content-type'],
      'content-length': String(Buffer.byteLength(text)),
      'x-last-event-id': headers['x-last-event-id'],
    });
    const known = { 'if-none-match': String(headers.etag) };
    expect((await call('HEAD', '/rooms?floor=headed', { token: as.operations, headers: known })).status).toBe(
      304,
    );
    expect((await call('HEAD', '/rooms?limit=0', { token: as.operations })).status).toBe(400);
  });

  test('exotic text comes back to the byte', async () => {
    const exotic = `"\\\u0001\u2028\u202e😀é e\u0301 </script>`;
    const room = await makeRoom(server, { room_no: exotic, floor: exotic });
    expect(
      (await list(`floor=${encodeURIComponent(exotic)}&room_no=${encodeURIComponent(exotic)}`)).body.rooms,
    ).toEqual([room]);
  });
});

describe('the order of listRooms', () => {
  const inOrder = [
    '-1',
    '1',
    '2',
    '10',
    '0100',
    '100',
    '101',
    '1001',
    '10000000000000000000000000000001',
    '10000000000000000000000000000002',
    'a2',
    'A2',
    'A9',
    'A10',
    'A10a',
    'A10B',
    'A010C',
    'A100',
    'b1',
    'B1',
    'B1-2',
    'B1-10',
    'Room 2',
    'Room 10',
    'Z',
    'é1',
    'ж2',
    'ж10',
    '東2',
    '東10',
  ];

  test('is natural by default: 2 before 10, A9 before A10, numbers before letters, case and leading zeros last to tell', async () => {
    const shuffled = [...inOrder].sort((a, b) =>
      a.split('').reverse().join('').localeCompare(b.split('').reverse().join('')),
    );
    await makeRooms(server, shuffled, { floor: 'natural' });
    const got = await numbers('floor=natural&limit=200');
    expect([...got].sort()).toEqual([...inOrder].sort());
    const before = (a: string, b: string) =>
      expect([a, b, got.indexOf(a) < got.indexOf(b)]).toEqual([a, b, true]);
    for (const [a, b] of [
      ['1', '2'],
      ['2', '10'],
      ['10', '100'],
      ['100', '101'],
      ['101', '1001'],
      ['2', 'a2'],
      ['A2', 'A9'],
      ['A9', 'A10'],
      ['A10', 'A10a'],
      ['A10a', 'A10B'],
      ['A10B', 'A010C'],
      ['A010C', 'A100'],
      ['a2', 'A9'],
      ['A100', 'b1'],
      ['b1', 'B1-2'],
      ['B1-2', 'B1-10'],
      ['Room 2', 'Room 10'],
      ['Room 10', 'Z'],
      ['ж2', 'ж10'],
      ['東2', '東10'],
      ['Z', 'ж2'],
      ['10000000000000000000000000000001', '10000000000000000000000000000002'],
      ['1001', '10000000000000000000000000000001'],
    ] as const) {
      before(a, b);
    }
    expect(await numbers('floor=natural&limit=200&sort=room_no')).toEqual(got);
    expect(await numbers('floor=natural&limit=200&sort=-room_no')).toEqual([...got].reverse());
  });

  test('is the same on every page and with every filter', async () => {
    const whole = await numbers('floor=natural&limit=200');
    expect(await numbers('floor=natural&limit=200&room_status=AVAILABLE')).toEqual(whole);
    expect(await numbers('floor=natural&limit=200&is_freezed=false&freeze_reason=NONE')).toEqual(whole);
    const paged: string[] = [];
    let cursor = '';
    do {
      const { body } = await list(`floor=natural&limit=1${cursor}`);
      paged.push(body.rooms[0].room_no);
      cursor = body.next_cursor && `&cursor=${body.next_cursor}`;
    } while (cursor);
    expect(paged).toEqual(whole);
  });

  test('sort=room_id is the order of making, -room_id the reverse', async () => {
    const rooms = await makeRooms(server, ['z', 'y', 'x10', 'x9'], { floor: 'by id' });
    expect(await numbers('floor=by%20id&sort=room_id')).toEqual(rooms.map((room) => room.room_no));
    expect(await numbers('floor=by%20id&sort=-room_id')).toEqual(rooms.map((room) => room.room_no).reverse());
  });
});
