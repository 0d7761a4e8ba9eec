import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeRoom, freezeRoom, makeRoom, makeRooms, makeRoomType, placeHold } from '../helpers/property.ts';
import { startRedis } from '../helpers/redis.ts';
import { tokenFor } from '../helpers/tokens.ts';
import {
  entryOf,
  firstBlock,
  type ListeningApp,
  lastIdOf,
  logIds,
  openEvents,
  startListening,
  until,
  untilIds,
} from './streams.ts';

let server: ListeningApp;

beforeAll(async () => {
  server = await startListening({ times: { events: { beatMs: 20 } } });
});
afterAll(() => server.close());

const lastId = async () => (await logIds(server.database)).at(-1) ?? 0;

test('without a position: hello with the present one, then what happens, each event as its audit entry', async () => {
  const room = await makeRoom(server);
  const before = await lastId();
  const stream = await openEvents(server.port, { token: server.as.admin });
  const hello = await firstBlock(stream);
  expect(hello).toEqual({ event: 'hello', id: String(before), data: expect.any(String) });
  expect(JSON.parse(hello.data ?? '')).toEqual({ last_event_id: String(before) });

  await freezeRoom(server, room.room_id, {
    freeze_reason: 'CLEANING',
    freeze_note: 'one\r\ntwo "\u2028" ü\n\n',
  });
  await changeRoom(server, room.room_id, { floor: '2' });
  await makeRoomType(server);
  const ids = await logIds(server.database, before);
  expect(ids).toHaveLength(3);
  await untilIds(stream, ids);
  expect(stream.events().map(({ event }) => event)).toEqual([
    'room.freeze',
    'room.update',
    'room_type.create',
  ]);
  const audit = await server.call('GET', '/audit?limit=3', { token: server.as.operations });
  expect(stream.events().map(entryOf)).toEqual(audit.body.entries.reverse());
});

test('a stream says when to come back, and a comment now and then', async () => {
  const stream = await openEvents(server.port, { token: server.as.operations });
  await until(() => expect(stream.blocks.filter((block) => '' in block).length).toBeGreaterThanOrEqual(3));
  const [{ retry } = {}] = stream.blocks;
  expect(Number(retry)).toBeGreaterThanOrEqual(1_000);
  expect(Number(retry)).toBeLessThanOrEqual(2_000);
});

test('the answer is for nobody to keep or to collect, and has the headers of every answer', async () => {
  const { headers, status } = await openEvents(server.port, { token: server.as.frontend });
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
    'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  expect(headers['content-length']).toBeUndefined();
});

describe('without ROOM_MANAGEMENT:READ', () => {
  /** What everybody did to the room since `before`, as two streams have it. */
  async function bothViews(act: (roomId: number) => Promise<unknown>) {
    const { room_id } = await makeRoom(server);
    const before = await lastId();
    const ask = (token: string) => openEvents(server.port, { token, query: `?last_event_id=${before}` });
    const [full, restricted] = [await ask(server.as.operations), await ask(server.as.frontend2)];
    await act(room_id);
    const ids = await logIds(server.database, before);
    await untilIds(full, ids);
    await untilIds(restricted, ids);
    return { full, restricted, seen: restricted.events().map(({ data }) => JSON.parse(data ?? '')) };
  }

  test('a hold shows neither who holds, nor for whom, nor which it is', async () => {
    const { full, restricted, seen } = await bothViews(async (roomId) => {
      const fields = { reference: 'cart-77', holder: 'customer-77', token: server.as.delegate };
      const hold = await placeHold(server, [roomId], fields);
      const body = { booking_reference: 'booking-77' };
      await server.call('POST', `/rooms/hold/${hold.hold_id}/confirm`, { token: server.as.admin, body });
    });
    const [hold, confirm] = full.events().map(entryOf);
    expect(hold?.new_value).toMatchObject({
      holder: 'customer-77',
      reference: 'cart-77',
      created_by: 'delegate',
    });
    expect(confirm?.new_value).toMatchObject({ booking_reference: 'booking-77' });

    const fields = [
      'action',
      'at',
      'audit_id',
      'entity',
      'entity_id',
      'new_value',
      'old_value',
      'request_id',
    ];
    for (const entry of seen) expect(Object.keys(entry).sort()).toEqual(fields);
    expect(Object.keys(seen[0].new_value).sort()).toEqual([
      'fence',
      'hold_expires_at',
      'room_status',
      'updated_at',
    ]);
    expect(seen[0].new_value).toMatchObject({ room_status: 'HELD', fence: 1 });
    expect(seen[1].new_value).toMatchObject({ room_status: 'BOOKED', booking_reference: null });
    expect(seen[1].old_value).not.toHaveProperty('hold_id');
    for (const secret of ['customer-77', 'cart-77', 'booking-77', 'delegate', hold?.hold_id ?? 'none']) {
      expect(restricted.text()).not.toContain(secret);
    }
  });

  test('a freeze shows its reason and end, never its note', async () => {
    const { restricted, seen } = await bothViews(async (roomId) => {
      await freezeRoom(server, roomId, {
        freeze_reason: 'CLEANING',
        freeze_note: 'secret-note',
        expires_in_seconds: 60,
      });
      await freezeRoom(server, roomId, { freeze_reason: 'secret-note-2' });
    });
    expect(seen[0].new_value).toMatchObject({
      room_status: 'FROZEN',
      freeze_reason: 'CLEANING',
      freeze_note: null,
      freeze_expires_at: expect.any(String),
    });
    expect(seen[1].old_value).toMatchObject({ freeze_note: null });
    expect(restricted.text()).not.toContain('secret-note');
  });

  test('the whole of a room that is made or deleted is shown as a list would show it', async () => {
    const { restricted, seen } = await bothViews(async (roomId) => {
      await freezeRoom(server, roomId, { freeze_note: 'secret-note' });
      await server.call('DELETE', `/rooms/${roomId}/freeze`, { token: server.as.admin });
      await server.call('DELETE', `/rooms/${roomId}`, { token: server.as.admin });
    });
    expect(seen.at(-1)).toMatchObject({ action: 'DELETE', new_value: null });
    expect(seen.at(-1).old_value).toMatchObject({ freeze_note: null, booking_reference: null });
    expect(seen.at(-1).old_value).not.toHaveProperty('hold_id');
    expect(restricted.text()).not.toContain('secret-note');
  });

  test('WRITE sees what READ does, and so does a token that has both kinds', async () => {
    const { room_id } = await makeRoom(server);
    const before = await lastId();
    await freezeRoom(server, room_id, { freeze_note: 'a note' });
    for (const token of [server.as.admin, tokenFor('both', 'ROOM_MANAGEMENT:READ', 'ROOM_HOLD:WRITE')]) {
      const stream = await openEvents(server.port, { token, lastEventId: before });
      await until(() =>
        expect(stream.events().map(entryOf)[0]?.new_value).toMatchObject({ freeze_note: 'a note' }),
      );
    }
  });
});

