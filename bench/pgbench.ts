/** Owns pgbench: where it is, and what it gets out of Postgres with the project's own statement, one hold at a time. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { benchActor, runSql } from './databases.ts';
import { type FreshRooms, freshRoomIdSql } from './fresh-rooms.ts';
import { median, percentile } from './measure.ts';
import type { World } from './world.ts';

/** What pgbench measured. */
export type PgbenchOutcome = Readonly<{
  perSecond: number;
  /** Milliseconds; only with one client. */
  p50Ms: number | undefined;
  p99Ms: number | undefined;
  freshUsed: number;
}>;

/** Distributions keep it off the PATH. */
const packagesDir = '/usr/lib/postgresql';

/**
 * New connections, and plans that are made some times before they are kept, take this long to be as fast as they get. Each
 * is a process of its own, which on some virtual machines costs 100 ms of a core until it is under way.
 */
const warmSecondsFor = (clients: number) => 2 + Math.ceil(clients / 12);

/** The program, or undefined when there is none. */
export function findPgbench(): string | undefined {
  const versions = existsSync(packagesDir) ? readdirSync(packagesDir) : [];
  const newestFirst = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((name) => join(packagesDir, name, 'bin'));
  return [...(process.env.PATH ?? '').split(delimiter), ...newestFirst]
    .map((dir) => join(dir, 'pgbench'))
    .find((path) => existsSync(path));
}

// Without the spaces pgbench would take what follows a colon for a variable.
const scriptOf = (fresh: FreshRooms): string => `SELECT hold_place(format(
  '[{"created_by": "${benchActor}","holder": "customer-%s","holds_active_max": 20,"room_ids": [%s],"ttl_seconds": 900,'
  '"actor": "${benchActor}","request_id": "00000000-0000-4000-8000-%s","is_patient": false}]',
  i, ${freshRoomIdSql(fresh, 'i')}, lpad(i::text, 12, '0'))::jsonb)
FROM (SELECT nextval('bench_fresh') AS i) fresh;
`;

function run(program: string, args: readonly string[], url: URL, world: World): Promise<string> {
  const child = spawn(program, [...args, url.pathname.slice(1)], {
    env: {
      PATH: process.env.PATH,
      PGHOST: url.hostname,
      PGPORT: url.port,
      PGUSER: url.username,
      PGPASSWORD: url.password,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  world.parts.add(() => void child.kill());
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`pgbench failed: ${output}`)),
    );
  });
}

function latenciesIn(world: World, logPrefix: string, warmSeconds: number): number[] {
  const names = readdirSync(world.dir).filter((name) => name.startsWith(logPrefix));
  // A line is: client, transaction, microseconds, script, Unix seconds, microseconds.
  const lines = names.flatMap((name) => readFileSync(join(world.dir, name), 'utf8').trim().split('\n'));
  for (const name of names) rmSync(join(world.dir, name));
  const taken = lines.map((line) => line.split(' ').map(Number));
  const beginsAt = (taken[0]?.[4] ?? 0) + warmSeconds;
  return taken.filter(([, , , , seconds = 0]) => seconds > beginsAt).map(([, , us = 0]) => us / 1000);
}

/**
 * Places holds, one in a statement, prepared, on fresh rooms for fresh holders, by so many clients. Only the seconds
 * after the clients are warm count. Throws when pgbench does.
 */
export async function runPgbench(
  world: World,
  program: string,
  options: { databaseUrl: string; clients: number; fresh: FreshRooms },
): Promise<PgbenchOutcome> {
  const { databaseUrl, clients, fresh } = options;
  const scriptPath = join(world.dir, 'pgbench.sql');
  writeFileSync(scriptPath, scriptOf(fresh));
  await runSql(
    databaseUrl,
    'DROP SEQUENCE IF EXISTS bench_fresh',
    // Sequences are logged at every 32nd value; a cache keeps that off the measured path.
    `CREATE SEQUENCE bench_fresh MINVALUE 0 START ${fresh.from} CACHE 8`,
    'CHECKPOINT',
  );
  const warmSeconds = warmSecondsFor(clients);
  const seconds = Math.ceil(world.scale.seconds);
  const threads = Math.min(clients, 2);
  const logArgs = clients === 1 ? ['--log', `--log-prefix=${join(world.dir, 'pgbench-log')}`] : [];
  const output = await run(
    program,
    // biome-ignore format: one option a line says nothing more
    ['-n', '-M', 'prepared', '-c', `${clients}`, '-j', `${threads}`, '-T', `${warmSeconds + seconds + 1}`, '-P', '1', ...logArgs, '-f', scriptPath],
    new URL(databaseUrl),
    world,
  );
  // One line a second; the last one may be less than a whole second.
  const counted = [...output.matchAll(/^progress: ([\d.]+) s, ([\d.]+) tps/gm)]
    .filter(([, at]) => Number(at) > warmSeconds + 0.5 && Number(at) < warmSeconds + seconds + 0.5)
    .map(([, , rate]) => Number(rate));
  const rate = counted.reduce((sum, value) => sum + value, 0) / counted.length;
  if (!(rate > 0)) throw new Error(`pgbench told no rate: ${output}`);
  const latenciesMs = clients === 1 ? latenciesIn(world, 'pgbench-log', warmSeconds) : [];
  const [used] = await runSql(databaseUrl, 'SELECT last_value FROM bench_fresh');
  return {
    perSecond: rate,
    p50Ms: median(latenciesMs),
    p99Ms: percentile(latenciesMs, 0.99),
    freshUsed: Number(used?.last_value ?? 0) - fresh.from + 1,
  };
}
