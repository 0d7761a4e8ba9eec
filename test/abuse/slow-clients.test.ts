import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { HttpTimes } from '../../src/http/bare-app.ts';
import { until } from '../helpers/connections.ts';
import { dial, exchange, listen } from '../helpers/raw-http.ts';
import { type BareOptions, startBareApp } from '../http/bare.ts';

/** 24 KiB, as a long page of a list is; a pile of them fills what the system buffers. */
const page = Buffer.alloc(24_576, ' ');

async function start(times: HttpTimes) {
  const extraRoutes: BareOptions['extraRoutes'] = async (app) => {
    app.get('/page', { config: { public: true } }, async (_request, reply) => reply.send(page));
  };
  const { app, lines } = await startBareApp({ times: { connectionsCheckMs: 20, ...times }, extraRoutes });
  return { app, lines, port: await listen(app) };
}

const head = 'Host: x\r\nContent-Type: application/json\r\n';
const closing = 'Host: x\r\nConnection: close\r\n\r\n';

/** What a client that is in no hurry begins with, and the byte that it then sends again and again. */
const drips: [name: string, begin: string, byte: string][] = [
  ['headers', 'GET /things/summary HTTP/1.1\r\nX-Slow: ', 'x'],
  ['a body', `POST /things HTTP/1.1\r\n${head}Content-Length: 60000\r\n\r\n{`, ' '],
  ['chunks', `POST /things HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
  ['empty lines before a request', '', '\r\n'],
  [
    'the body of a request that was refused',
    `POST /nothing HTTP/1.1\r\n${head}Content-Length: 60000\r\n\r\n`,
    ' ',
  ],
];

/** Connects, and sends a byte every so often until it is cut. */
async function drip(port: number, begin: string, byte: string): Promise<Socket> {
  const socket = await dial(port);
  socket.on('error', () => {}).resume();
  socket.write(begin);
  const timer = setInterval(() => socket.write(byte), 20);
  socket.once('close', () => clearInterval(timer));
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

const openConnections = (app: {
  server: { getConnections(done: (error: unknown, count: number) => void): unknown };
}) => new Promise<number>((resolve) => app.server.getConnections((_error, count) => resolve(count)));

describe('clients that drip', () => {
  test('100 at once are all cut, whatever they drip, while others are served', async () => {
    const { app, port } = await start({ requestTimeoutMs: 400 });
    const sockets = await Promise.all(
      drips.flatMap(([, begin, byte]) => Array.from({ length: 20 }, () => drip(port, begin, byte))),
    );
    let left = sockets.length;
    for (const socket of sockets) socket.once('close', () => (left -= 1));
    let served = 0;
    while (left > 0) {
      const [answer] = await exchange(port, `GET /things/summary HTTP/1.1\r\n${closing}`);
      expect(answer?.status).toBe(200);
      served += 1;
    }
    expect(served).toBeGreaterThan(10);
    await until(async () => expect(await openConnections(app)).toBe(0));
  });

  test.each(drips)(
    'one that drips %s is cut soon after its time, not at the end of its request',
    async (_what, begin, byte) => {
      const { port } = await start({ requestTimeoutMs: 200 });
      const startedAtMs = performance.now();
      await once(await drip(port, begin, byte), 'close');
      expect(performance.now() - startedAtMs).toBeLessThan(2_000);
    },
  );
});

describe('clients that do not read', () => {
  /** Asks for more than the system buffers, and reads nothing of it. */
  async function askMuch(port: number): Promise<Socket> {
    const socket = await dial(port);
    socket.on('error', () => {}).pause();
    socket.write('GET /page HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000));
    onTestFinished(() => {
      socket.destroy();
    });
    return socket;
  }

  test('one that reads nothing of its answers is cut, and its memory is let go', async () => {
    const { app, port } = await start({ answerTimeoutMs: 300 });
    await Promise.all(Array.from({ length: 10 }, () => askMuch(port)));
    await until(async () => expect(await openConnections(app)).toBe(0));
  });

  test('one that reads a little now and then is cut all the same', async () => {
    const { app, port } = await start({ answerTimeoutMs: 300 });
    const socket = await askMuch(port);
    const timer = setInterval(() => socket.read(1), 20);
    onTestFinished(() => clearInterval(timer));
    await until(async () => expect(await openConnections(app)).toBe(0));
  });

  test('one that reads at its own pace, but reads, has all of its answers', async () => {
    const { port } = await start({ answerTimeoutMs: 2_000 });
    const socket = await askMuch(port);
    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
      socket.pause();
      setImmediate(() => socket.resume());
    });
    socket.resume();
    await until(() => expect(bytes).toBeGreaterThanOrEqual(1_000 * page.length));
    expect(socket.destroyed).toBe(false);
  });
});

describe('too many connections', () => {
  const answered = (socket: Socket) =>
    new Promise<boolean>((resolve) => {
      socket.once('data', () => resolve(true)).once('close', () => resolve(false));
      socket.on('error', () => {});
      socket.write('GET /things/summary HTTP/1.1\r\nHost: x\r\n\r\n');
    });

  test('past the bound one is closed at once, and the log says so once', async () => {
    const { port, lines } = await start({ connectionsMax: 20 });
    const busy = await Promise.all(Array.from({ length: 20 }, () => dial(port)));
    onTestFinished(() => {
      for (const socket of busy) socket.destroy();
    });
    for (let more = 0; more < 10; more += 1) expect(await answered(await dial(port))).toBe(false);
    const warnings = lines.filter((line) => String(line.msg).startsWith('connections are refused'));
    expect(warnings).toEqual([expect.objectContaining({ level: 40, connections_max: 20 })]);
    busy[0]?.destroy();
    await until(async () => expect(await answered(await dial(port))).toBe(true));
  });

  test('connections that are idle between two requests make room', async () => {
    const { app, port } = await start({ connectionsMax: 20 });
    const idle = await Promise.all(Array.from({ length: 20 }, () => dial(port)));
    onTestFinished(() => {
      for (const socket of idle) socket.destroy();
    });
    expect(await Promise.all(idle.map(answered))).toEqual(Array(20).fill(true));
    await until(async () => expect(await answered(await dial(port))).toBe(true));
    expect(await openConnections(app)).toBeLessThanOrEqual(2);
  });

  test('silent ones are cut in their time, and then there is room', async () => {
    const { port } = await start({ connectionsMax: 20, requestTimeoutMs: 200 });
    const silent = await Promise.all(Array.from({ length: 20 }, () => dial(port)));
    await Promise.all(silent.map((socket) => once(socket.on('error', () => {}).resume(), 'close')));
    expect(await answered(await dial(port))).toBe(true);
  });
});

test('a server as it runs has every bound', async () => {
  const { app } = await startBareApp();
  const { requestTimeout, headersTimeout, timeout, maxConnections, keepAliveTimeout } = app.server;
  expect({ requestTimeout, headersTimeout, maxConnections }).toEqual({
    requestTimeout: 10_000,
    headersTimeout: 10_000,
    maxConnections: 5_000,
  });
  expect(timeout).toBe(120_000);
  // Longer than load balancers keep a connection (60 s): they must not send into one that is being closed.
  expect(keepAliveTimeout).toBe(72_000);
});
