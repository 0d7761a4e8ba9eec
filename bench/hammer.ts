/** Owns the cheapest load: one request, sent on each connection again as soon as its answer is there. */
import { connect, type Socket } from 'node:net';
import { bytesOf } from './connection.ts';
import type { Sent } from './scripts.ts';

/** Which request, to whom, on how many connections at once; and whether to sleep while no answer is there. */
export type Hammering = Readonly<{
  origin: string;
  token: string;
  connections: number;
  request: Sent;
  sleeps: boolean;
}>;

const headEnd = '\r\n\r\n';

/** The status of an answer, and the bytes of its body. */
function headOf(head: string): { status: number; bodyBytes: number } {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? '0';
  return { status: Number(head.slice(9, 12)), bodyBytes: Number(length) };
}

/**
 * Follows the answers on one connection, however they are cut into chunks. What it returns takes the next chunk; it calls
 * `done` at the end of each answer.
 */
function followAnswers(done: (status: number) => void): (chunk: Buffer) => void {
  let head = Buffer.alloc(0);
  let status = 0;
  let missing: number | undefined;
  return (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (missing === undefined) {
        const text = head.length === 0 ? rest : Buffer.concat([head, rest]);
        const endsAt = text.indexOf(headEnd, 0, 'latin1');
        if (endsAt === -1) {
          // The chunk is a piece of memory that is used again.
          head = Buffer.from(text);
          return;
        }
        const found = headOf(text.toString('latin1', 0, endsAt));
        status = found.status;
        missing = found.bodyBytes;
        rest = text.subarray(endsAt + headEnd.length);
        head = Buffer.alloc(0);
      }
      const taken = Math.min(missing, rest.length);
      missing -= taken;
      rest = rest.subarray(taken);
      if (missing > 0) return;
      missing = undefined;
      done(status);
    }
  };
}

/**
 * Sends the request for `ms` milliseconds and calls `onAnswer` with the status of each answer. Rejects when a connection
 * breaks.
 */
export async function hammer(
  { origin, token, connections, request, sleeps }: Hammering,
  ms: number,
  onAnswer: (status: number) => void,
): Promise<void> {
  const { hostname, port, host } = new URL(origin);
  const bytes = Buffer.from(bytesOf(request, host, token));
  // Read by one callback at a time, into the same memory: to make some for each answer costs more than to read it.
  const buffer = Buffer.allocUnsafe(65_536);
  const sockets: Socket[] = [];
  let isAwake = !sleeps;
  const stayAwake = () => {
    if (isAwake) setImmediate(stayAwake);
  };
  stayAwake();
  try {
    await new Promise<void>((resolve, reject) => {
      setTimeout(resolve, ms);
      for (let count = 0; count < connections; count += 1) {
        const follow = followAnswers((status) => {
          onAnswer(status);
          socket.write(bytes);
        });
        const socket = connect({
          host: hostname,
          port: Number(port),
          noDelay: true,
          onread: {
            buffer,
            callback: (size, chunk) => {
              follow(Buffer.from(chunk.buffer, chunk.byteOffset, size));
              return true;
            },
          },
        });
        socket.once('connect', () => socket.write(bytes));
        socket.on('error', reject).on('close', () => reject(new Error('the server closed a connection')));
        sockets.push(socket);
      }
    });
  } finally {
    isAwake = false;
    for (const socket of sockets) socket.destroy();
  }
}
