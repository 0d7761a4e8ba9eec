/** Owns the clients of event tests: one that sees every byte of a stream, and the order that the log itself has. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { expect, onTestFinished, vi } from 'vitest';
import { type AuditEntry, auditEntrySchema } from '../../src/audit/schemas.ts';
import { startTestApp, type TestApp, type TestAppOptions } from '../helpers/app.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { listen } from '../helpers/raw-http.ts';

/** A block of a stream, by the names of its fields; a comment has the name ''. */
export type Block = Readonly<Record<string, string>>;

/** A stream as its client sees it. */
export type OpenedStream = Readonly<{
  status: number;
  headers: IncomingMessage['headers'];
  /** All that came so far, in order. */
  blocks: readonly Block[];
  /** The events of the log among them. */
  events(): readonly Block[];
  /** The ids of these. */
  ids(): readonly number[];
  /** The text that came so far. */
  text(): string;
  /** Reads no more, so that the server cannot go on sending. */
  pause(): void;
  resume(): void;
  /** How the stream came to its end: `ended` as it should, or `cut`. */
  end: Promise<'ended' | 'cut'>;
  /** Hangs up. */
  close(): void;
}>;

/** How a stream is asked for. */
export type Asked = Readonly<{
  token: string;
  lastEventId?: string | number;
  query?: string;
  headers?: Record<string, string>;
}>;

function parseBlock(text: string): Block {
  return Object.fromEntries(
    text.split('\n').map((line) => {
      const colonAt = line.indexOf(':');
      return [line.slice(0, colonAt), line.slice(colonAt + 1).replace(/^ /, '')];
    }),
  );
}

/** Opens a stream at the server on `port`; it is closed when the test ends. */
export async function openEvents(port: number, asked: Asked): Promise<OpenedStream> {
  const { token, lastEventId, query = '', headers = {} } = asked;
  const sent = request({
    port,
    host: '127.0.0.1',
    path: `/events${query}`,
    agent: false,
    headers: {
      authorization: `Bearer ${token}`,
      connection: 'keep-alive',
      ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
      ...headers,
    },
  }).end();
  sent.on('error', () => undefined);
  const [answer]: IncomingMessage[] = await once(sent, 'response');
  if (answer === undefined) throw new Error('no answer');
  onTestFinished(() => void sent.destroy());
  const blocks: Block[] = [];
  let text = '';
  let rest = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const parts = (rest + chunk).split('\n\n');
    rest = parts.pop() ?? '';
    blocks.push(...parts.map(parseBlock));
  });
  const end = new Promise<'ended' | 'cut'>((resolve) => {
    answer.on('error', () => undefined).on('close', () => resolve(answer.complete ? 'ended' : 'cut'));
  });
  const events = () => blocks.filter(({ event = '' }) => event.includes('.'));
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    blocks,
    events,
    ids: () => events().map(({ id }) => Number(id)),
    text: () => text,
    pause: () => void answer.pause(),
    resume: () => void answer.resume(),
    end,
    close: () => void sent.destroy(),
  };
}

/** Looks again and again until `check` passes. */
export function until<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 30_000, interval: 5 });
}

/** Waits until the stream has these ids, and no other, in this order. */
export async function untilIds(stream: OpenedStream, ids: readonly number[]): Promise<void> {
  await until(() => expect(stream.ids()).toEqual(ids));
}

/** Waits for the stream's first event with a name, such as `hello`; its block. */
export function firstBlock(stream: OpenedStream): Promise<Block> {
  return until(() => {
    const found = stream.blocks.find(({ event }) => event !== undefined);
    if (found === undefined) throw new Error('nothing yet');
    return found;
  });
}

/** The id from which a client would go on. */
export function lastIdOf(stream: OpenedStream): number {
  return Number(stream.blocks.findLast(({ id }) => id !== undefined)?.id ?? 0);
}

/** What an event carries, as those see it who see everything. */
export function entryOf(block: Block): AuditEntry {
  return auditEntrySchema.parse(JSON.parse(block.data ?? ''));
}

/** The ids of the log in the order of events, from behind `after` on. */
export async function logIds(database: TestDatabase, after = 0): Promise<number[]> {
  const rows = await database.query<{ audit_id: string }>(
    `SELECT audit_id FROM audit_log
     WHERE (xid, audit_id) > (coalesce((SELECT xid FROM audit_log WHERE audit_id = $1), '0'), $1::bigint)
     ORDER BY xid, audit_id`,
    [after],
  );
  return rows.map(({ audit_id }) => Number(audit_id));
}

/** A server that listens, with its port. */
export type ListeningApp = TestApp & Readonly<{ port: number }>;

/** Starts a test app and lets it listen on a free port. */
export async function startListening(options: TestAppOptions = {}): Promise<ListeningApp> {
  const app = await startTestApp(options);
  return { ...app, port: await listen(app.app) };
}
