/** Owns what every command of the command line stands on: the settings, a database, and how a failure is told. */
import { type Config, loadConfig } from '../config.ts';
import { type Database, openDatabase } from '../database.ts';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../embedded-postgres.ts';
import { createLogger } from '../log.ts';
import { applyMigrations, pendingMigrations } from '../migrations.ts';

/** Writes a line of what was asked for. */
export const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Writes a line about what went wrong, or what goes on; it never mixes with what was asked for. */
export const tell = (text: string): void => {
  process.stderr.write(`holdfast: ${text}\n`);
};

/** Ends the command: something that its caller has to put right. The message says what. */
export const refuse = (message: string): never => {
  throw new Error(message);
};

/** The settings of the environment; throws with every fault. */
export const loadSettings = (): Config => {
  const settings = loadConfig();
  return 'config' in settings ? settings.config : refuse(settings.faults.join('; '));
};

/** What goes on in the database is told beside what was asked for. */
const log = { info: tell, warn: tell, debug: () => undefined };

const openEmbedded = async (dataDir: string): Promise<EmbeddedPostgres> => {
  try {
    return await openEmbeddedPostgres({ dataDir, connectionsMax: 20, log });
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    if (!words.startsWith('another server')) throw error;
    return refuse(`${words}: stop it (Ctrl-C), run this again, and start it again`);
  }
};

/** Does `work` on the configured database, or on the embedded one, which runs for as long as that takes. */
export const onDatabaseUrl = async (work: (databaseUrl: string) => Promise<void>): Promise<void> => {
  const { databaseUrl, dataDir } = loadSettings();
  if (databaseUrl !== undefined) return work(databaseUrl);
  const postgres = await openEmbedded(dataDir);
  // Ctrl-C ends the transaction, and leaves no Postgres behind.
  const stop = () => void postgres.stop().finally(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await work(postgres.url);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await postgres.stop();
  }
};

/**
 * Does `work` on the database of `onDatabaseUrl`, every migration applied: to the embedded one they are applied first, as
 * by a server; where they are missing in another, this throws.
 */
export const onDatabase = (work: (database: Database) => Promise<void>): Promise<void> =>
  onDatabaseUrl(async (url) => {
    const { databaseUrl } = loadSettings();
    if (databaseUrl === undefined) await applyMigrations(url, log);
    else if ((await pendingMigrations(url)).length > 0)
      refuse('migrations are missing: run holdfast migrate first');
    const database = openDatabase({ url, poolMax: 2, log: createLogger({ logLevel: 'silent' }) });
    try {
      await work(database);
    } finally {
      await database.close();
    }
  });
