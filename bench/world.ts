/** Owns what the sections stand on: one Postgres of the run's own, databases in it, servers on them, load processes. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { openEmbeddedPostgres } from '../src/embedded-postgres.ts';
import { applyMigrations } from '../src/migrations.ts';
import { freePort } from '../src/postgres-cluster.ts';
import { signToken } from '../src/tokens.ts';
import { benchActor, runSql } from './databases.ts';
import { type Loader, startLoader } from './load.ts';
import type { Parts } from './parts.ts';

/** How much is measured: a quick run is for developing a section, its figures mean little. */
export type Scale = Readonly<{
  repeats: number;
  warmSeconds: number;
  seconds: number;
  roomsMax: number;
  pastHolds: number;
  expiredHolds: number;
}>;

/** A server process. */
export type Server = Readonly<{
  name: string;
  origin: string;
  pid: number;
  databaseUrl: string;
  stop(): Promise<void>;
}>;

/** What a section may use. */
export type World = Readonly<{
  scale: Scale;
  /** May place holds for others: the rate limit is not for it. */
  token: string;
  /** The load process; a section that loads from two sides starts a second one. */
  loader: Loader;
  parts: Parts;
  /** A folder for files of the run. */
  dir: string;
  /** Says on stderr what is going on. */
  say(text: string): void;
  /** Makes a database with every migration applied and no rows; the answer is its URL. */
  createDatabase(name: string): Promise<string>;
  /** Starts a server as `npm start` does, with its defaults, and waits until it is ready. */
  startServer(name: string, databaseUrl: string, settings?: Record<string, string>): Promise<Server>;
  /** The servers that run. */
  servers(): readonly Server[];
}>;

const rootDir = fileURLToPath(new URL('..', import.meta.url));

/** pgbench's clients at the most, the pools of a few servers, and whoever looks. */
const connectionsMax = 256 + 64 + 20;
/** The first start may build dist/. */
const readyMsMax = 120_000;
const stopMsMax = 20_000;

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await Promise.race([exited, delay(stopMsMax, undefined, { ref: false })]);
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await exited;
}

async function untilReady(origin: string, child: ChildProcess, lastWords: () => string): Promise<void> {
  const deadline = performance.now() + readyMsMax;
  for (;;) {
    const answer = await fetch(`${origin}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return;
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`the server is not ready: ${lastWords()}`);
    await delay(100);
  }
}

const packageSchema = z.object({ scripts: z.object({ start: z.string().startsWith('exec ') }) });
const startScript = packageSchema.parse(JSON.parse(readFileSync(join(rootDir, 'package.json'), 'utf8')))
  .scripts.start;

/** The settings of the caller's environment must not reach the server: it runs with its defaults. */
const environment = { PATH: process.env.PATH, HOME: process.env.HOME };

function serverStarter(dir: string, secret: string, parts: Parts, logPath: string | undefined) {
  const running = new Set<Server>();
  const start = async (name: string, databaseUrl: string, settings: Record<string, string> = {}) => {
    const port = await freePort();
    // As `npm start` does, whatever flags it gives to Node; the shell makes way for the server.
    const child = spawn('/bin/sh', ['-c', `${startScript} >>"$LOG"`], {
      cwd: rootDir,
      env: {
        ...environment,
        // A log is written and thrown away: the disk is Postgres' here.
        LOG: logPath ?? '/dev/null',
        PORT: String(port),
        DATABASE_URL: databaseUrl,
        HOLDFAST_DATA_DIR: join(dir, 'server'),
        JWT_SECRET: secret,
        ...settings,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let words = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-2000);
    });
    const stop = async () => {
      running.delete(server);
      await stopChild(child);
    };
    const server: Server = {
      name,
      origin: `http://127.0.0.1:${port}`,
      pid: child.pid ?? 0,
      databaseUrl,
      stop,
    };
    parts.add(stop);
    await untilReady(server.origin, child, () => words);
    running.add(server);
    return server;
  };
  return { start, running: () => [...running] };
}

/** The process with the bare route; the answer is its origin. */
export async function startBareServer(parts: Parts): Promise<string> {
  const child = fork(fileURLToPath(new URL('bare-server.ts', import.meta.url)));
  parts.add(() => stopChild(child));
  return new Promise((resolve, reject) => {
    child.once('message', ({ origin }: { origin: string }) => resolve(origin));
    child.once('exit', () => reject(new Error('the bare server does not start')));
  });
}

/** Starts Postgres as a server without DATABASE_URL would, but with more connections, and with it everything shared. */
export async function openWorld(options: {
  scale: Scale;
  parts: Parts;
  logPath: string | undefined;
  say: (text: string) => void;
}): Promise<World> {
  const { scale, parts, logPath, say } = options;
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  parts.add(() => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o711);
  say('starting Postgres');
  const quiet = { info: () => undefined, warn: say, debug: () => undefined };
  const postgres = await openEmbeddedPostgres({ dataDir: join(dir, 'data'), connectionsMax, log: quiet });
  parts.add(postgres.stop);
  const urlOf = (name: string) => Object.assign(new URL(postgres.url), { pathname: `/${name}` }).href;
  await applyMigrations(postgres.url, quiet);
  const secret = randomBytes(32).toString('base64url');
  const scopes = ['ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE'];
  const { start, running } = serverStarter(dir, secret, parts, logPath);
  return {
    scale,
    token: signToken({ secret, sub: benchActor, scopes, ttlSeconds: 3600 }),
    loader: startLoader(parts),
    parts,
    dir,
    say,
    async createDatabase(name) {
      await runSql(
        urlOf('postgres'),
        `CREATE DATABASE ${name} TEMPLATE ${new URL(postgres.url).pathname.slice(1)}`,
      );
      return urlOf(name);
    },
    startServer: start,
    servers: running,
  };
}
