/** Owns what a run tortures: Postgres, Redis, the servers, and the bad networks between them. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Random } from '../random.ts';
import { createDatabase, initCluster, openPostgres, type Postgres } from './postgres.ts';
import { findPostgresPrograms, type PostgresPrograms } from './postgres-programs.ts';
import { freePort, removeAtEnd } from './processes.ts';
import { type Link, startLink } from './proxy.ts';
import { openRedis, type RedisServer } from './redis.ts';
import { openServer, type Server } from './servers.ts';

/** What the servers are told about holds; short, so that a run sees many of them end. */
export const holdTtlSeconds = 2;
export const holdTtlSecondsMax = 4;
export const holdLifetimeSecondsMax = 10;
export const holdsActiveMax = 4;
export const sweepSeconds = 1;

const serversCount = 3;

/** Everything that a run is made of. */
export type World = {
  /** A failover puts another one here. */
  postgres: Postgres;
  readonly programs: PostgresPrograms;
  readonly redis: RedisServer;
  readonly servers: readonly Server[];
  /** One per server each: from clients to it, from it to Postgres, from it to Redis. */
  readonly clientLinks: readonly Link[];
  readonly postgresLinks: readonly Link[];
  readonly redisLinks: readonly Link[];
  /** What tokens are signed with. */
  readonly secret: string;
  /** Where logs are written. */
  readonly dir: string;
  /** Where Postgres keeps its files; gone after the run. */
  readonly dataDir: string;
  close(): Promise<void>;
};

/** What a run may set differently. */
export type WorldOptions = Readonly<{
  /** Where logs are written. */
  dir: string;
  /** The sources, with dist/ or what it is built from. */
  rootDir: string;
  random: Random;
  postgresSettings?: Readonly<Record<string, string>>;
  serverSettings?: Readonly<Record<string, string>>;
  /** Called when the migrations are applied and before a server starts. */
  prepare?: (postgres: Postgres) => Promise<void>;
  /** Hears of a server that ends although nobody asked it to. */
  whenDead: (text: string) => void;
}>;

/** What a pool may take; the rest of Postgres' connections is for whoever looks. */
const poolMax = 8;
const connectionsMax = 48;

/** What Postgres is started with unless a run says otherwise. */
export const postgresDefaults = {
  max_connections: String(connectionsMax),
  shared_buffers: '64MB',
  log_checkpoints: 'off',
};

async function migrate(rootDir: string, url: string): Promise<void> {
  // Builds dist/ as well, when it does not match the sources.
  await promisify(execFile)(process.execPath, [join(rootDir, 'scripts', 'run.js'), 'cli/migrate'], {
    cwd: rootDir,
    env: { PATH: process.env.PATH, DATABASE_URL: url },
  });
}

async function linksOf(name: string, ports: readonly number[], random: Random): Promise<Link[]> {
  return Promise.all(
    ports.map((port, index) =>
      startLink({ name: `${name} ${index}`, port, random: random.fork(`${name} ${index}`) }),
    ),
  );
}

async function startPostgres(
  options: WorldOptions,
  programs: PostgresPrograms,
  dataDir: string,
): Promise<Postgres> {
  const { dir, rootDir, prepare } = options;
  const clusterDir = join(dataDir, 'postgres');
  await initCluster(programs, clusterDir);
  const postgres = openPostgres({
    programs,
    dir: clusterDir,
    port: await freePort(),
    logPath: join(dir, 'postgres.log'),
    settings: { ...postgresDefaults, ...options.postgresSettings },
  });
  await postgres.start();
  await createDatabase(postgres);
  await migrate(rootDir, postgres.url());
  await prepare?.(postgres);
  return postgres;
}

/** Starts everything and waits until every server listens. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const { dir, random } = options;
  await mkdir(dir, { recursive: true });
  // Not beside the logs: whoever Postgres runs as may not be let in there.
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-torture-data-'));
  removeAtEnd(dataDir);
  await chmod(dataDir, 0o711);
  const programs = await findPostgresPrograms(dataDir);
  const postgres = await startPostgres(options, programs, dataDir);
  const redis = openRedis({ port: await freePort(), dir: dataDir, logPath: join(dir, 'redis.log') });
  await redis.start();

  const indexes = Array.from({ length: serversCount }, (_, index) => index);
  const ports = await Promise.all(indexes.map(freePort));
  const clientLinks = await linksOf('client', ports, random);
  const postgresLinks = await linksOf(
    'postgres',
    indexes.map(() => postgres.port),
    random,
  );
  const redisLinks = await linksOf(
    'redis',
    indexes.map(() => redis.port),
    random,
  );
  const secret = randomBytes(32).toString('base64url');
  const servers = ports.map((port, index) => {
    const env = {
      HOST: '127.0.0.1',
      DATABASE_URL: postgres.url(postgresLinks[index]?.port),
      DATABASE_POOL_MAX: String(poolMax),
      REDIS_URL: `redis://127.0.0.1:${redisLinks[index]?.port}`,
      JWT_SECRET: secret,
      HOLD_TTL_SECONDS: String(holdTtlSeconds),
      HOLD_TTL_SECONDS_MAX: String(holdTtlSecondsMax),
      HOLD_LIFETIME_SECONDS_MAX: String(holdLifetimeSecondsMax),
      HOLD_SWEEP_INTERVAL_SECONDS: String(sweepSeconds),
      HOLDS_ACTIVE_MAX: String(holdsActiveMax),
      RATE_LIMIT_PER_MINUTE: '0',
      HOLDFAST_DATA_DIR: join(dataDir, 'server'),
      LOG_LEVEL: 'warn',
      NODE_ENV: 'production',
      ...options.serverSettings,
    };
    return openServer({ index, port, rootDir: options.rootDir, dir, env, whenDead: options.whenDead });
  });
  await Promise.all(servers.map((server) => server.start()));

  const world: World = {
    postgres,
    programs,
    redis,
    servers,
    clientLinks,
    postgresLinks,
    redisLinks,
    secret,
    dir,
    dataDir,
    async close() {
      await Promise.all(servers.map((server) => server.stop()));
      for (const link of [...clientLinks, ...postgresLinks, ...redisLinks]) link.close();
      await redis.stop();
      await world.postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return world;
}
