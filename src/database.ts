/** Owns the way to Postgres: the Prisma client, bounded retries, and what a failure there means to a caller. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import type { Logger } from 'pino';
import { Prisma, PrismaClient } from './generated/prisma/client.ts';
import { Problem } from './problems.ts';
import { noTracing, type Tracing } from './tracing.ts';

/** Waiting for a connection longer than this means that Postgres or its pool is out of reach. */
const connectWaitMsMax = 5_000;
/**
 * One that runs longer is given up here, and may still be carried out there: its outcome is unknown. Every lock is waited
 * for 5 s at the longest (set by the commands), so only one that waits for several comes here.
 */
const statementWaitMsMax = 15_000;
/** Reads at once, almost all of which wait for a connection: at some ms each this is a wait of a second. */
const readsMax = 1_000;
/** Deadlocks and serialization failures are rare and short: this many tries outlast any that will end. */
const conflictTriesMax = 6;

/** The way to Postgres. */
export type Database = Readonly<{
  /** For transactions of several statements, such as making the demonstration property; verbs use `command`. */
  client: PrismaClient;
  /**
   * Runs a statement that changes nothing; once more if the connection broke.
   * Throws `dependency-unavailable` when Postgres is out of reach, and `overloaded` when too many read already.
   */
  read<Row>(query: Prisma.Sql): Promise<Row[]>;
  /**
   * Runs one statement that is a whole transaction. Deadlocks are tried again, a bounded number of times.
   * Throws `dependency-unavailable` (nothing was done), `overloaded` (a lock was not to be had in time; nothing was
   * done) or `outcome-unknown` (the connection broke while it ran: never tried again here).
   */
  command<Row>(query: Prisma.Sql): Promise<Row[]>;
  /** The same for work that nobody waits for: it does not count as a command in `quietMs`. */
  backgroundCommand<Row>(query: Prisma.Sql): Promise<Row[]>;
  /** For how long, in ms, no command has been under way or waited for a connection: Infinity before the first. */
  quietMs(): number;
  /**
   * Throws unless Postgres is in reach, takes writes and has every one of these migrations.
   */
  checkReady(migrationNames: readonly string[]): Promise<void>;
  /** How many connections there are, how many of them are at rest, and how many statements wait for one. */
  countConnections(): { total: number; idle: number; waiting: number };
  close(): Promise<void>;
}>;

/** Opens a pool of at most `poolMax` connections to `url`; the first statement connects. */
export function openDatabase(options: {
  url: string;
  poolMax: number;
  log: Logger;
  tracing?: Pick<Tracing, 'read'>;
}): Database {
  const { log, tracing = noTracing } = options;
  const pool = openPool(options);
  const client = new PrismaClient({
    adapter: new PrismaPg(pool, {
      disposeExternalPool: true,
      statementNameGenerator: statementName(),
      onPoolError: (error) => log.warn({ err: error }, 'an idle database connection was lost'),
      onConnectionError: (error) => log.warn({ err: error }, 'a database connection was lost'),
    }),
  });
  const run = <Row>(query: Prisma.Sql): Promise<Row[]> => client.$queryRaw<Row[]>(query);
  const runTraced = <Row>(query: Prisma.Sql): Promise<Row[]> =>
    tracing.read(
      () => query.text,
      () => run<Row>(query),
    );
  let commandsRunning = 0;
  let quietSinceMs = Number.NEGATIVE_INFINITY;

  async function runUntilSettled<Row>(query: Prisma.Sql): Promise<Row[]> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await run<Row>(query);
      } catch (error) {
        if (failureOf(error) !== 'conflict' || tries === conflictTriesMax) throw problemOf(error);
        // Jitter, so that those who met do not meet again.
        await delay(Math.random() * 10 * 2 ** tries);
      }
    }
  }

  let reads = 0;

  const database: Database = {
    client,
    read: async <Row>(query: Prisma.Sql) => {
      if (reads >= readsMax) throw new Problem('overloaded', 'Too many requests wait for the database.');
      reads += 1;
      try {
        return await runTraced<Row>(query);
      } catch (error) {
        if (failureOf(error) !== 'broken') throw problemOf(error);
        return await runTraced<Row>(query).catch((again: unknown) => {
          throw problemOf(again, 'dependency-unavailable');
        });
      } finally {
        reads -= 1;
      }
    },
    command: async <Row>(query: Prisma.Sql) => {
      commandsRunning += 1;
      try {
        return await runUntilSettled<Row>(query);
      } finally {
        commandsRunning -= 1;
        quietSinceMs = performance.now();
      }
    },
    backgroundCommand: runUntilSettled,
    quietMs: () => (commandsRunning > 0 ? 0 : performance.now() - quietSinceMs),
    checkReady: async (migrationNames) => {
      const [state] = await database.read<{ is_standby: boolean; applied: string[] }>(Prisma.sql`
        SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS is_standby, ARRAY(
          SELECT migration_name::text FROM _prisma_migrations
          WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL) AS applied`);
      if (state === undefined || state.is_standby) {
        throw new Problem('dependency-unavailable', 'The database is a read-only standby.');
      }
      const missing = migrationNames.filter((name) => !state.applied.includes(name));
      if (missing.length > 0) {
        throw new Problem('dependency-unavailable', `Migrations are missing: ${missing.join(', ')}.`);
      }
    },
    countConnections: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => client.$disconnect(),
  };
  return database;
}

