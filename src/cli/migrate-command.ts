/** Owns `holdfast migrate`: applies the missing migrations, tells which are missing, or drafts the next one. */
import { relative } from 'node:path';
import { applyMigrations, createMigration, pendingMigrations } from '../migrations.ts';
import { startScratchPostgres } from '../postgres-cluster.ts';
import { onDatabaseUrl, say } from './settings.ts';

const log = { info: say, debug: () => undefined };

/** Brings the database up to date, and says what that took. Throws when a migration fails. */
export const applyMissing = (): Promise<void> =>
  onDatabaseUrl(async (databaseUrl) => {
    const applied = await applyMigrations(databaseUrl, log);
    if (applied.length === 0) say('nothing to do: every migration is applied');
  });

/** Says which migrations are missing; the exit code is 1 if any is. Changes nothing. */
export const showMissing = (): Promise<void> =>
  onDatabaseUrl(async (databaseUrl) => {
    const missing = await pendingMigrations(databaseUrl);
    say(missing.length === 0 ? 'every migration is applied' : `missing: ${missing.join(', ')}`);
    if (missing.length > 0) process.exitCode = 1;
  });

/** Writes a draft. It needs a database to try the migrations in: a scratch one, so that none that matters is touched. */
export const draftMigration = async (name: string): Promise<void> => {
  const scratch = await startScratchPostgres();
  try {
    const path = relative(process.cwd(), await createMigration(scratch.url, name));
    say(`wrote ${path}: read it before it is applied`);
  } finally {
    await scratch.stop();
  }
};
