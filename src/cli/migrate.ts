/** Owns `npm run migrate`: applies the missing migrations, tells which are missing, or drafts the next one. */
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { type Config, loadConfig } from '../config.ts';
import { openEmbeddedPostgres } from '../embedded-postgres.ts';
import { applyMigrations, createMigration, pendingMigrations } from '../migrations.ts';
import { startScratchPostgres } from '../postgres-cluster.ts';

const usage = 'npm run migrate [-- --status | --create NAME]';

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const log = { info: say, warn: say, debug: () => undefined };

const loadSettings = (): Config => {
  const settings = loadConfig();
  if ('faults' in settings) throw new Error(settings.faults.join('; '));
  return settings.config;
};

/** Does `work` on the configured database, or on the embedded one, which runs for as long as that takes. */
const onDatabase = async (work: (databaseUrl: string) => Promise<void>): Promise<void> => {
  const { databaseUrl, dataDir } = loadSettings();
  if (databaseUrl !== undefined) return work(databaseUrl);
  const postgres = await openEmbeddedPostgres({ dataDir, connectionsMax: 20, log });
  try {
    await work(postgres.url);
  } finally {
    await postgres.stop();
  }
};

const apply = (): Promise<void> =>
  onDatabase(async (databaseUrl) => {
    const applied = await applyMigrations(databaseUrl, log);
    if (applied.length === 0) say('nothing to do: every migration is applied');
  });

const showStatus = (): Promise<void> =>
  onDatabase(async (databaseUrl) => {
    const missing = await pendingMigrations(databaseUrl);
    say(missing.length === 0 ? 'every migration is applied' : `missing: ${missing.join(', ')}`);
    if (missing.length > 0) process.exitCode = 1;
  });

/** A draft needs a database to try the migrations in: a scratch one, so that none that matters is touched. */
const create = async (name: string): Promise<void> => {
  const scratch = await startScratchPostgres();
  try {
    say(
      `wrote ${relative(process.cwd(), await createMigration(scratch.url, name))}: read it before it is applied`,
    );
  } finally {
    await scratch.stop();
  }
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { create: { type: 'string' }, status: { type: 'boolean' } } });
  if (values.create !== undefined && values.status === true) throw new Error(`usage: ${usage}`);
  if (values.create !== undefined) await create(values.create);
  else if (values.status === true) await showStatus();
  else await apply();
};

try {
  await main();
} catch (error) {
  process.stderr.write(`holdfast: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
