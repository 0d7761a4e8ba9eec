import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeRoom, freezeRoom, makeRoom, makeRoomType } from '../helpers/property.ts';
import {
  entryOf,
  firstBlock,
  type ListeningApp,
  logIds,
  openEvents,
  startListening,
  untilIds,
} from './streams.ts';

let server: ListeningApp;

beforeAll(async () => {
  server = await startListening();
});
afterAll(() => server.close());

const admin = () => ({ token: server.as.admin });

test('without a position: hello with the present one, then what happens, each event as its audit entry', async () => {
  const room = await makeRoom(server);
  const before = await logIds(server.database);
  const stream = await openEvents(server.port, admin());
  expect([stream.status, stream.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
  const hello = await firstBlock(stream);
  expect(hello).toEqual({ event: 'hello', id: String(before.at(-1)), data: expect.any(String) });
  expect(JSON.parse(hello.data ?? '')).toEqual({ last_event_id: String(before.at(-1)) });

  await freezeRoom(server, room.room_id, {
    freeze_reason: 'CLEANING',
    freeze_note: 'line one\nline "two" \u2028 ü',
  });
  await changeRoom(server, room.room_id, { floor: '2' });
  await makeRoomType(server);
  const ids = await logIds(server.database, before.at(-1));
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
