/** Owns what an admin may type to freeze a room, and what becomes of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { auditOf, makeRoom, readRoom } from '../helpers/property.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

/** Freezes a new room, and tells what the answer and a later look say. */
async function freezeNewRoom(body: unknown, headers: Record<string, string> = {}) {
  const { room_id } = await makeRoom(server);
  const answer = await server.call('POST', `/rooms/${room_id}/freeze`, {
    token: server.as.admin,
    body,
    headers,
  });
  return { room_id, answer, room: await readRoom(server, room_id) };
}

const longest = '🛏'.repeat(500);

test.each([
  ['CLEANING sets the reason, without a note', { freeze_reason: 'CLEANING' }, 'CLEANING', null],
  ['ADMIN_LOCK sets the reason, without a note', { freeze_reason: 'ADMIN_LOCK' }, 'ADMIN_LOCK', null],
  ['SYSTEM_HOLD sets the reason, without a note', { freeze_reason: 'SYSTEM_HOLD' }, 'SYSTEM_HOLD', null],
  [
    'CLEANING with a note sets both',
    { freeze_reason: 'CLEANING', freeze_note: 'windows' },
    'CLEANING',
    'windows',
  ],
  [
    'SYSTEM_HOLD with a note sets both',
    { freeze_reason: 'SYSTEM_HOLD', freeze_note: ' x ' },
    'SYSTEM_HOLD',
    ' x ',
  ],
  [
    'a word with a note of null has no note',
    { freeze_reason: 'CLEANING', freeze_note: null },
    'CLEANING',
    null,
  ],
  [
    'other text is ADMIN_LOCK with the text as the note',
    { freeze_reason: 'burst pipe' },
    'ADMIN_LOCK',
    'burst pipe',
  ],
  [
    'other text with a note of null is that text',
    { freeze_reason: 'burst', freeze_note: null },
    'ADMIN_LOCK',
    'burst',
  ],
  ['a word in lower case is other text', { freeze_reason: 'cleaning' }, 'ADMIN_LOCK', 'cleaning'],
  [
    'a word with a space around it is other text, kept to the byte',
    { freeze_reason: ' CLEANING\n' },
    'ADMIN_LOCK',
    ' CLEANING\n',
  ],
  ['none in lower case is other text', { freeze_reason: 'none' }, 'ADMIN_LOCK', 'none'],
  ['NONE with a space behind it is other text', { freeze_reason: 'NONE ' }, 'ADMIN_LOCK', 'NONE '],
  [
    'text that looks like SQL or JSON is text',
    { freeze_reason: `'; DROP TABLE room; -- {"a":1}\\` },
    'ADMIN_LOCK',
    `'; DROP TABLE room; -- {"a":1}\\`,
  ],
  ['500 characters outside the BMP are not too long', { freeze_reason: longest }, 'ADMIN_LOCK', longest],
  ['an empty reason is ADMIN_LOCK without a note', { freeze_reason: '' }, 'ADMIN_LOCK', null],
  ['a blank reason is ADMIN_LOCK without a note', { freeze_reason: ' \t\n\u00a0' }, 'ADMIN_LOCK', null],
  ['a reason of null is ADMIN_LOCK without a note', { freeze_reason: null }, 'ADMIN_LOCK', null],
  ['no fields are ADMIN_LOCK without a note', {}, 'ADMIN_LOCK', null],
  [
    'a note without a reason is ADMIN_LOCK with the note',
    { freeze_note: 'keys lost' },
    'ADMIN_LOCK',
    'keys lost',
  ],
  [
    'a note beside a blank reason is ADMIN_LOCK with the note',
    { freeze_reason: ' ', freeze_note: 'keys' },
    'ADMIN_LOCK',
    'keys',
  ],
  [
    'all optional fields may be null',
    { freeze_reason: null, freeze_note: null, expires_in_seconds: null, supersede_hold: null },
    'ADMIN_LOCK',
    null,
  ],
])('200: %s', async (_name, body, freeze_reason, freeze_note) => {
  const { answer, room } = await freezeNewRoom(body);
  expect(answer).toMatchObject({
    status: 200,
    body: { room_status: 'FROZEN', freeze_reason, freeze_note, freeze_expires_at: null },
  });
  expect(room).toEqual(answer.body);
});

