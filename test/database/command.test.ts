/** Owns the tests of Database.command: what is tried again, and what a failure says about the change. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Prisma } from '../../src/generated/prisma/client.ts';
import { freePort } from '../../src/postgres-cluster.ts';
import { connect, until, untilBlocked } from '../helpers/connections.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { open } from './open.ts';
import { startTcpProxy } from './tcp-proxy.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase();
  // Sequences do not roll back: they count tries.
  await db.query('CREATE SEQUENCE tries');
  await db.query('CREATE TABLE counter (name text PRIMARY KEY, value integer NOT NULL DEFAULT 0)');
  await db.query(`
    CREATE FUNCTION raise_both() RETURNS integer LANGUAGE plpgsql SET deadlock_timeout = '10ms' AS $$
    BEGIN
      PERFORM nextval('tries');
      UPDATE counter SET value = value + 1 WHERE name = 'a';
      PERFORM pg_advisory_xact_lock_shared(1);
      UPDATE counter SET value = value + 1 WHERE name = 'b';
      RETURN (SELECT sum(value) FROM counter);
    END $$`);
  await db.query(`
    CREATE FUNCTION raise_one(wanted text) RETURNS integer LANGUAGE plpgsql SET lock_timeout = '50ms' AS $$
    BEGIN
      PERFORM nextval('tries');
      UPDATE counter SET value = value + 1 WHERE name = wanted;
      RETURN (SELECT value FROM counter WHERE name = wanted);
    END $$`);
});
afterAll(() => db.drop());

beforeEach(async () => {
  await db.query('TRUNCATE counter');
  await db.query(`INSERT INTO counter (name) VALUES ('a'), ('b')`);
  await db.query(`ALTER SEQUENCE tries RESTART`);
});

/** How often the functions above were begun. */
async function triesCount(): Promise<number> {
  const [row] = await db.query<{ tries: string }>(
    'SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS tries FROM tries',
  );
  return Number(row?.tries);
}

const raiseBoth = Prisma.sql`SELECT raise_both() AS value`;
const raiseA = Prisma.sql`SELECT raise_one('a') AS value`;
const counterValues = () => db.query('SELECT name, value FROM counter ORDER BY name');

describe('tried again', () => {
  test('a deadlock (40P01) that Postgres really found is tried again and succeeds', async () => {
    const { database } = open(db.url);
    const gate = await connect(db.url);
    const rival = await connect(db.url);
    // Never the victim: the command closes the circle, and looks for it first.
    await rival.query(`SET deadlock_timeout = '1min'`);
    await gate.query('SELECT pg_advisory_lock(1)');
    await rival.query('BEGIN');
    await rival.query(`UPDATE counter SET value = value + 10 WHERE name = 'b'`);

    const command = database.command<{ value: number }>(raiseBoth);
    const [commandPid] = await untilBlocked(gate, db);
    const rivalWaits = rival.query(`UPDATE counter SET value = value + 10 WHERE name = 'a'`);
    await until(async () => {
      const [row] = await db.query<{ by: number[] }>('SELECT pg_blocking_pids($1) AS by', [rival.pid]);
      expect(row?.by).toEqual([commandPid]);
    });
    await gate.query('SELECT pg_advisory_unlock(1)');
    await rivalWaits;
    await rival.query('COMMIT');

    expect(await command).toEqual([{ value: 22 }]);
    expect(await triesCount()).toBeGreaterThan(1);
    expect(await counterValues()).toEqual([
      { name: 'a', value: 11 },
      { name: 'b', value: 11 },
    ]);
    const [stats] = await db.query<{ deadlocks: string }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    expect(Number(stats?.deadlocks)).toBe(1);
  });

  test('a serialization failure (40001) is tried again and succeeds', async () => {
    const url = new URL(db.url);
    url.searchParams.set('options', '-c default_transaction_isolation=serializable');
    const { database } = open(url.href);
    const rival = await connect(db.url);
    await rival.query('BEGIN');
    await rival.query(`UPDATE counter SET value = 5 WHERE name = 'a'`);
    // Without its own time limit on locks: it waits until the rival has committed.
    const command = database.command<{ value: number }>(raiseBoth);
    await untilBlocked(rival, db);
    await rival.query('COMMIT');
    expect(await command).toEqual([{ value: 7 }]);
    expect(await triesCount()).toBe(2);
  });

  test('503 overloaded after a bounded number of conflicts', async () => {
    const { database } = open(db.url);
    await db.query(`
      CREATE OR REPLACE FUNCTION always_conflicts() RETURNS integer LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM nextval('tries');
        RAISE EXCEPTION 'again' USING ERRCODE = 'deadlock_detected';
      END $$`);
    await expect(database.command(Prisma.sql`SELECT always_conflicts()`)).rejects.toMatchObject({
      code: 'overloaded',
      status: 503,
    });
    const tries = await triesCount();
    expect(tries).toBeGreaterThan(1);
    expect(tries).toBeLessThanOrEqual(10);
  });
});

