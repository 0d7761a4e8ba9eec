/** Owns the shape of the log: where it goes, how it looks, and what never gets into it. */
import { type Logger, type LoggerOptions, pino } from 'pino';

/** Names of log members whose values are secrets, wherever one level of nesting may put them. */
const secretPaths = ['authorization', 'cookie', 'token', 'secret', 'password', 'freeze_note'].flatMap(
  (name) => [name, `*.${name}`, `*.*.${name}`],
);

/**
 * A pino logger that writes JSON lines to stdout, or readable lines when `isTerminal`.
 * Tokens, keys and notes are redacted even when somebody logs an object that carries one.
 */
export function createLogger(options: { logLevel: string; isTerminal?: boolean }): Logger {
  const settings: LoggerOptions = {
    level: options.logLevel,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: secretPaths, censor: '[redacted]' },
  };
  if (options.isTerminal !== true) return pino(settings);
  // A transport takes no formatters of its own process, so levels stay numbers for it.
  const { formatters: _, ...plain } = settings;
  return pino({ ...plain, transport: { target: 'pino-pretty', options: { translateTime: 'SYS:HH:MM:ss' } } });
}
