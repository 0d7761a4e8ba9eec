/** Owns one HTTP call: what was answered, or in which way nothing was. */
import { type Agent, type IncomingMessage, request } from 'node:http';

/** What is sent. */
export type Sent = Readonly<{
  agent: Agent;
  port: number;
  method: string;
  path: string;
  token: string;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** How long the client waits. */
  patienceMs: number;
  /** The client goes away after this, answer or not. */
  leavesAfterMs?: number;
}>;

/** What came back. */
export type Reply =
  | Readonly<{ kind: 'answer'; status: number; headers: IncomingMessage['headers']; body: string }>
  /** No connection was made: nothing was sent. */
  | Readonly<{ kind: 'refused' }>
  | Readonly<{ kind: 'lost'; why: string }>;

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.message;
}

/** Makes one call, and never rejects. */
export function send(sent: Sent): Promise<Reply> {
  const { agent, port, method, path, token, body, patienceMs, leavesAfterMs } = sent;
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers: Record<string, string> = { authorization: `Bearer ${token}`, ...sent.headers };
  if (text !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = String(Buffer.byteLength(text));
  }
  return new Promise((resolve) => {
    const call = request({ agent, host: '127.0.0.1', port, method, path, headers });
    const lose = (why: string) => {
      const how = call.reusedSocket ? `${why} on a kept connection` : why;
      resolve(why === 'ECONNREFUSED' ? { kind: 'refused' } : { kind: 'lost', why: how });
      call.destroy();
    };
    const timer = setTimeout(() => lose('timeout'), patienceMs);
    const leaving = leavesAfterMs === undefined ? undefined : setTimeout(() => lose('left'), leavesAfterMs);
    call.on('close', () => {
      clearTimeout(timer);
      clearTimeout(leaving);
    });
    call.on('error', (error) => lose(codeOf(error)));
    call.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', (error) => lose(codeOf(error)));
      answer.on('end', () => {
        const status = answer.statusCode ?? 0;
        resolve({ kind: 'answer', status, headers: answer.headers, body: Buffer.concat(chunks).toString() });
      });
    });
    call.end(text);
  });
}