describe('never tried again', () => {
  test('503 overloaded when a lock is not to be had in time, and nothing was done', async () => {
    const { database } = open(db.url);
    const rival = await connect(db.url);
    await rival.query('BEGIN');
    await rival.query(`SELECT FROM counter WHERE name = 'a' FOR UPDATE`);
    await expect(database.command(raiseA)).rejects.toMatchObject({ code: 'overloaded', status: 503 });
    await rival.query('ROLLBACK');
    expect(await triesCount()).toBe(1);
    expect(await counterValues()).toContainEqual({ name: 'a', value: 0 });
  });

  test('503 outcome-unknown when the connection is killed while the command runs', async () => {
    const { database } = open(db.url);
    const rival = await connect(db.url);
    await rival.query('BEGIN');
    await rival.query(`SELECT FROM counter WHERE name = 'a' FOR UPDATE`);
    const command = database.command(raiseBoth);
    const refusal = expect(command).rejects.toMatchObject({ code: 'outcome-unknown', status: 503 });
    const [pid] = await untilBlocked(rival, db);
    await db.query('SELECT pg_terminate_backend($1)', [pid]);
    await refusal;
    await rival.query('ROLLBACK');
    expect(await triesCount()).toBe(1);
    // The pool goes on with a new connection.
    expect(await database.command(raiseA)).toEqual([{ value: 1 }]);
  });

  test('503 outcome-unknown when the connection breaks after the commit and before its answer', async () => {
    const proxy = await startTcpProxy(db.url);
    const { database } = open(proxy.url);
    await database.command(raiseA);
    proxy.deafen();
    const refusal = expect(database.command(raiseA)).rejects.toMatchObject({
      code: 'outcome-unknown',
      status: 503,
    });
    await until(async () => expect(await counterValues()).toContainEqual({ name: 'a', value: 2 }));
    proxy.cut();
    await refusal;
    expect(await triesCount()).toBe(2);
    expect(await database.command(raiseA)).toEqual([{ value: 3 }]);
  });

  test('a statement that Postgres will not run is a bug of ours: it is thrown as it is', async () => {
    const { database } = open(db.url);
    const error = await database.command(Prisma.sql`SELECT 1 / 0`).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Prisma.PrismaClientKnownRequestError);
    expect(error).not.toHaveProperty('code', 'outcome-unknown');
  });
});

describe('503 dependency-unavailable, with nothing done', () => {
  const outOfReach = { code: 'dependency-unavailable', status: 503 };

  test('when nothing listens where Postgres should be', async () => {
    const url = new URL(db.url);
    url.port = String(await freePort());
    const { database } = open(url.href);
    await expect(database.command(raiseA)).rejects.toMatchObject(outOfReach);
  });

  test('when connections are closed before Postgres has said a word', async () => {
    const proxy = await startTcpProxy(db.url);
    proxy.refuse();
    const { database } = open(proxy.url);
    await expect(database.command(raiseA)).rejects.toMatchObject(outOfReach);
    expect(await triesCount()).toBe(0);
  });

  test('when the database is not there', async () => {
    const url = new URL(db.url);
    url.pathname = '/holdfast_test_that_never_was';
    const { database } = open(url.href);
    await expect(database.command(raiseA)).rejects.toMatchObject(outOfReach);
  });

  test('when the password is wrong', async () => {
    const url = new URL(db.url);
    url.password = 'wrong';
    const { database } = open(url.href);
    await expect(database.command(raiseA)).rejects.toMatchObject(outOfReach);
  });

  test('when the server is a read-only standby', async () => {
    const url = new URL(db.url);
    url.searchParams.set('options', '-c default_transaction_read_only=on');
    const { database } = open(url.href);
    await expect(database.command(raiseA)).rejects.toMatchObject(outOfReach);
    expect(await triesCount()).toBe(0);
  });

  test('when a command is missing because its migration is', async () => {
    const { database } = open(db.url);
    await expect(database.command(Prisma.sql`SELECT not_migrated_yet()`)).rejects.toMatchObject(outOfReach);
  });

  test('after 5 s, when Postgres says nothing, or every connection of the pool is busy', async () => {
    const proxy = await startTcpProxy(db.url);
    proxy.deafen();
    const silent = open(proxy.url).database;
    const busy = open(db.url, 1).database;
    const gate = await connect(db.url);
    await gate.query('SELECT pg_advisory_lock(1)');
    const first = busy.command<{ value: number }>(raiseBoth);
    await untilBlocked(gate, db);
    await Promise.all(
      [silent, busy].map((database) => expect(database.command(raiseA)).rejects.toMatchObject(outOfReach)),
    );
    await gate.query('SELECT pg_advisory_unlock(1)');
    expect(await first).toEqual([{ value: 2 }]);
    expect(await triesCount()).toBe(1);
  });
});

test('an idle connection that is killed is let go: the next command runs on another', async () => {
  const { database, said } = open(db.url, 1);
  await database.command(raiseA);
  const [idle] = await database.command<{ pid: number }>(Prisma.sql`SELECT pg_backend_pid() AS pid`);
  await db.query('SELECT pg_terminate_backend($1)', [idle?.pid]);
  await until(() => expect(said).toContain('an idle database connection was lost'));
  expect(await database.command(raiseA)).toEqual([{ value: 2 }]);
});

test('it is quiet from the end of the last command on; what runs in the background is not heard', async () => {
  let nowMs = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  onTestFinished(() => clock.mockRestore());
  const { database } = open(db.url);
  const gate = await connect(db.url);
  await gate.query('SELECT pg_advisory_lock(1)');
  const first = database.command(raiseBoth);
  await untilBlocked(gate, db);
  nowMs += 1_500;
  expect(database.quietMs()).toBe(0);
  await gate.query('SELECT pg_advisory_unlock(1)');
  await first;
  expect(database.quietMs()).toBe(0);

  nowMs += 1_500;
  await gate.query('SELECT pg_advisory_lock(1)');
  const background = database.backgroundCommand(raiseBoth);
  await untilBlocked(gate, db);
  expect(database.quietMs()).toBe(1_500);
  await gate.query('SELECT pg_advisory_unlock(1)');
  await background;
  expect(database.quietMs()).toBe(1_500);

  await expect(database.command(Prisma.sql`SELECT 1 / 0`)).rejects.toThrow();
  expect(database.quietMs()).toBe(0);
});
