import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { auditOf, makeRoom, makeRoomType, placeHold } from '../helpers/property.ts';

let server: TestApp;
let roomTypeId: number;
beforeAll(async () => {
  server = await startTestApp();
  roomTypeId = (await makeRoomType(server)).room_type_id;
});
afterAll(() => server.close());

/** Text that is kept to the byte wherever text is taken; all fit in 50 signs. */
const exotic: Readonly<Record<string, string>> = {
  emoji: '🏨🛏️👩‍👩‍👧‍👦🇩🇪',
  'right to left': 'חדר ٣٠٥ غرفة',
  'an override of direction': 'abc\u202egnp.exe\u202c',
  'combining signs': 'e\u0301 \u0041\u030a Z\u0351\u036b\u0343',
  'the same sign composed': '\u00e9 \u00c5',
  'zero width': '\u200ba\u200c\u200d\u2060\ufeffb',
  'signs past the first plane': '𝒜𠜎𠜱🂡𐍈',
  'the last signs of all': '\u{10ffff}\u{10fffe}\uffff\ufffe\ufdd0',
  'the signs around the surrogates': '\ud7ff\ue000',
  'control signs': '\u0001\u0008\u000b\u001f\u007f\u0085\u009f',
  'line breaks and tabs': 'a\r\nb\tc\u2028d\u2029e',
  'spaces at both ends': ' \u00a0a b\u3000 ',
  'the replacement sign': 'a\ufffdb',
  'SQL in quotes': `'; DROP TABLE room; --`,
  'SQL in doubled quotes': `" OR ""="`,
  'SQL for LIKE': '100%_\\%',
  'a dollar quote': '$$; SELECT pg_sleep(9) $$ $1',
  'an array of Postgres': '{NULL,"a"}',
  'a null in words': 'null',
  'a backslash at the end': 'a\\',
  'JSON escapes as text': '\\u0000 \\ud800 \\"',
  HTML: '<script>alert(1)</script>',
  'HTML in an attribute': `"><img src=x onerror=alert(1)>`,
  'HTML entities': '&lt;b&gt; &amp;amp; &#0;',
  'a formula': `=HYPERLINK("http://x","a")`,
  'a path': '../../etc/passwd\\..\\..',
  'a shell call': '`id`; $(id) | id && id',
  'a format': `%s%n%d {0} ${'$'}{jndi:ldap://x/a}`,
  'the name of the prototype': '__proto__',
  'a date and a number': '2026-11-22 1e5 0x10 NaN',
};

const signsOf = (text: string): number => [...text].length;

/** What Postgres has, in hexadecimal. */
async function stored(sql: string, value: unknown): Promise<string | undefined> {
  const [row] = await server.database.query<{ bytes: string }>(
    `SELECT encode(convert_to(${sql}, 'UTF8'), 'hex') AS bytes`,
    [value],
  );
  return row?.bytes;
}
const hex = (text: string): string => Buffer.from(text).toString('hex');

/** Writes the text where a room or type takes it, and reads it again in every way that there is. */
async function expectRoomKeeps(text: string): Promise<void> {
  const { call, as } = server;
  const room = await makeRoom(server, { room_no: text, floor: text, room_type_id: roomTypeId });
  expect([room.room_no, room.floor]).toEqual([text, text]);
  for (const field of ['room_no', 'floor']) {
    expect(await stored(`(SELECT ${field} FROM room WHERE room_id = $1)`, room.room_id)).toBe(hex(text));
    const found = await call('GET', `/rooms?${field}=${encodeURIComponent(text)}`, { token: as.operations });
    expect(found.body.rooms).toEqual([room]);
  }
  const [created] = await auditOf(server.database, room);
  expect([created?.new_value?.room_no, created?.new_value?.floor]).toEqual([text, text]);
  const again = await call('POST', '/rooms', {
    token: as.admin,
    body: { room_no: text, room_type_id: roomTypeId },
  });
  expect(again.body.code).toBe('room-no-exists');

  const body = { freeze_reason: text === 'null' ? 'null' : text };
  const frozen = await call('POST', `/rooms/${room.room_id}/freeze`, { token: as.admin, body });
  expect([frozen.body.freeze_reason, frozen.body.freeze_note]).toEqual(['ADMIN_LOCK', text]);
  const noted = { freeze_reason: 'CLEANING', freeze_note: text };
  const refrozen = await call('POST', `/rooms/${room.room_id}/freeze`, { token: as.admin, body: noted });
  expect([refrozen.body.freeze_reason, refrozen.body.freeze_note]).toEqual(['CLEANING', text]);
  expect(await stored('(SELECT freeze_note FROM room WHERE room_id = $1)', room.room_id)).toBe(hex(text));
  await call('DELETE', `/rooms/${room.room_id}/freeze`, { token: as.admin });
}

async function expectTypeKeeps(text: string): Promise<void> {
  const type = await makeRoomType(server, text);
  expect(type.name).toBe(text);
  expect(await stored('(SELECT name FROM room_type WHERE room_type_id = $1)', type.room_type_id)).toBe(
    hex(text),
  );
  const { body } = await server.call('GET', '/room-types', { token: server.as.frontend });
  expect(body.room_types).toContainEqual(type);
}

