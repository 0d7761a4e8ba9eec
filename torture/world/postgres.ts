/** Owns one Postgres of a run: its files, its process, and the ways in which it is made to suffer. */
import { execFile } from 'node:child_process';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { PostgresPrograms } from './postgres-programs.ts';
import { end, findDescendants, kill, type Program, start, until } from './processes.ts';

/** The superuser of a run's Postgres, and its only role; the loopback is trusted. */
export const postgresUser = 'torture';

/** The database that the servers use. */
export const databaseName = 'holdfast';

/** A Postgres that keeps what it has committed: `fsync` is on. */
export type Postgres = Readonly<{
  port: number;
  dir: string;
  /** A URL for the database, directly or through a proxy's port. */
  url(port?: number): string;
  start(): Promise<void>;
  /** Fast: open transactions are rolled back, everything is written out. */
  stop(): Promise<void>;
  /** SIGKILL to all of its processes at once. */
  kill(): Promise<void>;
  /** SIGSTOP to all of its processes. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** The processes that serve a connection of the servers. */
  backends(): Promise<number[]>;
  /** Runs one statement on a connection of its own. Rejects when Postgres is not there, or after `waitMs`. */
  query(sql: string, values?: readonly unknown[], waitMs?: number): Promise<Record<string, unknown>[]>;
  /** A connection of one's own. */
  connect(waitMs?: number): Promise<pg.Client>;
}>;

const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

const startMsMax = 60_000;

/** Gives `dir` to whoever Postgres runs as. */
export async function ownedDir(programs: PostgresPrograms, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if (programs.account !== undefined) await chown(dir, programs.account.uid, programs.account.gid);
}

/** Makes the files of a new cluster. */
export async function initCluster(programs: PostgresPrograms, dir: string): Promise<void> {
  await ownedDir(programs, dir);
  const args = [
    `--pgdata=${dir}`,
    `--username=${postgresUser}`,
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
  ];
  const locale = ['--locale-provider=icu', '--icu-locale=und'];
  const options = { ...programs.account, env: environment, cwd: '/' };
  await promisify(execFile)(join(programs.binDir, 'initdb'), [...args, ...locale], options);
}

/** `settings` may change between two starts: they are read at each. */
export function openPostgres(options: {
  programs: PostgresPrograms;
  dir: string;
  port: number;
  logPath: string;
  settings: Readonly<Record<string, string>>;
}): Postgres {
  const { programs, dir, port, logPath } = options;
  let program: Program | undefined;
  const url = (at = port) => `postgresql://${postgresUser}@127.0.0.1:${at}/${databaseName}`;

  async function connect(waitMs = 3_000): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: url(),
      connectionTimeoutMillis: waitMs,
      query_timeout: waitMs,
      application_name: 'torture',
    });
    // A connection that is lost while idle says so; whoever uses it next finds out.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async function query(sql: string, values: readonly unknown[] = [], waitMs = 3_000) {
    const client = await connect(waitMs);
    try {
      return (await client.query<Record<string, unknown>>(sql, [...values])).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async function signalAll(signal: NodeJS.Signals): Promise<void> {
    if (program === undefined || program.hasEnded()) return;
    const pids = await findDescendants(program.pid);
    // The postmaster first: it must not see its children die, or start new ones.
    for (const pid of [program.pid, ...pids]) kill(pid, signal);
  }

  return {
    port,
    dir,
    url,
    connect,
    query,
    async start() {
      await rm(join(dir, 'postmaster.pid'), { force: true });
      const settings = {
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        port: String(port),
        timezone: 'UTC',
        log_timezone: 'UTC',
        fsync: 'on',
        ...options.settings,
      };
      const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const { account } = programs;
      program = start('postgres', join(programs.binDir, 'postgres'), ['-D', dir, ...args], {
        env: environment,
        cwd: '/',
        logPath,
        account,
      });
      const started = program;
      await until(
        'Postgres takes connections',
        async () => {
          if (started.hasEnded()) throw new Error(`Postgres did not start: ${started.lastWords()}`);
          const lines = (await readFile(join(dir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
          return lines[7]?.trim() === 'ready' || lines[7]?.trim() === 'standby';
        },
        startMsMax,
      );
    },
    async stop() {
      if (program !== undefined) await end(program, 'SIGINT', startMsMax);
    },
    async kill() {
      await signalAll('SIGKILL');
      await program?.ended;
    },
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
    async backends() {
      const rows = await query(`SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast'`);
      return rows.map(({ pid }) => Number(pid));
    },
  };
}

/** Makes the database that the servers use, in a cluster that runs. */
export async function createDatabase(postgres: Postgres): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url().replace(databaseName, 'postgres') });
  await client.connect();
  await client.query(`CREATE DATABASE ${databaseName}`);
  await client.end();
}

/** Writes a file into the folder of a cluster, which belongs to whoever Postgres runs as. */
export async function writeClusterFile(
  programs: PostgresPrograms,
  dir: string,
  name: string,
  text: string,
): Promise<void> {
  await writeFile(join(dir, name), text, { mode: 0o600 });
  if (programs.account !== undefined)
    await chown(join(dir, name), programs.account.uid, programs.account.gid);
}
