/** Owns how the console reads the event stream: against a real HTTP server that breaks it in every way. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { LiveEntry } from '../../src/console/api/wire.ts';
import { openStream, retryMs } from '../../src/console/live/stream.ts';
import { entryOf } from './rooms.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that answers the n-th request with the n-th handler, and a stream from it. */
async function streamFrom(handlers: readonly Handler[], silenceMs = 5_000) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    (handlers[asked.length - 1] ?? handlers.at(-1))?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const entries: { entry: LiveEntry; id: string }[] = [];
  const states: string[] = [];
  const waiting = new Set<() => void>();
  const changed = (): void => {
    for (const look of waiting) look();
  };
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  let resetCount = 0;
  const stream = openStream({
    from: '7',
    token: 'a.b.c',
    fetch: (path, init) => fetch(`http://127.0.0.1:${port}${String(path)}`, init),
    onEntry: (entry, id) => {
      entries.push({ entry, id });
      changed();
    },
    onReset: () => {
      resetCount += 1;
      changed();
    },
    onState: (state, problem) => {
      states.push(problem === undefined ? state : `${state} ${problem.code}`);
      changed();
    },
    retryMs: () => 1,
    silenceMs,
  });
  closers.push(() => {
    stream.close();
    server.closeAllConnections();
    server.close();
  });
  return { asked, entries, states, until, stream, resets: () => resetCount };
}

const eventText = (id: number): string =>
  `id: ${id}\nevent: room.update\ndata: ${JSON.stringify(entryOf('UPDATE', { floor: 'ü' }, { audit_id: id }))}\n\n`;

const streamHead: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
};

const sends =
  (...chunks: (string | Buffer)[]): Handler =>
  (request, response) => {
    streamHead(request, response);
    for (const chunk of chunks) response.write(chunk);
  };

test('it begins after the position that it is given, with the token in a header', async () => {
  const { asked, entries, states, until } = await streamFrom([
    sends(': alive\n\n', eventText(8), eventText(9)),
  ]);
  await until(() => entries.length === 2);
  expect(asked[0]?.headers).toMatchObject({ 'last-event-id': '7', authorization: 'Bearer a.b.c' });
  expect(entries.map(({ id }) => id)).toEqual(['8', '9']);
  expect(entries[0]?.entry.new_value).toEqual({ floor: 'ü' });
  expect(states).toEqual(['connecting', 'live']);
});

test('an event that comes in pieces, cut within a letter, is whole', async () => {
  const bytes = Buffer.from(eventText(8));
  const cut = bytes.indexOf(Buffer.from('ü')) + 1;
  const { entries, until } = await streamFrom([sends(bytes.subarray(0, cut), bytes.subarray(cut))]);
  await until(() => entries.length === 1);
  expect(entries[0]?.entry.new_value).toEqual({ floor: 'ü' });
});

test('a stream that breaks off is resumed after the last event that arrived', async () => {
  const breaks: Handler = (request, response) => {
    sends(eventText(8), 'id: 9\nevent: room.update\ndata: {"half')(request, response);
    setImmediate(() => response.destroy());
  };
  const { asked, entries, states, until } = await streamFrom([breaks, sends(eventText(9))]);
  await until(() => entries.length === 2);
  expect(asked[1]?.headers['last-event-id']).toBe('8');
  expect(entries.map(({ id }) => id)).toEqual(['8', '9']);
  expect(states).toEqual(['connecting', 'live', 'lost', 'live']);
});

test('a server that is away or answers 503 is tried again', async () => {
  const refuses: Handler = (request) => request.socket.destroy();
  const drains: Handler = (_request, response) => {
    response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '0' });
    response.end('{"code":"draining","detail":"","status":503,"title":""}');
  };
  const { entries, until } = await streamFrom([refuses, drains, sends(eventText(8))]);
  await until(() => entries.length === 1);
});

test('a stream that falls silent is given up and resumed', async () => {
  const { asked, entries, until } = await streamFrom([sends(eventText(8)), sends(eventText(9))], 60);
  await until(() => entries.length === 2);
  expect(asked[1]?.headers['last-event-id']).toBe('8');
});

test('a reset ends the stream and asks for everything anew', async () => {
  const { entries, until, resets } = await streamFrom([sends('event: reset\ndata: {}\n\n', eventText(9))]);
  await until(() => resets() === 1);
  expect(entries).toEqual([]);
});

test('a refused token ends it for good', async () => {
  const refuses: Handler = (_request, response) => {
    response.writeHead(401, { 'content-type': 'application/problem+json' });
    response.end('{"code":"credentials-invalid","detail":"","status":401,"title":""}');
  };
  const { asked, states, until } = await streamFrom([refuses]);
  await until(() => states.length === 2);
  expect(states).toEqual(['connecting', 'ended credentials-invalid']);
  expect(asked).toHaveLength(1);
});

test('tries are spread, and never further apart than 3 s', () => {
  for (const tries of [0, 1, 5, 50]) {
    const ms = retryMs(tries);
    expect(ms).toBeGreaterThanOrEqual(125);
    expect(ms).toBeLessThanOrEqual(3000);
  }
});
