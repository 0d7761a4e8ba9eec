/** Owns the proof that migrations are applied whole or not at all, once, and agree with the Prisma schema. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  applyMigrations,
  createMigration,
  migrationNames,
  migrationsDiff,
  pendingMigrations,
} from '../../src/migrations.ts';
import { createEmptyDatabase, type TestDatabase } from '../helpers/database.ts';

const log = { info: () => undefined, debug: () => undefined };

const databases: TestDatabase[] = [];
const emptyDatabase = async (): Promise<TestDatabase> => {
  const database = await createEmptyDatabase();
  databases.push(database);
  return database;
};

let scratch: TestDatabase;
beforeAll(async () => {
  scratch = await emptyDatabase();
});
afterAll(async () => {
  for (const database of databases) await database.drop();
});

const historyOf = (database: TestDatabase) =>
  database.query(
    'SELECT migration_name, finished_at IS NOT NULL AS is_finished FROM _prisma_migrations ORDER BY started_at',
  );

test('an empty database gets every migration, in order, in the table that Prisma reads', async () => {
  const database = await emptyDatabase();
  expect(await pendingMigrations(database.url)).toEqual(migrationNames());
  expect(await applyMigrations(database.url, log)).toEqual(migrationNames());
  expect(await historyOf(database)).toEqual(
    migrationNames().map((migration_name) => ({ migration_name, is_finished: true })),
  );
  expect(await pendingMigrations(database.url)).toEqual([]);
});

test('what is applied is not applied again', async () => {
  const database = await emptyDatabase();
  await applyMigrations(database.url, log);
  expect(await applyMigrations(database.url, log)).toEqual([]);
});

test('of several that migrate at once one works and the others find it done', async () => {
  const database = await emptyDatabase();
  const applied = await Promise.all(Array.from({ length: 4 }, () => applyMigrations(database.url, log)));
  expect(applied.flat().sort()).toEqual(migrationNames());
  expect(await historyOf(database)).toHaveLength(migrationNames().length);
});

test('a migration that fails leaves nothing of itself behind, and can be tried again', async () => {
  const database = await emptyDatabase();
  // A later migration makes a function of this name.
  await database.query(`CREATE FUNCTION room_create(jsonb) RETURNS json LANGUAGE sql AS 'SELECT null::json'`);
  await expect(applyMigrations(database.url, log)).rejects.toThrow('room_create');
  const missing = await pendingMigrations(database.url);
  expect(missing.length).toBeGreaterThan(0);
  expect(await historyOf(database)).toEqual(
    migrationNames()
      .filter((name) => !missing.includes(name))
      .map((migration_name) => ({ migration_name, is_finished: true })),
  );
  await database.query('DROP FUNCTION room_create(jsonb)');
  expect(await applyMigrations(database.url, log)).toEqual(missing);
});

test('no lock is left behind', async () => {
  const database = await emptyDatabase();
  await applyMigrations(database.url, log);
  expect(
    await database.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 72707369`),
  ).toEqual([]);
});

/** Indexes that only the migrations name: each is there for one list or one worker, and the client needs none. */
const indexesBeyondPrisma = [
  'audit_log_action',
  'audit_log_actor',
  'audit_log_at',
  'audit_log_commit_order',
  'audit_log_entity_id',
  'hold_created_by_id',
  'hold_holder_id',
  'hold_room_room_id_hold',
  'hold_status_id',
  'idempotency_key_created_at',
];

/** What Prisma would change, and must not: it cannot express what stands there. */
const isBeyondPrisma = (statement: string): boolean => {
  const index = /^DROP INDEX "(\w+)";$/.exec(statement)?.[1];
  if (index !== undefined) return indexesBeyondPrisma.includes(index);
  // Defaults are compared as text, and Postgres writes this one in its own way.
  const isTimeDefault = /^ALTER COLUMN "\w+" SET DEFAULT date_trunc\('milliseconds', clock_timestamp\(\)\)$/;
  const changes = /^ALTER TABLE "\w+" (.+);$/.exec(statement)?.[1]?.split(/, (?=ALTER COLUMN)/) ?? [];
  return changes.length > 0 && changes.every((change) => isTimeDefault.test(change));
};

test('schema.prisma and the migrations agree but for what Prisma cannot express', async () => {
  const statements = (await migrationsDiff(scratch.url))
    .split('\n\n')
    .map((statement) =>
      statement
        .replaceAll(/^--.*$/gm, '')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    )
    .filter((statement) => statement !== '');
  expect(statements.filter((statement) => !isBeyondPrisma(statement))).toEqual([]);
});

test('comparing leaves no database behind', async () => {
  await migrationsDiff(scratch.url);
  expect(
    await scratch.query(`SELECT datname FROM pg_database WHERE datname LIKE 'holdfast\\_shadow%'`),
  ).toEqual([]);
});

test.each(['Add Capacity', '../outside', '', 'a__b', 'x'.repeat(101)])(
  'a migration is not named %j',
  async (name) => {
    await expect(createMigration(scratch.url, name)).rejects.toThrow(
      'lower-case words joined by underscores',
    );
  },
);
