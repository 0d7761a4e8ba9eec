/** Owns the proof that a data folder has one Postgres and one holder, whatever is killed. */
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { type EmbeddedPostgres, openEmbeddedPostgres, sharedBuffersMb } from '../../src/embedded-postgres.ts';
import { eventually, isRunning, killPostgres, makeDataDir, postgresPid } from '../helpers/server-process.ts';

const log = { info: () => undefined, warn: () => undefined };

const open = async (dataDir: string): Promise<EmbeddedPostgres> => {
  const postgres = await openEmbeddedPostgres({ dataDir, connectionsMax: 20, log });
  onTestFinished(() => postgres.stop());
  return postgres;
};

const ask = async (url: string, sql: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
};

test('a new folder gets a database, which is kept between starts', async () => {
  const dataDir = await makeDataDir();
  const first = await open(dataDir);
  await ask(first.url, 'CREATE TABLE kept AS SELECT 1 AS one');
  await first.stop();
  const second = await open(dataDir);
  expect(await ask(second.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
});

test('it listens on the loopback only, durably, and asks for the password', async () => {
  const postgres = await open(await makeDataDir());
  const [settings] = await ask(
    postgres.url,
    `SELECT current_setting('listen_addresses') AS addresses, current_setting('unix_socket_directories') AS sockets,
       current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('server_encoding') AS encoding`,
  );
  expect(settings).toEqual({
    addresses: '127.0.0.1',
    sockets: '',
    fsync: 'on',
    synchronous_commit: 'on',
    encoding: 'UTF8',
  });
  const withoutPassword = postgres.url.replace(/:[^:@]+@/, ':wrong@');
  await expect(ask(withoutPassword, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

test.each([
  { memoryGiB: 1, mb: 128 },
  { memoryGiB: 4, mb: 256 },
  { memoryGiB: 64, mb: 512 },
])('of $memoryGiB GiB of memory it may keep $mb MB of pages', ({ memoryGiB, mb }) => {
  expect(sharedBuffersMb(memoryGiB * 2 ** 30)).toBe(mb);
});

test('the password is readable by its owner only', async () => {
  const dataDir = await makeDataDir();
  await open(dataDir);
  expect((await stat(join(dataDir, 'postgres-password'))).mode & 0o777).toBe(0o600);
});

test('stopping leaves no process, also with clients connected', async () => {
  const dataDir = await makeDataDir();
  const postgres = await open(dataDir);
  const client = new pg.Client({ connectionString: postgres.url });
  client.on('error', () => undefined);
  await client.connect();
  const pid = (await postgresPid(dataDir)) ?? 0;
  await postgres.stop();
  expect(isRunning(pid)).toBe(false);
});

test('a second holder of one folder is refused, told who holds it, and the first goes on', async () => {
  const dataDir = await makeDataDir();
  const first = await open(dataDir);
  await expect(open(dataDir)).rejects.toThrow(
    `another server (process ${process.pid}) already uses the database in ${dataDir}/postgres`,
  );
  expect(await ask(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('of several that start at once on a new folder exactly one holds it', async () => {
  const dataDir = await makeDataDir();
  const results = await Promise.allSettled([open(dataDir), open(dataDir), open(dataDir)]);
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
  expect(reasons).toHaveLength(2);
  for (const reason of reasons) expect(reason).toContain('already uses the database');
  expect((await readdir(dataDir)).filter((name) => name.includes('draft'))).toEqual([]);
});

test('a Postgres that is killed comes back at the same address, with what was committed', async () => {
  const dataDir = await makeDataDir();
  const said: string[] = [];
  const postgres = await openEmbeddedPostgres({
    dataDir,
    connectionsMax: 20,
    log: { info: (message) => said.push(message), warn: () => undefined },
  });
  onTestFinished(() => postgres.stop());
  await ask(postgres.url, 'CREATE TABLE kept AS SELECT 1 AS one');
  await killPostgres((await postgresPid(dataDir)) ?? 0);
  await eventually(() => expect(said).toContain('the embedded Postgres is back'));
  expect(await ask(postgres.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
  await expect(open(dataDir)).rejects.toThrow('already uses the database');
});

test('a draft that a killed start left is removed', async () => {
  const dataDir = await makeDataDir();
  await mkdir(join(dataDir, 'postgres-draft-left'), { recursive: true });
  await open(dataDir);
  expect(await readdir(dataDir)).not.toContain('postgres-draft-left');
});

test('a stale postmaster.pid with the number of another process is no obstacle', async () => {
  const dataDir = await makeDataDir();
  const first = await open(dataDir);
  await first.stop();
  await writeFile(join(dataDir, 'postgres', 'postmaster.pid'), `${process.pid}\n${dataDir}/postgres\n0\n1\n`);
  const second = await open(dataDir);
  expect(await ask(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test.runIf(process.getuid?.() === 0)(
  'root may keep its data where nobody else can go: the files then stand in /var/lib/holdfast',
  async () => {
    const closedDir = await mkdtemp(join(tmpdir(), 'holdfast-closed-'));
    await chmod(closedDir, 0o700);
    const postgres = await open(join(closedDir, 'data'));
    onTestFinished(async () => {
      await postgres.stop();
      await rm(closedDir, { recursive: true });
      await rm(dirname(postgres.dir), { recursive: true });
    });
    expect(postgres.dir).toMatch(/^\/var\/lib\/holdfast\/[0-9a-f]{16}\/postgres$/);
    expect(await ask(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  },
);
