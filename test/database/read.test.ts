/** Owns the tests of Database.read: a reader survives a broken connection once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Prisma } from '../../src/generated/prisma/client.ts';
import { freePort } from '../../src/postgres-cluster.ts';
import { connect, until, untilBlocked } from '../helpers/connections.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { open } from './open.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase();
  await db.query('CREATE SEQUENCE tries');
  await db.query(`
    CREATE FUNCTION slow_answer() RETURNS integer LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM nextval('tries');
      PERFORM pg_advisory_xact_lock_shared(1);
      RETURN 42;
    END $$`);
});
afterAll(() => db.drop());

const slowAnswer = Prisma.sql`SELECT slow_answer() AS answer`;

test('a read whose connection is killed while it runs is tried again and succeeds', async () => {
  const { database } = open(db.url);
  const gate = await connect(db.url);
  await gate.query('SELECT pg_advisory_lock(1)');
  const answer = database.read(slowAnswer);
  const [pid] = await untilBlocked(gate, db);
  await db.query('SELECT pg_terminate_backend($1)', [pid]);
  await until(async () => {
    const [again] = await untilBlocked(gate, db);
    expect(again).not.toBe(pid);
  });
  await gate.query('SELECT pg_advisory_unlock(1)');
  expect(await answer).toEqual([{ answer: 42 }]);
});

test('503 dependency-unavailable when the second try breaks too: a read has no unknown outcome', async () => {
  const { database } = open(db.url);
  const gate = await connect(db.url);
  await gate.query('SELECT pg_advisory_lock(1)');
  const refusal = expect(database.read(slowAnswer)).rejects.toMatchObject({
    code: 'dependency-unavailable',
    status: 503,
  });
  const [first] = await untilBlocked(gate, db);
  await db.query('SELECT pg_terminate_backend($1)', [first]);
  const second = await until(async () => {
    const [pid] = await untilBlocked(gate, db);
    expect(pid).not.toBe(first);
    return pid;
  });
  await db.query('SELECT pg_terminate_backend($1)', [second]);
  await refusal;
});

test('503 dependency-unavailable when nothing listens where Postgres should be', async () => {
  const url = new URL(db.url);
  url.port = String(await freePort());
  await expect(open(url.href).database.read(slowAnswer)).rejects.toMatchObject({
    code: 'dependency-unavailable',
    status: 503,
  });
});

test('a statement is prepared once per connection, by its text, and reused with other values', async () => {
  const { database } = open(db.url, 1);
  for (const value of [1, 2, 3]) {
    expect(await database.read(Prisma.sql`SELECT ${value}::integer + 1 AS answer`)).toEqual([
      { answer: value + 1 },
    ]);
  }
  await database.command(Prisma.sql`SELECT ${'x'}::text AS answer`);
  const statements = await database.read<{ name: string; statement: string; runs: number }>(Prisma.sql`
    SELECT name, statement, (generic_plans + custom_plans)::integer AS runs
    FROM pg_prepared_statements WHERE statement LIKE '% AS answer' ORDER BY statement`);
  expect(statements).toEqual([
    {
      name: expect.stringMatching(/^holdfast_.{22}$/),
      statement: 'SELECT $1::integer + 1 AS answer',
      runs: 3,
    },
    { name: expect.stringMatching(/^holdfast_.{22}$/), statement: 'SELECT $1::text AS answer', runs: 1 },
  ]);
  expect(new Set(statements.map(({ name }) => name)).size).toBe(2);
});

test('the names of statements end at a bound: past it a statement is planned each time', async () => {
  const { database } = open(db.url, 1);
  for (let n = 0; n < 1_020; n += 1) await database.read(Prisma.raw(`SELECT ${n} AS answer`));
  const [row] = await database.read<{ kept: number }>(
    Prisma.sql`SELECT count(*)::integer AS kept FROM pg_prepared_statements`,
  );
  expect(row?.kept).toBe(1_000);
  expect(await database.read(Prisma.raw('SELECT 1019 AS answer'))).toEqual([{ answer: 1019 }]);
});
