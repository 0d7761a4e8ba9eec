/** Owns the proof that the server starts, refuses and stops as the contract says, as a process of its own. */
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { connect as connectSocket, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { applyMigrations } from '../../src/migrations.ts';
import { connect } from '../helpers/connections.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import {
  eventually,
  isRunning,
  killPostgres,
  makeDataDir,
  postgresPid,
  type StartedServer,
  startServer,
  startSource,
} from '../helpers/server-process.ts';
import { goodClaims, hmacToken, testSecret } from '../helpers/tokens.ts';

const admin = hmacToken(goodClaims({ sub: 'admin', scopes: ['ROOM_MANAGEMENT:WRITE'] }));

const call = (
  server: StartedServer,
  path: string,
  init: RequestInit = {},
  token = admin,
): Promise<Response> =>
  fetch(server.url + path, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });

const disposable = async (made: Promise<TestDatabase>): Promise<TestDatabase> => {
  const database = await made;
  onTestFinished(() => database.drop());
  return database;
};

/** A server on a migrated database in which room 1 exists, with `testSecret` as its key. */
const startOnDatabase = async (env: Record<string, string> = {}) => {
  const database = await disposable(createTestDatabase());
  await database.query(`INSERT INTO room_type (name) VALUES ('Double')`);
  await database.query(`INSERT INTO room (room_no, room_type_id) VALUES ('1', 1)`);
  const server = await startServer({ DATABASE_URL: database.url, JWT_SECRET: testSecret, ...env });
  return { database, server };
};

test('with no settings: an embedded database, 60 rooms, and printed calls that work as they are', async () => {
  const dataDir = await makeDataDir();
  const server = await startServer({ HOLDFAST_DATA_DIR: dataDir });
  await eventually(() => expect(server.output()).toContain('# Hold room 7'));
  const calls = [...server.output().matchAll(/^# (.+)\n(curl .+)$/gm)].map(([, title, command = '']) => ({
    title,
    method: / -X (\w+)/.exec(command)?.[1] ?? 'GET',
    headers: Object.fromEntries(
      [...command.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [name, value]),
    ),
    body: / -d '([^']+)'/.exec(command)?.[1] ?? null,
    url: /'(http[^']+)'$/.exec(command)?.[1] ?? '',
  }));
  const statuses = [];
  for (const { title, url, ...init } of calls) statuses.push([title, (await fetch(url, init)).status]);
  expect(statuses).toEqual([
    ['Freeze room 5', 200],
    ['List what is frozen', 200],
    ['Unfreeze room 5', 200],
    ['See what happened to room 5', 200],
    ['Hold room 7 for a checkout', 201],
  ]);
  expect((await stat(join(dataDir, 'jwt-secret'))).mode & 0o777).toBe(0o600);
  const secret = (await readFile(join(dataDir, 'jwt-secret'), 'utf8')).trim();
  const own = hmacToken(goodClaims({ sub: 'me', scopes: ['ROOM_MANAGEMENT:READ'] }), secret);
  expect(await (await call(server, '/rooms/summary', {}, own)).json()).toMatchObject({ total: 60 });
});

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
  '%s ends an idle server at once, with 0 and no process left',
  async (signal) => {
    const dataDir = await makeDataDir();
    const server = await startServer({ HOLDFAST_DATA_DIR: dataDir, SHUTDOWN_GRACE_SECONDS: '300' });
    // A connection that never speaks, as browsers open ahead, does not count as work.
    const silent = connectSocket(Number(new URL(server.url).port), '127.0.0.1');
    onTestFinished(() => void silent.destroy());
    await once(silent, 'connect');
    await (await fetch(`${server.url}/livez`)).text();
    const pid = (await postgresPid(dataDir)) ?? 0;
    expect(isRunning(pid)).toBe(true);
    server.kill(signal);
    expect(await server.ended).toBe(0);
    expect(isRunning(pid)).toBe(false);
  },
);

test('a server that was killed leaves a Postgres that the next one takes over, with everything in it', async () => {
  const dataDir = await makeDataDir();
  const key = { HOLDFAST_DATA_DIR: dataDir, JWT_SECRET: testSecret };
  const first = await startServer(key);
  expect((await call(first, '/rooms/5/freeze', { method: 'POST' })).status).toBe(200);
  first.kill('SIGKILL');
  await first.ended;
  const orphan = (await postgresPid(dataDir)) ?? 0;
  expect(isRunning(orphan)).toBe(true);
  const second = await startServer(key);
  expect(await postgresPid(dataDir)).toBe(orphan);
  expect(await (await call(second, '/rooms/5')).json()).toMatchObject({ room_status: 'FROZEN' });
  expect(await (await call(second, '/rooms/summary')).json()).toMatchObject({ total: 60 });
  second.kill('SIGTERM');
  expect(await second.ended).toBe(0);
  expect(isRunning(orphan)).toBe(false);
});

test('when everything was killed at once, the next start recovers', async () => {
  const dataDir = await makeDataDir();
  const key = { HOLDFAST_DATA_DIR: dataDir, JWT_SECRET: testSecret };
  const first = await startServer(key);
  expect((await call(first, '/rooms/5/freeze', { method: 'POST' })).status).toBe(200);
  first.kill('SIGKILL');
  await killPostgres((await postgresPid(dataDir)) ?? 0);
  await first.ended;
  const second = await startServer(key);
  expect(await (await call(second, '/rooms/5')).json()).toMatchObject({ room_status: 'FROZEN' });
});

