/** Owns the Postgres of a server that was given none: one per data folder, held by one server at a time. */
import { readdir, rm, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { keptSecret } from './kept-secret.ts';
import { type PostgresPrograms, preparePostgres } from './postgres-binaries.ts';
import {
  createCluster,
  findRunning,
  freePort,
  postgresUrl,
  postgresUser,
  startPostgres,
  stopPostgres,
} from './postgres-cluster.ts';

/** What this module says of its work; a pino logger fits. */
export type EmbeddedPostgresLog = { info(message: string): void; warn(message: string): void };

/** A running embedded Postgres that this process, and no other, holds. */
export type EmbeddedPostgres = Readonly<{
  url: string;
  /** Where its files are. */
  dir: string;
  /** Resolves with the reason when Postgres is lost and could not be brought back; never rejects. */
  lost: Promise<Error>;
  /** Stops Postgres and lets go of the folder. Call it last: whatever uses the database is cut off. */
  stop(): Promise<void>;
}>;

const databaseName = 'holdfast';

/** Who holds this lock in the database `postgres` holds the data folder; it ends with its connection. */
const holderLockKey = 4_853_104;

/** How long a start goes on while another Postgres on the folder comes up, recovers or goes down. */
const startWaitMs = 60_000;
/** How long a lost Postgres is tried to be brought back. */
const recoveryWaitMs = 30_000;
const retryMs = 50;

/** What this process may use: the machine's memory, or its container's. */
const usableMemoryBytes = (): number => {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
};

/** A sixteenth of the memory, within bounds, in MB. It is taken page by page, as a property and its past grow. */
export const sharedBuffersMb = (memoryBytes: number): number =>
  Math.min(Math.max(Math.floor(memoryBytes / 16 / 2 ** 20), 128), 512);

/** A small machine runs the server, this and a browser: memory is kept low, durability is not. */
const settingsFor = (connectionsMax: number): Record<string, string> => ({
  shared_buffers: `${sharedBuffersMb(usableMemoryBytes())}MB`,
  max_connections: String(connectionsMax),
  // Checkpoints that come by time: one in the middle of a rush makes everybody wait.
  max_wal_size: '1GB',
  // Compiling a plan costs more than any statement of ours runs.
  jit: 'off',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
});

type Place = {
  programs: PostgresPrograms;
  dir: string;
  logPath: string;
  password: string;
  settings: Record<string, string>;
};

const errorCode = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

const connect = async (place: Place, port: number): Promise<pg.Client> => {
  const client = new pg.Client({
    connectionString: postgresUrl({ port, password: place.password, database: 'postgres' }),
    application_name: `holdfast server ${process.pid}`,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  client.on('error', () => {
    // 'end' follows, and says it.
  });
  await client.connect();
  return client;
};

/** The pid of the server that holds the folder, or undefined once this connection does. */
const takeLock = async (client: pg.Client): Promise<string | undefined> => {
  const { rows } = await client.query<{ taken: boolean }>(
    `SELECT pg_try_advisory_lock(${holderLockKey}) AS taken`,
  );
  if (rows[0]?.taken === true) return undefined;
  const holder = await client.query<{ pid: string }>(
    `SELECT split_part(application_name, ' ', 3) AS pid FROM pg_stat_activity
     JOIN pg_locks USING (pid) WHERE locktype = 'advisory' AND granted AND objid = ${holderLockKey}`,
  );
  return holder.rows[0]?.pid ?? 'unknown';
};

type Held = { client: pg.Client; port: number };

const inUse = (place: Place, pid: string): Error =>
  new Error(`another server (process ${pid}) already uses the database in ${place.dir}`);

/**
 * The lock on the Postgres that runs now, or undefined when none does, or it is just going down. One that nobody
 * holds was left behind by a server that was killed: it is taken over as it is.
 */
const holdRunning = async (place: Place): Promise<Held | undefined> => {
  const running = await findRunning(place.dir);
  if (running === undefined) return undefined;
  let client: pg.Client;
  try {
    client = await connect(place, running.port);
  } catch (error) {
    // A wrong password stays wrong; all else passes as Postgres comes up or goes down.
    if (errorCode(error) === '28P01') throw error;
    return undefined;
  }
  const holderPid = await takeLock(client);
  if (holderPid === undefined) return { client, port: running.port };
  await client.end();
  throw inUse(place, holderPid);
};

/** Holds the Postgres on the folder, started if need be. Several at once are safe: one gets it, the others throw. */
const hold = async (place: Place, waitMs: number, port?: number): Promise<Held> => {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const held = await holdRunning(place);
    if (held !== undefined) return held;
    try {
      if ((await findRunning(place.dir)) === undefined) {
        await startPostgres(place.programs, { ...place, port: port ?? (await freePort()) });
        continue;
      }
    } catch (error) {
      // Another start may have been faster, the port may be taken, or the last one's processes still be ending.
      if (performance.now() > deadline) throw error;
    }
    if (performance.now() > deadline) throw new Error(`the Postgres in ${place.dir} takes no connections`);
    await delay(retryMs);
  }
};

const createDatabase = async (client: pg.Client): Promise<void> => {
  const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [databaseName]);
  if (rows.length === 0) await client.query(`CREATE DATABASE ${databaseName} OWNER ${postgresUser}`);
};

/** Drafts that a killed start left; nobody works on one while this process holds the folder. */
const removeDrafts = async (homeDir: string): Promise<void> => {
  for (const name of await readdir(homeDir)) {
    if (name.startsWith('postgres-draft-')) await rm(join(homeDir, name), { recursive: true, force: true });
  }
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const preparePlace = async (
  dataDir: string,
  connectionsMax: number,
  log: EmbeddedPostgresLog,
): Promise<Place> => {
  const programs = await preparePostgres(dataDir);
  if (programs.homeDir !== dataDir) {
    log.info(
      `Postgres cannot run as root, and no other user can reach ${dataDir}: its files are in ${programs.homeDir}`,
    );
  }
  const dir = join(programs.homeDir, 'postgres');
  const password = await keptSecret(programs.homeDir, 'postgres-password');
  if (!(await exists(dir))) {
    log.info(`making a new database in ${dir}`);
    await createCluster(programs, dir, password);
  }
  const logPath = join(programs.homeDir, 'postgres.log');
  return { programs, dir, logPath, password, settings: settingsFor(connectionsMax) };
};

/** Watches over `held`: whenever its connection breaks, Postgres is held again, started again if need be. */
const watch = (place: Place, held: Held, log: EmbeddedPostgresLog) => {
  let current = held.client;
  let isStopping = false;
  let recovery = Promise.resolve();
  const lost = new Promise<Error>((resolve) => {
    const onEnd = () => {
      if (isStopping) return;
      log.warn('the embedded Postgres is gone: bringing it back');
      recovery = hold(place, recoveryWaitMs, held.port).then(
        async ({ client }) => {
          current = client;
          if (isStopping) return;
          client.once('end', onEnd);
          log.info('the embedded Postgres is back');
        },
        (error: unknown) => resolve(error instanceof Error ? error : new Error(String(error))),
      );
    };
    current.once('end', onEnd);
  });
  const stop = async () => {
    isStopping = true;
    await recovery;
    await stopPostgres(place.dir);
    await current.end().catch(() => undefined);
  };
  return { lost, stop };
};

/**
 * Runs the embedded Postgres of `dataDir` (absolute; made when it is missing) and holds it until `stop`. The
 * database in it is kept between starts, over crashes too. `connectionsMax` is what it takes at once. Throws one
 * clear sentence when another server holds the folder, or the optional dependency is not installed.
 */
export async function openEmbeddedPostgres(options: {
  dataDir: string;
  connectionsMax: number;
  log: EmbeddedPostgresLog;
}): Promise<EmbeddedPostgres> {
  const { dataDir, connectionsMax, log } = options;
  const place = await preparePlace(dataDir, connectionsMax, log);
  const held = await hold(place, startWaitMs);
  const { lost, stop } = watch(place, held, log);
  try {
    await removeDrafts(place.programs.homeDir);
    await createDatabase(held.client);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = postgresUrl({ port: held.port, password: place.password, database: databaseName });
  return { url, dir: place.dir, lost, stop };
}
