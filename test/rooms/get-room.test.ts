/** Owns the contract of GET /rooms/{room_id}, and what readers without READ see of rooms. */
import { afterAll, describe, expect, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import {
  auditOf,
  expireFreeze,
  expireHold,
  freezeRoom,
  makeRoom,
  makeRoomIn,
  placeHold,
  readRoom,
} from '../helpers/property.ts';
import { tokenFor } from '../helpers/tokens.ts';

const server = await startTestApp();
const { as, call, database } = server;
afterAll(server.close);

const get = (roomId: number | string, options = {}) =>
  call('GET', `/rooms/${roomId}`, { token: as.operations, ...options });
const notFrozen = { freeze_reason: 'NONE', freeze_note: null, freeze_expires_at: null };
const notHeld = { hold_id: null, hold_expires_at: null };

describe('getRoom', () => {
  test('200 with the room and private, no-cache', async () => {
    const room = await makeRoom(server);
    const answer = await get(room.room_id);
    expect(answer).toMatchObject({
      status: 200,
      body: room,
      headers: { 'cache-control': 'private, no-cache' },
    });
  });

  test.each([
    '0',
    '-1',
    '+1',
    '01',
    '1.0',
    '1e0',
    '0x1',
    '2147483648',
    '99999999999999999999',
    'x',
    '%31x',
    '1%20',
    ' ',
  ])('400 request-invalid for the id "%s"', async (id) => {
    expect(await get(encodeURI(decodeURIComponent(id)))).toMatchObject({
      status: 400,
      body: { code: 'request-invalid', errors: [{ path: 'room_id' }] },
    });
  });

  test('404 room-not-found for a room that never was', async () => {
    expect(await get(2_147_483_647)).toMatchObject({ status: 404, body: { code: 'room-not-found' } });
  });

  test('400 for an unknown query parameter', async () => {
    const { room_id } = await makeRoom(server);
    expect(await get(`${room_id}?fields=room_no`)).toMatchObject({
      status: 400,
      body: { code: 'request-invalid' },
    });
  });

  test('401 without a token; 403 without READ or HOLD:WRITE; 200 with either, and with MANAGEMENT:WRITE', async () => {
    const { room_id } = await makeRoom(server);
    expect((await call('GET', `/rooms/${room_id}`)).status).toBe(401);
    const delegateOnly = tokenFor('delegate only', 'ROOM_HOLD:DELEGATE');
    for (const token of [as.nobody, delegateOnly]) {
      expect(await get(room_id, { token })).toMatchObject({
        status: 403,
        body: { code: 'permission-denied' },
      });
    }
    for (const token of [as.operations, as.frontend, as.admin])
      expect((await get(room_id, { token })).status).toBe(200);
  });

  test('without READ hold_id, booking_reference and freeze_note are null, also to who placed the hold; all else is shown', async () => {
    const held = await makeRoomIn(server, 'HELD');
    expect(held.hold_id).not.toBeNull();
    expect((await get(held.room_id, { token: as.frontend })).body).toEqual({ ...held, hold_id: null });
    const booked = await makeRoomIn(server, 'BOOKED');
    expect(booked.booking_reference).not.toBeNull();
    expect((await get(booked.room_id, { token: as.frontend })).body).toEqual({
      ...booked,
      booking_reference: null,
    });
    const frozen = await makeRoomIn(server, 'FROZEN');
    expect(frozen.freeze_note).toBe('a note');
    expect((await get(frozen.room_id, { token: as.delegate })).body).toEqual({
      ...frozen,
      freeze_note: null,
    });
    for (const room of [held, booked, frozen])
      expect((await get(room.room_id, { token: as.admin })).body).toEqual(room);
  });

  describe('ETag', () => {
    test('is strong, the same for the same room, and another after a change', async () => {
      const { room_id } = await makeRoom(server);
      const { etag } = (await get(room_id)).headers;
      expect(etag).toMatch(/^"[\x21\x23-\x7e]+"$/);
      expect((await get(room_id)).headers.etag).toBe(etag);
      await freezeRoom(server, room_id);
      expect((await get(room_id)).headers.etag).not.toBe(etag);
    });

    test('is another for readers who see other bytes', async () => {
      const { room_id } = await makeRoomIn(server, 'FROZEN');
      const { etag } = (await get(room_id)).headers;
      expect(
        (await get(room_id, { token: as.frontend, headers: { 'if-none-match': String(etag) } })).status,
      ).toBe(200);
    });

    test('If-None-Match answers 304 without a body for it, in a list, weak, or for *', async () => {
      const { room_id } = await makeRoom(server);
      const etag = String((await get(room_id)).headers.etag);
      for (const known of [etag, `"other", ${etag}`, `${etag} , "other"`, `W/${etag}`, '*']) {
        const answer = await get(room_id, { headers: { 'if-none-match': known } });
        expect([known, answer.status, answer.text]).toEqual([known, 304, '']);
        expect(answer.headers).toMatchObject({ etag, 'cache-control': 'private, no-cache' });
      }
      for (const known of ['"other"', '', 'W/"other"', etag.slice(1, -1), `${etag.slice(0, -1)}x"`]) {
        const answer = await get(room_id, { headers: { 'if-none-match': known } });
        expect([known, answer.status]).toEqual([known, 200]);
      }
    });

    test('If-None-Match of a room that is not there is 404, of one whose hold has ended since 200', async () => {
      expect((await get(2_147_483_647, { headers: { 'if-none-match': '*' } })).status).toBe(404);
      const { room_id, hold_id } = await makeRoomIn(server, 'HELD');
      const etag = String((await get(room_id)).headers.etag);
      await expireHold(server, hold_id ?? '');
      expect(await get(room_id, { headers: { 'if-none-match': etag } })).toMatchObject({
        status: 200,
        body: { room_status: 'AVAILABLE' },
      });
    });
  });

  test('HEAD is GET without the body, also with If-None-Match and for what is not there', async () => {
    const { room_id } = await makeRoom(server);
    const { headers, text } = await get(room_id);
    const head = await call('HEAD', `/rooms/${room_id}`, { token: as.operations });
    expect(head).toMatchObject({
      status: 200,
      text: '',
      headers: {
        etag: headers.etag,
        'content-type': headers['content-type'],
        'content-length': String(Buffer.byteLength(text)),
      },
    });
    const known = { 'if-none-match': String(headers.etag) };
    expect(await call('HEAD', `/rooms/${room_id}`, { token: as.operations, headers: known })).toMatchObject({
      status: 304,
      text: '',
    });
    expect(await call('HEAD', '/rooms/2147483647', { token: as.operations })).toMatchObject({
      status: 404,
      text: '',
    });
    expect((await call('HEAD', `/rooms/${room_id}`)).status).toBe(401);
  });
});

describe('a room whose hold or freeze is over', () => {
  test('is AVAILABLE from the instant its hold ends, updated_at being that instant, and no audit row says so yet', async () => {
    const room = await makeRoom(server);
    const { hold_id } = await placeHold(server, [room.room_id]);
    const endedAt = await expireHold(server, hold_id);
    expect(await readRoom(server, room.room_id)).toEqual({
      ...room,
      ...notHeld,
      fence: 1,
      updated_at: endedAt,
    });
    expect((await auditOf(database, room)).map(({ action }) => action)).toEqual(['CREATE', 'HOLD']);
  });

  test('is HELD while its hold has a second left', async () => {
    const { room_id, hold_id } = await makeRoomIn(server, 'HELD');
    const endsAt = await expireHold(server, hold_id ?? '', -10_000);
    expect(await readRoom(server, room_id)).toMatchObject({
      room_status: 'HELD',
      hold_id,
      hold_expires_at: endsAt,
    });
  });

  test('is AVAILABLE, or in MAINTENANCE, from the instant its timed freeze ends, updated_at being that instant', async () => {
    for (const status of ['AVAILABLE', 'MAINTENANCE'] as const) {
      const room = await makeRoomIn(server, status);
      const frozen = await freezeRoom(server, room.room_id, {
        freeze_reason: 'mould',
        expires_in_seconds: 60,
      });
      expect(frozen).toMatchObject({ room_status: 'FROZEN', freeze_note: 'mould' });
      const endedAt = await expireFreeze(server, room.room_id);
      expect(await readRoom(server, room.room_id)).toEqual({ ...room, ...notFrozen, updated_at: endedAt });
    }
  });

  test('tidying changes no byte of it, updated_at included', async () => {
    const held = await makeRoomIn(server, 'HELD');
    await expireHold(server, held.hold_id ?? '');
    const frozen = await makeRoomIn(server, 'MAINTENANCE');
    await freezeRoom(server, frozen.room_id, { expires_in_seconds: 60 });
    await expireFreeze(server, frozen.room_id);
    const before = [await get(held.room_id), await get(frozen.room_id)].map(({ text }) => text);
    await database.query('SELECT sweep(100)');
    expect([await get(held.room_id), await get(frozen.room_id)].map(({ text }) => text)).toEqual(before);
    expect((await auditOf(database, held)).at(-1)).toMatchObject({
      action: 'EXPIRE',
      actor: 'system',
      request_id: null,
    });
    expect((await auditOf(database, frozen)).at(-1)).toMatchObject({
      action: 'UNFREEZE',
      actor: 'system',
      request_id: null,
    });
  });
});
