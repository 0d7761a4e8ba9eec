/** Owns reading the event stream: in order, resumed where it broke off, and known to be lost when it is. */
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { Problem, problemOf } from '../api/problem.ts';
import type { LiveEntry } from '../api/wire.ts';

/** The server sends something at least every 15 s: after two such silences the stream is dead. */
const silenceMsMax = 32_000;

/** From one try to the next: soon at first, as a server that restarts is back in seconds. */
const retryMsMin = 250;
const retryMsMax = 3_000;

/** `lost`: there is no stream now, and it is tried again by itself. `ended`: it is not, because of `problem`. */
export type StreamState = 'connecting' | 'live' | 'lost' | 'ended';

export type StreamOptions = {
  /** The position to go on after. */
  from: string;
  token: string;
  fetch: typeof fetch;
  onEntry: (entry: LiveEntry, id: string) => void;
  /** The server no longer knows the position: what is shown has to be loaded anew. The stream is closed. */
  onReset: () => void;
  onState: (state: StreamState, problem?: Problem) => void;
  /** How many ms to wait before the n-th try in a row; settable for tests. */
  retryMs?: (tries: number) => number;
  silenceMs?: number;
};

/** The wait before a try: doubled each time up to a bound, and spread, so that a hundred consoles do not come at once. */
export const retryMs = (tries: number): number =>
  Math.min(retryMsMax, retryMsMin * 2 ** tries) * (0.5 + Math.random() / 2);

/** What one connection came to. */
type Outcome = 'broken' | 'reset' | Problem;

type Connection = Pick<StreamOptions, 'token' | 'fetch' | 'silenceMs'> & {
  position: string;
  signal: AbortSignal;
  onOpen: () => void;
  /** Returns true when nothing more is wanted of this connection. */
  onMessage: (message: EventSourceMessage) => boolean;
};

/** Reads one connection to its end. Never throws. */
async function readConnection(connection: Connection): Promise<Outcome> {
  const { position, signal, silenceMs = silenceMsMax } = connection;
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), silenceMs);
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), silenceMs);
  };
  try {
    const response = await connection.fetch('/events', {
      headers: {
        accept: 'text/event-stream',
        authorization: `Bearer ${connection.token}`,
        'last-event-id': position,
      },
      credentials: 'omit',
      cache: 'no-store',
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (!response.ok) return await problemOf(response);
    if (response.body === null) return 'broken';
    connection.onOpen();
    let isReset = false;
    const parser = createParser({
      onEvent: (message) => {
        isReset ||= connection.onMessage(message);
      },
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      heard();
      parser.feed(chunk.value);
      if (isReset) {
        void reader.cancel();
        return 'reset';
      }
    }
    return 'broken';
  } catch {
    return 'broken';
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, but no longer than until `signal` aborts or the browser says that it is online again. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      globalThis.removeEventListener?.('online', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    globalThis.addEventListener?.('online', done);
    signal.addEventListener('abort', done);
  });
}

const entryIn = (message: EventSourceMessage): LiveEntry | undefined => {
  try {
    const entry: LiveEntry = JSON.parse(message.data);
    return entry;
  } catch {
    return undefined;
  }
};

/** Opens the stream and keeps it open until it is closed, reset, or refused for good (401, 403). */
export function openStream(options: StreamOptions): { close: () => void } {
  const { onState } = options;
  const closing = new AbortController();
  const { signal } = closing;
  let position = options.from;
  let tries = 0;

  const onMessage = (message: EventSourceMessage): boolean => {
    if (signal.aborted || message.event === 'reset') return true;
    tries = 0;
    const entry = message.event === 'hello' ? undefined : entryIn(message);
    if (entry !== undefined && message.id !== undefined) options.onEntry(entry, message.id);
    if (message.id !== undefined) position = message.id;
    return false;
  };
  const run = async (): Promise<void> => {
    onState('connecting');
    while (!signal.aborted) {
      const onOpen = (): void => onState('live');
      const outcome = await readConnection({ ...options, position, signal, onOpen, onMessage });
      if (signal.aborted) return;
      if (outcome === 'reset') return options.onReset();
      if (outcome instanceof Problem && [401, 403].includes(outcome.status)) return onState('ended', outcome);
      onState('lost');
      const asked = outcome instanceof Problem ? (outcome.retryAfterSeconds ?? 0) * 1000 : 0;
      await pause(Math.max(Math.min(asked, retryMsMax), (options.retryMs ?? retryMs)(tries)), signal);
      tries += 1;
    }
  };
  void run();
  return { close: () => closing.abort() };
}
