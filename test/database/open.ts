/** Owns what every database test starts from: a database of the file's own, opened as a server opens it, with a log to read. */
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { type Database, openDatabase } from '../../src/database.ts';

export type Opened = Readonly<{
  database: Database;
  /** The messages that were logged so far. */
  said: readonly string[];
}>;

/** Opens `url` as a server does; it is closed when the test ends. */
export function open(url: string, poolMax = 2): Opened {
  const said: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => said.push(JSON.parse(line).msg) });
  const database = openDatabase({ url, poolMax, log });
  onTestFinished(() => database.close());
  return { database, said };
}
