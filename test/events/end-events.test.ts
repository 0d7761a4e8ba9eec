import { once } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { openEventService } from '../../src/events/service.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { makeRoom } from '../helpers/property.ts';
import { goodClaims, hmacToken, inSeconds } from '../helpers/tokens.ts';
import { firstBlock, lastIdOf, logIds, openEvents, startListening, until, untilIds } from './streams.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** A server of the test's own, since it is to be ended. */
const start = async (options: Omit<Parameters<typeof startListening>[0], 'database'> = {}) => {
  const server = await startListening({ ...options, database });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= server.close());
  onTestFinished(close);
  return { ...server, close };
};

/** Entries of some 3 KB each. */
const writeEntries = (count: number) =>
  database.query(
    `INSERT INTO audit_log (entity, entity_id, action, actor, new_value)
     SELECT 'room', '1', 'UPDATE', 'tester', jsonb_build_object('floor', repeat('x', 3000)) FROM generate_series(1, $1) n`,
    [count],
  );

test('a stream ends when its token does, and not before', async () => {
  const server = await start();
  const exp = inSeconds(2);
  const token = hmacToken(goodClaims({ exp, scopes: ['ROOM_MANAGEMENT:READ'] }));
  const stream = await openEvents(server.port, { token });
  const { id } = await firstBlock(stream);
  await makeRoom(server);
  await untilIds(stream, await logIds(database, Number(id)));
  expect(await stream.end).toBe('ended');
  const msLate = Date.now() - exp * 1000;
  expect(msLate).toBeGreaterThanOrEqual(-5);
  expect(msLate).toBeLessThan(8_000);
});

test('within the leeway a token still opens a stream, which lasts as long: nobody comes back again and again', async () => {
  const server = await start();
  const exp = Date.now() / 1000;
  const token = hmacToken(goodClaims({ exp, scopes: ['ROOM_MANAGEMENT:READ'] }));
  const stream = await openEvents(server.port, { token });
  expect([stream.status, await stream.end]).toEqual([200, 'ended']);
  expect(Date.now() - exp * 1000).toBeGreaterThanOrEqual(1_995);
  expect((await openEvents(server.port, { token })).status).toBe(401);
});

test('a token that is good for a century opens a stream as any other', async () => {
  const warnings = vi.fn();
  process.on('warning', warnings);
  onTestFinished(() => void process.off('warning', warnings));
  const server = await start();
  const token = hmacToken(
    goodClaims({ exp: inSeconds(100 * 365 * 86_400), scopes: ['ROOM_MANAGEMENT:READ'] }),
  );
  const stream = await openEvents(server.port, { token });
  await firstBlock(stream);
  await makeRoom(server);
  await until(() => expect(stream.events().length).toBeGreaterThan(0));
  expect(warnings).not.toHaveBeenCalled();
});

test('draining ends every stream as it should; one that is opened then says where it stands, and ends', async () => {
  const server = await start();
  const { admin: token } = server.as;
  const streams = [
    await openEvents(server.port, { token }),
    await openEvents(server.port, { token, lastEventId: 0 }),
  ];
  for (const { headers } of streams) expect(headers.connection).toBe('keep-alive');
  server.platform.drain();
  for (const stream of streams) expect(await stream.end).toBe('ended');
  const late = await openEvents(server.port, { token });
  expect([late.status, late.headers.connection, await late.end]).toEqual([200, 'close', 'ended']);
  expect(await firstBlock(late)).toMatchObject({ event: 'hello' });
});

test('closing the server ends every stream, whether it drained or not', async () => {
  const server = await start();
  const stream = await openEvents(server.port, { token: server.as.admin });
  await firstBlock(stream);
  await server.close();
  expect(await stream.end).toBe('ended');
});

test('a client that does not read is cut off, and comes back for what it has missed', async () => {
  const server = await start({ times: { events: { beatMs: 100 } } });
  const { operations: token } = server.as;
  const [reading, stalled] = [
    await openEvents(server.port, { token }),
    await openEvents(server.port, { token }),
  ];
  const { id } = await firstBlock(stalled);
  stalled.pause();
  // More than the buffers between the two processes take.
  await writeEntries(8_000);
  const ids = await logIds(database, Number(id));
  await untilIds(reading, ids);
  await until(async () => {
    const sockets = await new Promise<number>((resolve) =>
      server.app.server.getConnections((_error, count) => resolve(count)),
    );
    expect(sockets).toBe(1);
  });
  stalled.resume();
  expect(await stalled.end).toBe('cut');
  const [seen, from] = [stalled.ids(), lastIdOf(stalled)];
  expect(seen.length).toBeLessThan(ids.length);
  const again = await openEvents(server.port, { token, lastEventId: from });
  await until(() => expect(seen.length + again.ids().length).toBe(ids.length));
  expect([...seen, ...again.ids()]).toEqual(ids);
});

test('a client that does not read holds up no stop', async () => {
  const server = await start();
  await writeEntries(8_000);
  const requested = once(server.app.server, 'request');
  const socket = connect(server.port, '127.0.0.1').pause();
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.write(
    `GET /events?last_event_id=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.as.operations}\r\n\r\n`,
  );
  const [, response] = await requested;
  await until(() => expect(response.writableNeedDrain).toBe(true));
  await server.close();
  expect(response.destroyed).toBe(true);
});

test('the reader begins with the first stream and stops with the last, and the open streams are counted', async () => {
  const server = await start();
  const reads = vi.spyOn(server.platform.cache, 'onChanged');
  const events = openEventService(server.platform);
  expect(events.count).toBe(0);
  expect(reads).not.toHaveBeenCalled();
  const open = async () => {
    const client = new PassThrough();
    const stream = events.open(await events.findStart(undefined), {
      view: 'full',
      roomId: undefined,
      client,
    });
    stream.body.pipe(client);
    return { client, stream };
  };
  const [one, other] = [await open(), await open()];
  expect([events.count, reads.mock.calls.length]).toEqual([2, 1]);
  one.client.destroy();
  await until(() => expect(events.count).toBe(1));
  other.client.destroy();
  await until(() => expect(events.count).toBe(0));
  await open();
  expect([events.count, reads.mock.calls.length]).toEqual([1, 2]);
  events.close();
});

test('503 overloaded past 5,000 streams', async () => {
  const { platform } = await start();
  const events = openEventService(platform);
  const position = await events.findStart(undefined);
  const clients = Array.from({ length: 5_000 }, () => new PassThrough());
  const open = (client: PassThrough) => events.open(position, { view: 'full', roomId: undefined, client });
  for (const client of clients) open(client).body.pipe(client);
  expect(() => open(new PassThrough())).toThrow(expect.objectContaining({ code: 'overloaded', status: 503 }));
  expect(events.count).toBe(5_000);
  for (const client of clients) client.destroy();
  await until(() => expect(events.count).toBe(0));
  events.close();
});