test.each([
  ['no body and no Content-Type', undefined, {}],
  ['no body, whatever its Content-Type says', '', { 'content-type': 'text/html' }],
  ['no body of JSON', '', { 'content-type': 'application/json' }],
  ['no body with a Content-Type that is none', '', { 'content-type': 'nonsense' }],
  ['a body of null', 'null', { 'content-type': 'application/json' }],
])('200: %s is ADMIN_LOCK without a note', async (_name, body, headers) => {
  const { answer } = await freezeNewRoom(body, headers);
  expect(answer).toMatchObject({ status: 200, body: { freeze_reason: 'ADMIN_LOCK', freeze_note: null } });
});

test.each([
  ['a reason of NONE', { freeze_reason: 'NONE' }, 'freeze_reason'],
  ['a reason of NONE with a note', { freeze_reason: 'NONE', freeze_note: 'x' }, 'freeze_reason'],
  [
    'other text together with a freeze_note',
    { freeze_reason: 'burst pipe', freeze_note: 'x' },
    'freeze_reason',
  ],
  ['other text together with an empty freeze_note', { freeze_reason: 'x', freeze_note: '' }, 'freeze_reason'],
  ['a reason of 501 characters', { freeze_reason: 'x'.repeat(501) }, 'freeze_reason'],
  ['a note of 501 characters', { freeze_reason: 'CLEANING', freeze_note: '🛏'.repeat(501) }, 'freeze_note'],
  ['a reason with a NUL', { freeze_reason: 'a\0b' }, 'freeze_reason'],
  ['a note with a lone surrogate', '{"freeze_note": "\\ud800"}', 'freeze_note'],
  ['a reason that is a number', { freeze_reason: 1 }, 'freeze_reason'],
  ['a reason in a list', { freeze_reason: ['CLEANING'] }, 'freeze_reason'],
  ['a note that is true', { freeze_note: true }, 'freeze_note'],
  ['expires_in_seconds of 59', { expires_in_seconds: 59 }, 'expires_in_seconds'],
  ['expires_in_seconds of a year and a second', { expires_in_seconds: 31_536_001 }, 'expires_in_seconds'],
  ['expires_in_seconds of 60.5', { expires_in_seconds: 60.5 }, 'expires_in_seconds'],
  ['expires_in_seconds as text', { expires_in_seconds: '60' }, 'expires_in_seconds'],
  ['expires_in_seconds below zero', { expires_in_seconds: -60 }, 'expires_in_seconds'],
  ['expires_in_seconds past any number', '{"expires_in_seconds": 1e400}', 'expires_in_seconds'],
  ['supersede_hold as text', { supersede_hold: 'true' }, 'supersede_hold'],
  ['supersede_hold as a number', { supersede_hold: 1 }, 'supersede_hold'],
  ['an unknown field', { reason: 'CLEANING' }, 'reason'],
  ['a body that is a list', [], ''],
])('400 request-invalid for %s, and the room stays as it was', async (_name, body, path) => {
  const { answer, room_id, room } = await freezeNewRoom(body);
  expect(answer).toMatchObject({ status: 400, body: { code: 'request-invalid', errors: [{ path }] } });
  expect(room).toMatchObject({ room_status: 'AVAILABLE', freeze_reason: 'NONE' });
  expect((await auditOf(server.database, room_id)).map(({ action }) => action)).toEqual(['CREATE']);
});

test.each([
  ['a body that is not JSON', '{"freeze_reason": CLEANING}', 'application/json', 400, 'body-malformed'],
  [
    'a body that is not UTF-8',
    Buffer.from('{"freeze_reason":"\xff"}', 'latin1'),
    'application/json',
    400,
    'body-malformed',
  ],
  ['a body of another media type', 'CLEANING', 'text/plain', 415, 'media-type-unsupported'],
])('%s is refused', async (_name, body, contentType, status, code) => {
  const { answer, room } = await freezeNewRoom(body, { 'content-type': contentType });
  expect(answer).toMatchObject({ status, body: { code } });
  expect(room.room_status).toBe('AVAILABLE');
});
