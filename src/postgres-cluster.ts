/** Owns one Postgres of our own: making its files, starting and stopping it, telling whether it runs. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type PostgresAccount, type PostgresPrograms, preparePostgres } from './postgres-binaries.ts';

/** The superuser of every Postgres of ours, and the only role it has. */
export const postgresUser = 'holdfast';

/** What a running Postgres says of itself in its postmaster.pid. */
export type RunningPostgres = { readonly pid: number; readonly port: number; readonly isReady: boolean };

/** How often a file or process is looked at that cannot announce itself. */
const pollMs = 20;

/** Recovery after a crash replays at most `max_wal_size`: seconds, even on a slow disk. */
const startWaitMs = 60_000;
const stopWaitMs = 60_000;

/** Postgres sees only this: no PG… variable and no locale of the caller may change what it does. */
const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

const hasCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));

/** Whether a process of this id lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

const giveTo = async (account: PostgresAccount, path: string): Promise<void> => {
  if (account !== undefined) await chown(path, account.uid, account.gid);
};

const runInitdb = async (programs: PostgresPrograms, dir: string, passwordPath: string): Promise<void> => {
  const child = spawn(
    join(programs.binDir, 'initdb'),
    [
      `--pgdata=${dir}`,
      `--username=${postgresUser}`,
      `--pwfile=${passwordPath}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The same order of text on every machine: the collations come with the programs, not with the system.
      '--locale=C',
      '--locale-provider=icu',
      '--icu-locale=und',
    ],
    { ...programs.account, env: environment, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`initdb failed: ${output.trim().split('\n').slice(-3).join(' ')}`);
};

/**
 * Makes the files of a new Postgres at `dir`, whole or not at all: what a crash leaves is a draft beside it. When
 * another process was faster, its files stand.
 */
export async function createCluster(
  programs: PostgresPrograms,
  dir: string,
  password: string,
): Promise<void> {
  const draftDir = await mkdtemp(`${dir}-draft-`);
  try {
    await giveTo(programs.account, draftDir);
    const passwordPath = join(draftDir, 'password');
    await writeFile(passwordPath, `${password}\n`, { mode: 0o600 });
    await giveTo(programs.account, passwordPath);
    await runInitdb(programs, join(draftDir, 'cluster'), passwordPath);
    await rename(join(draftDir, 'cluster'), dir).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST', 'ENOTEMPTY')) throw error;
    });
  } catch (error) {
    // The faster process removes what it takes for the draft of a crash: then this one failed for a good reason.
    if (!existsSync(dir)) throw error;
  } finally {
    await rm(draftDir, { recursive: true, force: true });
  }
}

/** Whether the process is a Postgres. A number that was used again by something else must not count. */
const isPostgres = async (pid: number): Promise<boolean> => {
  if (!isAlive(pid)) return false;
  if (process.platform !== 'linux') return true;
  const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // A zombie is one that died and that its parent has not looked at.
  return /^\d+ \(postgres\) [^Z]/.test(state);
};

/** The Postgres that runs on `dir`, or undefined. One that died without tidying does not count. */
export async function findRunning(dir: string): Promise<RunningPostgres | undefined> {
  const text = await readFile(join(dir, 'postmaster.pid'), 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  });
  // The lines are: pid, folder, start time, port, socket folder, address, shared memory, state.
  const lines = text.split('\n').map((line) => line.trim());
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!Number.isInteger(pid) || pid <= 0 || !(await isPostgres(pid))) return undefined;
  return { pid, port, isReady: lines[7] === 'ready' };
}

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

const lastWords = async (logPath: string): Promise<string> => {
  const text = await readFile(logPath, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-4).join(' ');
};

/**
 * Starts Postgres on `dir` and resolves when it takes connections. It listens on the loopback only, in a process
 * group of its own, so that Ctrl-C in a terminal leaves it alone, and outlives this process unless stopped. Throws
 * with its last words when it does not start: when another runs on `dir` already, for example.
 */
