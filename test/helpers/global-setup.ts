/** Owns what a test run needs before its first file: what is built, a migrated Postgres, a Redis, a Chromium. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { applyMigrations } from '../../src/migrations.ts';
import { startScratchPostgres } from '../../src/postgres-cluster.ts';
import { ensureChromiumIsInstalled } from './chromium-install.ts';
import { ensureRedisIsInstalled } from './redis-install.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where databases are made: a URL of the server's own database. */
    postgresUrl: string;
    /** A migrated, empty database that every test file clones. */
    templateDatabase: string;
  }
}

const rootDir = fileURLToPath(new URL('../../', import.meta.url));

/** Builds, if it is not current, what the sources import and what the server serves. */
const build = (): void => {
  for (const script of ['generate', 'console']) {
    execFileSync(process.execPath, [`${rootDir}scripts/${script}.js`], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
};

const withClient = async (url: string, work: (client: pg.Client) => Promise<void>): Promise<void> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
};

const dropDatabases = (url: string, prefix: string): Promise<void> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [prefix],
    );
    for (const { datname } of rows) await client.query(`DROP DATABASE IF EXISTS "${datname}" WITH (FORCE)`);
  });

/** Runs once per `vitest run`; what it returns runs after the last file. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  build();
  ensureRedisIsInstalled();
  ensureChromiumIsInstalled();
  const scratch = process.env.TEST_DATABASE_URL ? undefined : await startScratchPostgres();
  const postgresUrl = scratch?.url ?? process.env.TEST_DATABASE_URL ?? '';
  // Runs beside each other on one server keep apart by this prefix.
  const prefix = `holdfast_test_${randomBytes(4).toString('hex')}_`;
  const templateDatabase = `${prefix}template`;
  const tearDown = async () => {
    if (scratch === undefined) await dropDatabases(postgresUrl, prefix);
    else await scratch.stop();
  };
  try {
    await withClient(postgresUrl, async (client) => {
      await client.query(`CREATE DATABASE "${templateDatabase}" TEMPLATE template0`);
    });
    const templateUrl = new URL(postgresUrl);
    templateUrl.pathname = `/${templateDatabase}`;
    await applyMigrations(templateUrl.href, { info: () => undefined, debug: () => undefined });
  } catch (error) {
    await tearDown();
    throw error;
  }
  project.provide('postgresUrl', postgresUrl);
  project.provide('templateDatabase', templateDatabase);
  return tearDown;
}