test('a start that is killed half-way is made good by the next', async () => {
  const dataDir = await makeDataDir();
  for (const word of ['making a new database', 'the embedded Postgres runs', 'applied the migration']) {
    const cut = startSource('server.ts', { HOLDFAST_DATA_DIR: dataDir, PORT: '0' });
    await eventually(() => expect(cut.output()).toMatch(new RegExp(`${word}|Server listening`)));
    cut.kill('SIGKILL');
    await cut.ended;
  }
  const server = await startServer({ HOLDFAST_DATA_DIR: dataDir, JWT_SECRET: testSecret });
  const list = await (await call(server, '/rooms?limit=200&sort=room_id')).json();
  expect(list).toMatchObject({ rooms: Array.from({ length: 60 }, (_, index) => ({ room_id: index + 1 })) });
});

test('a second server on one data folder says who has it, exits with 1, and the first goes on', async () => {
  const dataDir = await makeDataDir();
  const first = await startServer({ HOLDFAST_DATA_DIR: dataDir });
  const second = startSource('server.ts', { HOLDFAST_DATA_DIR: dataDir, PORT: '0' });
  expect(await second.ended).toBe(1);
  expect(second.errors()).toBe(
    `holdfast: another server (process ${first.pid}) already uses the database in ${dataDir}/postgres\n`,
  );
  expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
});

test('production without a database and a key is refused, a line each', async () => {
  const server = startSource('server.ts', { NODE_ENV: 'production' });
  expect(await server.ended).toBe(1);
  expect(server.errors()).toBe(
    'holdfast: JWT_SECRET (or JWT_PUBLIC_KEY, or JWT_JWKS_URL) must be set when NODE_ENV is production\n' +
      'holdfast: DATABASE_URL must be set when NODE_ENV is production\n',
  );
});

test('every wrong setting is told at once', async () => {
  const server = startSource('server.ts', { PORT: 'http', LOG_LEVEL: 'loud', JWT_SECRET: 'short' });
  expect(await server.ended).toBe(1);
  expect(server.errors().match(/^holdfast: [A-Z_]+/gm)).toEqual([
    'holdfast: PORT',
    'holdfast: JWT_SECRET',
    'holdfast: LOG_LEVEL',
  ]);
});

test('a port that is taken is told in one line, and leaves no Postgres behind', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const dataDir = await makeDataDir();
  const server = startSource('server.ts', { PORT: String(port), HOLDFAST_DATA_DIR: dataDir });
  expect(await server.ended).toBe(1);
  expect(server.errors()).toBe(
    `holdfast: cannot listen on 127.0.0.1:${port}: another program does (see HOST and PORT)\n`,
  );
  expect(await postgresPid(dataDir)).toBeUndefined();
});

test('a database without migrations: the server starts, is not ready, and is once they are applied', async () => {
  const database = await disposable(createEmptyDatabase());
  const server = await startServer({ DATABASE_URL: database.url, HOLDFAST_DATA_DIR: await makeDataDir() });
  expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
  await applyMigrations(database.url, { info: () => undefined, debug: () => undefined });
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  expect(server.output()).toContain('admin freezes rooms');
});

const untilSomebodyWaits = (database: TestDatabase): Promise<void> =>
  eventually(async () => {
    const waiting = await database.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
    expect(waiting).toHaveLength(1);
  });

test('a draining server is not ready, serves, and ends once the last request in flight has been answered', async () => {
  const { database, server } = await startOnDatabase({ SHUTDOWN_GRACE_SECONDS: '300' });
  const blocker = await connect(database.url);
  await blocker.query('BEGIN');
  await blocker.query('SELECT FROM room WHERE room_id = 1 FOR UPDATE');
  const inFlight = call(server, '/rooms/1/freeze', { method: 'POST' });
  await untilSomebodyWaits(database);
  server.kill('SIGTERM');
  await eventually(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(503));
  const served = await call(server, '/rooms/1');
  expect([served.status, served.headers.get('connection')]).toEqual([200, 'close']);
  await blocker.query('COMMIT');
  expect((await inFlight).status).toBe(200);
  expect(await server.ended).toBe(0);
});

/** Sends a request whose body never comes, and waits until the server has seen it. */
const stallRequest = async (server: StartedServer): Promise<void> => {
  const socket = connectSocket(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  socket.write(
    `POST /rooms/1/freeze HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin}\r\n` +
      'Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n',
  );
  // The interim answer tells that the request is in flight.
  const [bytes] = await once(socket, 'data');
  expect(String(bytes)).toContain('100 Continue');
};

test('the grace is the longest wait for a request in flight', async () => {
  const { server } = await startOnDatabase({ SHUTDOWN_GRACE_SECONDS: '1' });
  await stallRequest(server);
  const begin = performance.now();
  server.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  const elapsedMs = performance.now() - begin;
  expect(elapsedMs).toBeGreaterThan(900);
  expect(elapsedMs).toBeLessThan(5_000);
});

test('a second signal does not wait for anybody', async () => {
  const { server } = await startOnDatabase({ SHUTDOWN_GRACE_SECONDS: '300' });
  await stallRequest(server);
  server.kill('SIGTERM');
  // One that comes at once counts as the echo of the first: this goes on until it has been long enough.
  await eventually(() => {
    server.kill('SIGTERM');
    expect(server.output()).toContain('SIGTERM again');
  });
  expect(await server.ended).toBe(1);
});

test('the echo of a signal is not a second one', async () => {
  const { database, server } = await startOnDatabase({ SHUTDOWN_GRACE_SECONDS: '300' });
  const blocker = await connect(database.url);
  await blocker.query('BEGIN');
  await blocker.query('SELECT FROM room WHERE room_id = 1 FOR UPDATE');
  const inFlight = call(server, '/rooms/1/freeze', { method: 'POST' });
  await untilSomebodyWaits(database);
  server.kill('SIGINT');
  server.kill('SIGINT');
  await eventually(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(503));
  await blocker.query('COMMIT');
  expect((await inFlight).status).toBe(200);
  expect(await server.ended).toBe(0);
});