export async function startPostgres(
  programs: PostgresPrograms,
  options: { dir: string; port: number; logPath: string; settings: Readonly<Record<string, string>> },
): Promise<void> {
  const stale = await readFile(join(options.dir, 'postmaster.pid'), 'utf8').catch(() => '');
  // Postgres would take any process of its user that has this number now for a living Postgres.
  if (stale !== '' && !(await isPostgres(Number(stale.split('\n')[0])))) {
    await rm(join(options.dir, 'postmaster.pid'), { force: true });
  }
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(options.port),
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  };
  const log = await open(options.logPath, 'w', 0o600);
  try {
    const child = spawn(
      join(programs.binDir, 'postgres'),
      ['-D', options.dir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { ...programs.account, env: environment, cwd: '/', detached: true, stdio: ['ignore', log.fd, log.fd] },
    );
    child.unref();
    let failure: string | undefined;
    child.on('error', (error) => {
      failure = error.message;
    });
    const deadline = performance.now() + startWaitMs;
    for (;;) {
      const running = await findRunning(options.dir);
      if (running?.isReady && running.pid === child.pid) return;
      if (child.exitCode !== null || child.signalCode !== null) failure = await lastWords(options.logPath);
      if (failure !== undefined) throw new Error(`Postgres did not start: ${failure}`);
      if (performance.now() > deadline) {
        child.kill('SIGQUIT');
        throw new Error(
          `Postgres was not ready after ${startWaitMs / 1000} s: ${await lastWords(options.logPath)}`,
        );
      }
      await delay(pollMs);
    }
  } finally {
    await log.close();
  }
}

/**
 * Stops the Postgres on `dir`: open transactions are rolled back, everything is written out. Resolves when the
 * process is gone; at once when none runs. Throws when it has not gone after a minute.
 */
export async function stopPostgres(dir: string): Promise<void> {
  const running = await findRunning(dir);
  if (running === undefined) return;
  // SIGINT is Postgres's fast shutdown: SIGTERM would wait for clients to leave.
  process.kill(running.pid, 'SIGINT');
  const deadline = performance.now() + stopWaitMs;
  while (await isPostgres(running.pid)) {
    if (performance.now() > deadline) throw new Error(`Postgres (process ${running.pid}) does not stop`);
    await delay(pollMs);
  }
}

/** A URL for `database` in a Postgres of ours. */
export function postgresUrl(options: { port: number; password: string; database: string }): string {
  return `postgresql://${postgresUser}:${options.password}@127.0.0.1:${options.port}/${options.database}`;
}

/** A Postgres for a short while: empty, fast, and gone with its files after `stop`. */
export type ScratchPostgres = { readonly url: string; stop(): Promise<void> };

/** Ends the Postgres of `pid` and removes `dirs` when this process dies, however it does: its end of a pipe closes. */
const endWithThisProcess = (pid: number, dirs: readonly string[]): { stop(): void } => {
  const script = 'cat > /dev/null; kill -QUIT "$1"; shift; sleep 1; rm -rf "$@"';
  const child = spawn('sh', ['-c', script, 'sh', String(pid), ...dirs], {
    env: environment,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  return { stop: () => void child.kill('SIGKILL') };
};

/** Starts a Postgres in a temporary folder. It keeps nothing over a crash: for tests and for drafts. */
export async function startScratchPostgres(): Promise<ScratchPostgres> {
  const scratchDir = await mkdtemp(join(tmpdir(), 'holdfast-'));
  await chmod(scratchDir, 0o711);
  const dataDir = join(scratchDir, 'data');
  await mkdir(dataDir);
  const programs = await preparePostgres(dataDir);
  const dir = join(programs.homeDir, 'postgres');
  const password = randomBytes(16).toString('hex');
  await createCluster(programs, dir, password);
  const port = await freePort();
  const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '300' };
  await startPostgres(programs, { dir, port, logPath: join(dataDir, 'postgres.log'), settings });
  const dirs = [scratchDir, programs.homeDir];
  const watch = endWithThisProcess((await findRunning(dir))?.pid ?? 0, dirs);
  return {
    url: postgresUrl({ port, password, database: 'postgres' }),
    stop: async () => {
      await stopPostgres(dir);
      watch.stop();
      for (const each of dirs) await rm(each, { recursive: true, force: true });
    },
  };
}
