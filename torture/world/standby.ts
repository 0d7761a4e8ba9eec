/** Owns a streaming standby: a copy of a running primary that every commit waits for, and that can take its place. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openPostgres, ownedDir, type Postgres, postgresUser, writeClusterFile } from './postgres.ts';
import type { PostgresPrograms } from './postgres-programs.ts';
import { freePort, until } from './processes.ts';

/** What a primary must be started with. */
export const primarySettings: Readonly<Record<string, string>> = {
  wal_level: 'replica',
  max_wal_senders: '6',
  // The standby streams what it needs from here, however long its copy took.
  wal_keep_size: '1GB',
  hot_standby: 'on',
  synchronous_commit: 'on',
};

const catchUpMsMax = 60_000;

/** Copies the files of a primary that runs, as an online backup does: pg_basebackup is not among the programs. */
async function copyOnline(programs: PostgresPrograms, primary: Postgres, dir: string): Promise<void> {
  const session = await primary.connect(catchUpMsMax);
  try {
    await session.query(`SELECT pg_backup_start('standby', true)`);
    await promisify(execFile)('cp', ['-a', `${primary.dir}/.`, dir]);
    const { rows } = await session.query('SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)');
    await rm(join(dir, 'postmaster.pid'), { force: true });
    await writeClusterFile(programs, dir, 'backup_label', String(rows[0]?.labelfile));
  } finally {
    await session.end();
  }
}

/** Changes a setting of a Postgres that runs. */
async function set(postgres: Postgres, setting: string): Promise<void> {
  await postgres.query(`ALTER SYSTEM ${setting}`);
  await postgres.query('SELECT pg_reload_conf()');
}

/**
 * Starts a standby in `dir`, waits until it has everything, and makes every commit of `primary` wait for it from then on.
 */
export async function startStandby(options: {
  programs: PostgresPrograms;
  primary: Postgres;
  dir: string;
  logPath: string;
  settings: Readonly<Record<string, string>>;
}): Promise<Postgres> {
  const { programs, primary, dir, logPath } = options;
  await ownedDir(programs, dir);
  await copyOnline(programs, primary, dir);
  await writeClusterFile(programs, dir, 'standby.signal', '');
  const source = `host=127.0.0.1 port=${primary.port} user=${postgresUser} application_name=standby`;
  const settings = { ...options.settings, primary_conninfo: source };
  const standby = openPostgres({ programs, dir, port: await freePort(), logPath, settings });
  await standby.start();
  await set(primary, `SET synchronous_standby_names = 'standby'`);
  await until(
    'the standby has everything, and commits wait for it',
    async () => {
      const rows = await primary.query(`
        SELECT bool_or(sync_state = 'sync' AND state = 'streaming' AND flush_lsn >= sent_lsn) AS is_sync
        FROM pg_stat_replication WHERE application_name = 'standby'`);
      return rows[0]?.is_sync === true;
    },
    catchUpMsMax,
  );
  return standby;
}

/** Makes a standby the primary; its commits wait for nobody until it has a standby of its own. */
export async function promote(standby: Postgres): Promise<void> {
  await set(standby, 'RESET synchronous_standby_names');
  await standby.query('SELECT pg_promote(true, 60)', [], catchUpMsMax);
}
