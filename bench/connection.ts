/** Owns plain HTTP/1.1 connections that cost the load process as little as can be, for latencies. */
import { connect, type Socket } from 'node:net';
import type { Sent } from './scripts.ts';

/** An answer, and when its last byte was there (monotonic milliseconds). */
export type Answer = Readonly<{ status: number; body: string; endedAtMs: number }>;

/** One connection with one request at a time. */
export type Connection = Readonly<{ send(request: Sent): Promise<Answer>; close(): void }>;

/** The bytes of a request. */
export function bytesOf(request: Sent, host: string, token: string): string {
  const { method, path, body = '', headers = {} } = request;
  const lines = [`${method} ${path} HTTP/1.1`, `host: ${host}`, `authorization: Bearer ${token}`];
  if (body !== '') lines.push('content-type: application/json', `content-length: ${Buffer.byteLength(body)}`);
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** The answer at the beginning of `text` (latin1), or undefined while it is not whole. */
function answerIn(text: string): { status: number; body: string } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, headEnd))?.[1] ?? '0';
  if (text.length < headEnd + 4 + Number(length)) return undefined;
  return { status: Number(text.slice(9, 12)), body: text.slice(headEnd + 4) };
}

/** An answer that takes longer is lost. */
const answerMsMax = 30_000;

/**
 * Connects to `origin` (http, on this machine), again whenever the server has closed what was idle. A request whose
 * connection breaks, or that is not answered within 30 s, rejects.
 */
export async function openConnection(origin: string, token: string): Promise<Connection> {
  const { hostname, port, host } = new URL(origin);
  let waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  let received = '';

  const dial = async (): Promise<Socket> => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true, timeout: answerMsMax });
    const fail = () => {
      waiting?.reject(new Error('the server closed a connection'));
      waiting = undefined;
    };
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.on('error', fail).on('close', fail);
    socket.on('timeout', () => socket.destroy());
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
      const answer = answerIn(received);
      if (answer === undefined) return;
      received = '';
      waiting?.resolve({ ...answer, endedAtMs: performance.now() });
      waiting = undefined;
    });
    return socket;
  };

  let socket = await dial();
  return {
    async send(request) {
      if (!socket.writable) socket = await dial();
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(bytesOf(request, host, token));
      });
    },
    close: () => socket.destroy(),
  };
}