describe('room_id', () => {
  test('only what happens to this room; and the position moves on all the same', async () => {
    const [one, other] = await makeRooms(server, 2);
    if (one === undefined || other === undefined) throw new Error('two rooms');
    const before = await lastId();
    const ask = (lastEventId?: number) =>
      openEvents(server.port, {
        token: server.as.admin,
        query: `?room_id=${one.room_id}`,
        ...(lastEventId === undefined ? {} : { lastEventId }),
      });
    const live = await ask();
    await firstBlock(live);
    await freezeRoom(server, other.room_id);
    await freezeRoom(server, one.room_id);
    // The id of a room type may be that of the room.
    for (let made = 0; made < one.room_id; ) made = (await makeRoomType(server)).room_type_id;
    const ids = await logIds(server.database, before);
    const [, wanted] = ids;
    await untilIds(live, [wanted ?? 0]);
    const resumed = await ask(before);
    await untilIds(resumed, [wanted ?? 0]);
    for (const stream of [live, resumed]) {
      await until(() => expect(lastIdOf(stream)).toBe(ids.at(-1)));
      expect(stream.events().map(entryOf)).toEqual([
        expect.objectContaining({ entity: 'room', entity_id: String(one.room_id), action: 'FREEZE' }),
      ]);
    }
  });

  test('a room that does not exist has no events', async () => {
    const stream = await openEvents(server.port, {
      token: server.as.admin,
      query: '?room_id=2147483647&last_event_id=0',
    });
    await until(() => expect(lastIdOf(stream)).toBeGreaterThan(0));
    expect(stream.ids()).toEqual([]);
  });
});

describe('another instance', () => {
  test('shows without Redis what this one changes', async () => {
    const other = await startListening({ database: server.database });
    const stream = await openEvents(other.port, { token: server.as.admin });
    const { id } = await firstBlock(stream);
    await makeRoom(server);
    await untilIds(stream, await logIds(server.database, Number(id)));
    await other.close();
  });

  test('with Redis it does not wait for its next look', async () => {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url };
    const times = { events: { reader: { pollMs: 3_600_000, spacingMs: 1 } } };
    const apps = [
      await startListening({ database: server.database, env }),
      await startListening({ database: server.database, env, times }),
    ] as const;
    const [writer, watcher] = apps;
    const stream = await openEvents(watcher.port, { token: server.as.admin });
    const { id } = await firstBlock(stream);
    // Until Redis is in use by both, a change is not told; another one soon is.
    await until(async () => {
      await makeRoom(writer);
      expect(stream.ids()).not.toEqual([]);
    });
    await until(async () => expect(stream.ids()).toEqual(await logIds(server.database, Number(id))));
    for (const app of apps) await app.close();
    await redis.close();
  });
});
