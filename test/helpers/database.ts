/** Owns the databases of tests: each test file gets a migrated, empty one of its own. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

/** A database for one test file. */
export type TestDatabase = Readonly<{
  url: string;
  /** Runs one SQL text and returns its rows. */
  query<Row extends pg.QueryResultRow = Record<string, unknown>>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
  /** Drops it, whoever is still connected. Call it in `afterAll`. */
  drop(): Promise<void>;
}>;

const onServer = async (sql: string): Promise<void> => {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
};

const createDatabase = async (template: string): Promise<TestDatabase> => {
  const name = inject('templateDatabase').replace(/template$/, randomBytes(6).toString('hex'));
  await onServer(`CREATE DATABASE "${name}" TEMPLATE "${template}"`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 4 });
  pool.on('error', () => {
    // A test may cut every connection; the next query opens another.
  });
  return {
    url: url.href,
    query: async <Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]) =>
      (await pool.query<Row>(sql, values ? [...values] : undefined)).rows,
    drop: async () => {
      await pool.end();
      await onServer(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    },
  };
};

/** A database with every migration applied and no rows, as a new installation has it. */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(inject('templateDatabase'));
}

/** A database without anything in it: no migration has run. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase('template0');
}
