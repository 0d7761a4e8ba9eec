/** Owns the shape of the log: where it goes, how it looks, and what never gets into it. */
import { writeSync } from 'node:fs';
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';

/** Names of log members whose values are secrets, wherever one level of nesting may put them. */
const secretPaths = ['authorization', 'cookie', 'token', 'secret', 'password', 'freeze_note'].flatMap(
  (name) => [name, `*.${name}`, `*.*.${name}`],
);

/** An error and what led to it, so deep; a chain that is longer, or a circle, ends there. */
const causesMax = 4;

/** Postgres quotes the value that it could not read at the end of a message. */
const quotedValue = /: ".*?"(?=`|\n|$)/gs;

/**
 * What the log says of an error: its type, message, code and stack, and the same of its cause. Nothing else: errors
 * of Postgres carry whole rows (`detail`), those of Redis the command with its password, those of Prisma both.
 */
function loggedError(error: unknown, causesLeft = causesMax): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack, cause } = error;
  const code = 'code' in error && ['string', 'number'].includes(typeof error.code) ? error.code : undefined;
  return {
    type: name,
    message: message.replaceAll(quotedValue, ': "…"'),
    code,
    stack: stack?.replaceAll(quotedValue, ': "…"'),
    ...(cause instanceof Error && causesLeft > 0 ? { cause: loggedError(cause, causesLeft - 1) } : {}),
  };
}

/** Lines are written this much later, at most. */
const gatheredMs = 10;

/**
 * stdout, which gets the lines of some milliseconds together: under load, a write for each line would cost more than to
 * make the line. A reader who is slow is waited for aside. What ends the process in order finds all written; kill -9 costs
 * those few milliseconds.
 */
function gatheringStdout(): DestinationStream & { flushSync(): void } {
  const { fd } = process.stdout;
  const stdout = pino.destination({ dest: fd, sync: false });
  let lines = '';
  const take = () => {
    const text = lines;
    lines = '';
    return text;
  };
  const flushSync = () => {
    try {
      stdout.flushSync();
    } catch {
      // It has come to its end already.
    }
    try {
      // Not by way of `stdout`, which would write later.
      writeSync(fd, take());
    } catch {
      // Nobody is there to read it.
    }
  };
  process.on('exit', flushSync);
  return {
    // pino calls it after a line that is fatal.
    flushSync,
    write(line) {
      if (lines === '') setTimeout(() => stdout.write(take()), gatheredMs);
      lines += line;
    },
  };
}

/** The time of a line, as pino wants it; under load many lines are of one millisecond. */
function openTimestamp(): () => string {
  let atMs = Number.NaN;
  let text = '';
  return () => {
    const nowMs = Date.now();
    if (nowMs !== atMs) {
      atMs = nowMs;
      text = `,"time":"${new Date(nowMs).toISOString()}"`;
    }
    return text;
  };
}

/** How the log looks; `destination` is stdout unless a test wants to read it. */
export type LogForm = { logLevel: string; isTerminal?: boolean; destination?: DestinationStream };

/**
 * A pino logger that writes JSON lines to stdout, or readable lines when `isTerminal`.
 * Tokens, keys and notes are redacted even when somebody logs an object that carries one, and of errors only what
 * tells where they come from is kept.
 */
export function createLogger({ logLevel, isTerminal = false, destination }: LogForm): Logger {
  const settings: LoggerOptions = {
    level: logLevel,
    base: null,
    timestamp: openTimestamp(),
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: secretPaths, censor: '[redacted]' },
    serializers: { err: (error: unknown) => loggedError(error) },
  };
  if (destination !== undefined) return pino(settings, destination);
  if (!isTerminal) return pino(settings, gatheringStdout());
  // A transport takes no formatters of its own process, so levels stay numbers for it.
  const { formatters: _, ...plain } = settings;
  return pino({ ...plain, transport: { target: 'pino-pretty', options: { translateTime: 'SYS:HH:MM:ss' } } });
}