async function expectHoldKeeps(text: string): Promise<void> {
  const { call, as } = server;
  const { room_id } = await makeRoom(server, { room_type_id: roomTypeId });
  const hold = await placeHold(server, [room_id], { token: as.delegate, reference: text, holder: text });
  expect([hold.reference, hold.holder]).toEqual([text, text]);
  const path = `/rooms/hold/${hold.hold_id}/confirm`;
  const confirmed = await call('POST', path, { token: as.delegate, body: { booking_reference: text } });
  expect(confirmed.body.booking_reference).toBe(text);
  for (const field of ['reference', 'holder', 'booking_reference']) {
    expect(await stored(`(SELECT ${field} FROM hold WHERE hold_id = $1)`, hold.hold_id)).toBe(hex(text));
    const url = `/rooms/hold?${field}=${encodeURIComponent(text)}`;
    expect((await call('GET', url, { token: as.delegate })).body.holds).toEqual([confirmed.body]);
  }
  const room = await call('GET', `/rooms/${room_id}`, { token: as.operations });
  expect(room.body.booking_reference).toBe(text);
}

describe.each(Object.entries(exotic))('%s', (_name, text) => {
  test('is kept to the byte in rooms and freezes', () => expectRoomKeeps(text));
  test('is kept to the byte in room types', () => expectTypeKeeps(text));
  test('is kept to the byte in holds', () => expectHoldKeeps(text));
});

describe.each([
  ['letters', 'x'],
  ['signs past the first plane', '😀'],
  ['signs of three bytes', '房'],
  ['combining signs', '\u0301'],
  ['line breaks', '\n'],
])('as many %s as there may be', (_name, sign) => {
  test('are kept in every field', async () => {
    const { call, as } = server;
    const filled = (count: number) => sign.repeat(count);
    const room_no = `a${filled(49)}`;
    const { room_id } = await makeRoom(server, { room_no, floor: filled(50), room_type_id: roomTypeId });
    expect((await makeRoomType(server, filled(100))).name).toBe(filled(100));
    const note = `a${filled(499)}`;
    const frozen = await call('POST', `/rooms/${room_id}/freeze`, {
      token: as.admin,
      body: { freeze_reason: note },
    });
    expect(frozen.body.freeze_note).toBe(note);
    await call('DELETE', `/rooms/${room_id}/freeze`, { token: as.admin });
    const fields = { reference: filled(200), holder: filled(255) };
    const hold = await placeHold(server, [room_id], { token: as.delegate, ...fields });
    expect(hold).toMatchObject(fields);
    const body = { booking_reference: filled(200) };
    const confirmed = await call('POST', `/rooms/hold/${hold.hold_id}/confirm`, { token: as.delegate, body });
    expect(confirmed.body).toMatchObject({ ...fields, ...body });
    const read = await call('GET', `/rooms/${room_id}`, { token: as.operations });
    expect([read.body.room_no, signsOf(read.body.floor), read.body.booking_reference]).toEqual([
      room_no,
      50,
      filled(200),
    ]);
  });
});

describe('JSON that is unusual and means what it says', () => {
  const place = (body: string | Buffer) => server.call('POST', '/rooms', { token: server.as.admin, body });

  test('of duplicate keys the last counts', async () => {
    const { status, body } = await place(
      `{"room_no":"","room_no":"twice","room_type_id":0,"room_type_id":${roomTypeId},"floor":"1","floor":null}`,
    );
    expect([status, body.room_no, body.room_type_id, body.floor]).toEqual([201, 'twice', roomTypeId, null]);
  });

  test('numbers are judged by their value: 1.0, 1e0 and 10e-1 are 1', async () => {
    expect(roomTypeId).toBeLessThan(1000);
    for (const number of [
      `${roomTypeId}.0`,
      `${roomTypeId}e0`,
      `${roomTypeId}0e-1`,
      `0.00${String(roomTypeId).padStart(3, '0')}E5`,
    ]) {
      const { status, body } = await place(`{"room_no":"by ${number}","room_type_id":${number}}`);
      expect([number, status, body.room_type_id]).toEqual([number, 201, roomTypeId]);
    }
  });

  test('escapes are the signs that they stand for, a pair of surrogates too', async () => {
    const { body } = await place(
      `{"\\u0072oom_no":"\\ud83d\\ude00 \\u0041\\/","room_type_id":${roomTypeId}}`,
    );
    expect(body.room_no).toBe('😀 A/');
  });

  test('a byte order mark and white space around are passed over', async () => {
    const text = `\ufeff \r\n\t{ "room_no" : "marked" , "room_type_id" : ${roomTypeId} } \n`;
    expect((await place(Buffer.from(text))).body.room_no).toBe('marked');
  });

  test('a body of 64 KiB to the byte is read', async () => {
    const short = `{"room_no":"long","room_type_id":${roomTypeId}}`;
    expect((await place(short.padEnd(65_536, ' '))).status).toBe(201);
    expect((await place(short.padEnd(65_537, ' '))).status).toBe(413);
  });
});
