import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { freezeRoom, makeRoom, makeRooms } from '../helpers/property.ts';
import {
  type Asked,
  firstBlock,
  type ListeningApp,
  logIds,
  openEvents,
  startListening,
  until,
  untilIds,
} from './streams.ts';

let server: ListeningApp;
let other: ListeningApp;

beforeAll(async () => {
  server = await startListening();
  other = await startListening({ database: server.database });
});
afterAll(async () => {
  await other.close();
  await server.close();
});

const open = (asked: Omit<Asked, 'token'> = {}, port = server.port) =>
  openEvents(port, { token: server.as.admin, ...asked });

/** Writes entries into the log, without a change behind them. */
const writeEntries = (count: number) =>
  server.database.query(
    `INSERT INTO audit_log (entity, entity_id, action, actor)
     SELECT 'room', (n % 7)::text, 'UPDATE', 'tester' FROM generate_series(1, $1::integer) n`,
    [count],
  );

beforeEach(async () => {
  await makeRooms(server, 3);
});

test('before anything has happened the position is 0, and behind 0 is everything', async () => {
  const database = await createTestDatabase();
  const empty = await startListening({ database });
  const stream = await open({}, empty.port);
  expect(await firstBlock(stream)).toMatchObject({ event: 'hello', id: '0' });
  await makeRoom(empty);
  const resumed = await open({ lastEventId: '0' }, empty.port);
  const ids = await logIds(database);
  for (const one of [stream, resumed]) await untilIds(one, ids);
  expect(resumed.blocks.map(({ event }) => event)).not.toContain('hello');
  await empty.close();
  await database.drop();
});

test('behind every single entry follow just those that are behind it, on any instance', async () => {
  const ids = await logIds(server.database);
  for (const [at, id] of ids.entries()) {
    const port = at % 2 === 0 ? server.port : other.port;
    await untilIds(await open({ lastEventId: id }, port), ids.slice(at + 1));
  }
});

test('the query says the same as the header, and the header counts when there are both', async () => {
  const ids = await logIds(server.database);
  const [first = 0, second = 0] = ids;
  await untilIds(await open({ query: `?last_event_id=${first}` }), ids.slice(1));
  await untilIds(await open({ query: `?last_event_id=${first}`, lastEventId: second }), ids.slice(2));
  // An empty header is none.
  await untilIds(await open({ query: `?last_event_id=${first}`, lastEventId: '' }), ids.slice(1));
  expect(await firstBlock(await open({ lastEventId: '' }))).toMatchObject({ event: 'hello' });
});

test('a list and the stream behind its X-Last-Event-Id together miss nothing', async () => {
  const list = await other.call('GET', '/rooms', { token: server.as.admin });
  const position = Number(list.headers['x-last-event-id']);
  await freezeRoom(server, list.body.rooms[0].room_id);
  const ids = await logIds(server.database, position);
  expect(ids.length).toBeGreaterThan(0);
  await untilIds(await open({ lastEventId: position }), ids);
});

test('far behind: page after page, and then what happens now', async () => {
  const before = (await logIds(server.database)).at(-1) ?? 0;
  await writeEntries(1_100);
  const streams = [await open({ lastEventId: before }), await open({ lastEventId: before }, other.port)];
  await makeRoom(server);
  const ids = await logIds(server.database, before);
  expect(ids.length).toBeGreaterThan(1_100);
  for (const stream of streams) await untilIds(stream, ids);
  // Those who come a little later find it where it is kept, and begin in the middle of a page.
  for (const at of [0, 249, 250, 251, 600, ids.length - 2]) {
    await untilIds(await open({ lastEventId: ids[at] ?? 0 }), ids.slice(at + 1));
  }
});

test('far behind with a room_id: only its events, over several pages', async () => {
  const before = (await logIds(server.database)).at(-1) ?? 0;
  await writeEntries(2_800);
  const wanted = await server.database.query<{ audit_id: string }>(
    `SELECT audit_id FROM audit_log WHERE entity = 'room' AND entity_id = '5' AND audit_id > $1 ORDER BY xid, audit_id`,
    [before],
  );
  expect(wanted).toHaveLength(400);
  const stream = await open({ lastEventId: before, query: '?room_id=5' });
  await untilIds(
    stream,
    wanted.map(({ audit_id }) => Number(audit_id)),
  );
});

describe('reset', () => {
  test.each([
    ['unknown', '999999999'],
    ['past every id', '9007199254740993'],
    ['longer than any', '9'.repeat(400)],
    ['negative', '-1'],
    ['not a number', 'abc'],
    ['not plain', '007'],
    ['of somebody else', '0194a3c0-7a11-7000-8000-000000000000'],
  ])('an id that is %s: reset first, and then the present', async (_what, lastEventId) => {
    const before = await logIds(server.database);
    for (const asked of [{ lastEventId }, { query: `?last_event_id=${lastEventId}` }]) {
      const stream = await open(asked);
      const id = String(before.at(-1));
      expect(await firstBlock(stream)).toEqual({
        event: 'reset',
        id,
        data: JSON.stringify({ last_event_id: id }),
      });
    }
    const stream = await open({ lastEventId });
    await firstBlock(stream);
    await makeRoom(server);
    await untilIds(stream, await logIds(server.database, before.at(-1)));
  });
});

/** Deletes from the log, as nothing but a failover that lost the last transactions can. */
const lose = (from: number) =>
  server.database.query(
    `BEGIN;
     ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only;
     DELETE FROM audit_log WHERE audit_id >= ${from};
     ALTER TABLE audit_log ENABLE TRIGGER audit_log_append_only;
     COMMIT`,
  );

test('when the log has lost what a stream had, the stream ends; who comes back is told to begin anew', async () => {
  const stream = await open();
  await firstBlock(stream);
  await makeRoom(server);
  const ids = await logIds(server.database);
  await until(() => expect(stream.ids()).toContain(ids.at(-1)));
  await lose(ids.at(-1) ?? 0);
  expect(await stream.end).toBe('ended');
  const again = await open({ lastEventId: ids.at(-1) ?? 0 });
  expect(await firstBlock(again)).toMatchObject({ event: 'reset', id: String(ids.at(-2)) });
  await makeRoom(server);
  await untilIds(again, await logIds(server.database, ids.at(-2)));
});

test('a restored log: what it has is no event until the statements of docs/events.md have run, what comes is', async () => {
  const database = await createTestDatabase();
  const restored = await startListening({ database });
  await makeRooms(restored, 3);
  const old = await logIds(database);
  await database.query(
    `BEGIN;
     ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only;
     UPDATE audit_log SET xid = (xid::text::bigint + 1000000000)::text::xid8;
     ALTER TABLE audit_log ENABLE TRIGGER audit_log_append_only;
     COMMIT`,
  );
  const stream = await open({ lastEventId: old[0] ?? 0 }, restored.port);
  expect(await firstBlock(stream)).toMatchObject({ event: 'reset', id: '0' });
  await makeRoom(restored);
  const ids = (await logIds(database)).filter((id) => !old.includes(id));
  await untilIds(stream, ids);
  stream.close();

  const docs = await readFile(new URL('../../docs/events.md', import.meta.url), 'utf8');
  const [, statements = ''] = /```sql\n([^`]+)```/.exec(docs) ?? [];
  await database.query(statements);
  const again = await open({ lastEventId: old[0] ?? 0 }, restored.port);
  await untilIds(again, [...old.slice(1), ...ids]);
  await makeRoom(restored);
  await untilIds(again, (await logIds(database)).slice(1));
  await restored.close();
  await database.drop();
});
