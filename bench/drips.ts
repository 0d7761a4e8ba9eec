/** Owns clients that are slow on purpose: they send, or read, a byte a second, and come again when they are cut. */
import { connect, type Socket } from 'node:net';

/** How long each connection was kept until the server cut it, in milliseconds. */
export type Dripping = Readonly<{ keptMs: readonly number[]; stop(): void }>;

const byteEveryMs = 1_000;

/** One of so many reads slowly instead: each has the system buffer megabytes, which is another kind of load. */
const readersShare = 50;

const begins = (token: string): readonly [headers: string, body: string, reader: string] => [
  'GET /rooms HTTP/1.1\r\nHost: bench\r\nX-Slow: ',
  `POST /rooms/hold HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{`,
  // More answers than the system buffers, of which nothing is read.
  `GET /rooms?limit=200 HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\n\r\n`.repeat(200),
];

/** Opens `count` connections to `origin`: half drip headers, half a body, and one of 50 reads slowly. */
export function startDripping(origin: string, token: string, count: number): Dripping {
  const { hostname, port } = new URL(origin);
  const [headers, body, reader] = begins(token);
  const sockets = new Set<Socket>();
  const keptMs: number[] = [];
  let isOver = false;

  const drip = (n: number): void => {
    const socket = connect({ host: hostname, port: Number(port) });
    const isReader = n % readersShare === 0;
    let sinceMs = performance.now();
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('connect', () => {
      sinceMs = performance.now();
      socket.write(isReader ? reader : n % 2 === 0 ? headers : body);
    });
    if (isReader) socket.pause();
    else socket.resume();
    const timer = setInterval(() => (isReader ? socket.read(1) : socket.write(' ')), byteEveryMs);
    socket.once('close', () => {
      clearInterval(timer);
      sockets.delete(socket);
      if (isOver) return;
      keptMs.push(performance.now() - sinceMs);
      drip(n);
    });
  };
  for (let n = 0; n < count; n += 1) drip(n);
  return {
    keptMs,
    stop: () => {
      isOver = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}