/**
 * A pool whose failures to connect are told apart from connections that break later: whatever goes wrong before
 * Postgres has let us in, nothing was done.
 */
function openPool(options: { url: string; poolMax: number }): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolMax,
    connectionTimeoutMillis: connectWaitMsMax,
    query_timeout: statementWaitMsMax,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'holdfast',
  });
  const connect = pool.connect.bind(pool);
  type Connected = Parameters<typeof connect>[0];
  return Object.assign(pool, {
    connect: (callback?: Connected) =>
      callback === undefined
        ? connect()
        : connect((error, client, release) => callback(error && unreachable(error), client, release)),
  });
}

/** What the driver adapter takes for a database that cannot be reached; what Postgres itself said stays as it is. */
function unreachable(error: Error): Error {
  if ('severity' in error) return error;
  return Object.assign(new Error(error.message, { cause: error }), {
    code: 'ECONNREFUSED',
    syscall: 'connect',
    errno: 0,
  });
}

/**
 * Names statements by their text, so that the driver prepares each once per connection. Lists have some hundred
 * shapes, by their filters; past the bound a statement goes by the empty name, and is planned each time.
 */
function statementName(): (query: { sql: string }) => string {
  const namesMax = 1_000;
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined || names.size === namesMax) return known ?? '';
    const name = `holdfast_${createHash('sha256').update(sql).digest('base64url').slice(0, 22)}`;
    names.set(sql, name);
    return name;
  };
}

type Failure = 'conflict' | 'unreachable' | 'busy' | 'refused' | 'broken';

const failuresByState: Readonly<Record<string, Failure>> = {
  '40001': 'conflict', // serialization failure
  '40P01': 'conflict', // deadlock
  '55P03': 'busy', // lock not available in time
  '53300': 'unreachable', // too many connections
  '57P03': 'unreachable', // starting up or shutting down
  '25006': 'unreachable', // a standby takes no writes
  '3D000': 'unreachable', // no such database
  '28000': 'unreachable', // not let in
  '28P01': 'unreachable', // wrong password
  '42P01': 'unreachable', // a table is missing: migrations are
  '42883': 'unreachable', // a command is missing: migrations are
  '57P01': 'broken', // terminated by an administrator: perhaps after the commit
  '57P02': 'broken', // crash of another backend
};

/**
 * What a failure says about the statement: `broken` leaves it open whether a commit was reached, all others mean that
 * nothing was done. `refused` is a statement that Postgres will not run: a bug of ours.
 */
function failureOf(error: unknown): Failure {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) {
    return error instanceof TypeError ? 'refused' : 'broken';
  }
  const cause = driverCause(error.meta);
  if (cause.kind === 'DatabaseNotReachable') return 'unreachable';
  if (cause.originalCode === undefined) return 'broken';
  return failuresByState[cause.originalCode] ?? 'refused';
}

function driverCause(meta: unknown): { kind?: string; originalCode?: string } {
  if (typeof meta !== 'object' || meta === null || !('driverAdapterError' in meta)) return {};
  const { driverAdapterError: error } = meta;
  return error instanceof Error && typeof error.cause === 'object' && error.cause !== null ? error.cause : {};
}

function problemOf(
  error: unknown,
  brokenAs: 'outcome-unknown' | 'dependency-unavailable' = 'outcome-unknown',
) {
  switch (failureOf(error)) {
    case 'unreachable':
      return new Problem('dependency-unavailable', 'The database is out of reach.', {}, { cause: error });
    case 'busy':
    case 'conflict':
      return new Problem('overloaded', 'Too many changes meet on the same rooms.', {}, { cause: error });
    case 'broken':
      return brokenAs === 'outcome-unknown'
        ? new Problem(
            'outcome-unknown',
            'The connection broke while the change was made.',
            {},
            { cause: error },
          )
        : new Problem('dependency-unavailable', 'The database is out of reach.', {}, { cause: error });
    case 'refused':
      return error;
  }
}
