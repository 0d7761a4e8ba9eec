/** Owns the tests of Database.checkReady: what a server must find before it may say that it is ready. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrationNames } from '../../src/migrations.ts';
import { freePort } from '../../src/postgres-cluster.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { open } from './open.ts';

let db: TestDatabase;
const names = migrationNames();

beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const notReady = { code: 'dependency-unavailable', status: 503 };

test('ready when Postgres takes writes and every migration is applied', async () => {
  expect(names.length).toBeGreaterThan(0);
  await expect(open(db.url).database.checkReady(names)).resolves.toBeUndefined();
});

test('not ready while a migration is missing, and it is named', async () => {
  await expect(open(db.url).database.checkReady([...names, '20991231000000_not_yet'])).rejects.toMatchObject({
    ...notReady,
    message: expect.stringContaining('20991231000000_not_yet'),
  });
});

test.each([
  ['was begun and never finished', 'finished_at = NULL'],
  ['was rolled back', 'rolled_back_at = now()'],
])('not ready while a migration %s', async (_how, change) => {
  const own = await createTestDatabase();
  try {
    await own.query(`UPDATE _prisma_migrations SET ${change} WHERE migration_name = $1`, [names.at(-1)]);
    await expect(open(own.url).database.checkReady(names)).rejects.toMatchObject(notReady);
  } finally {
    await own.drop();
  }
});

test('not ready on a database that no migration has touched', async () => {
  const empty = await createEmptyDatabase();
  try {
    await expect(open(empty.url).database.checkReady(names)).rejects.toMatchObject(notReady);
  } finally {
    await empty.drop();
  }
});

test('not ready where nothing can be written', async () => {
  const url = new URL(db.url);
  url.searchParams.set('options', '-c default_transaction_read_only=on');
  await expect(open(url.href).database.checkReady(names)).rejects.toMatchObject(notReady);
});

test('not ready while Postgres is out of reach', async () => {
  const url = new URL(db.url);
  url.port = String(await freePort());
  await expect(open(url.href).database.checkReady(names)).rejects.toMatchObject(notReady);
});
