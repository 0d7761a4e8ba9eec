import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { connect } from '../helpers/connections.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { freezeRoom, makeRoom } from '../helpers/property.ts';
import {
  firstBlock,
  type ListeningApp,
  logIds,
  openEvents,
  startListening,
  until,
  untilIds,
} from './streams.ts';

let server: ListeningApp;

beforeAll(async () => {
  server = await startListening();
});
afterAll(() => server.close());
beforeEach(async () => {
  await makeRoom(server);
});

const open = (lastEventId?: number) =>
  openEvents(server.port, { token: server.as.admin, ...(lastEventId === undefined ? {} : { lastEventId }) });

/** A transaction that has written an entry and stays open. */
async function openTransaction() {
  const connection = await connect(server.database.url);
  const write = async () => {
    const [row] = await connection.query<{ audit_id: string }>(
      `INSERT INTO audit_log (entity, entity_id, action, actor) VALUES ('room', '1', 'UPDATE', 'tester')
       RETURNING audit_id`,
    );
    return Number(row?.audit_id);
  };
  await connection.query('BEGIN');
  return { id: await write(), write, finish: (how: 'COMMIT' | 'ROLLBACK') => connection.query(how) };
}

test('an entry that is committed late is not lost: whatever began after it waits for it', async () => {
  const before = (await logIds(server.database)).at(-1) ?? 0;
  const stream = await open();
  await firstBlock(stream);
  const late = await openTransaction();
  const { room_id } = await makeRoom(server);
  await freezeRoom(server, room_id);
  const early = await logIds(server.database, before);
  expect(Math.min(...early)).toBeGreaterThan(late.id);
  // Those who come now see no further, and are given no position beyond what is still to come.
  const list = await server.call('GET', '/rooms?limit=1', { token: server.as.admin });
  expect(list.headers['x-last-event-id']).toBe(String(before));
  const newcomer = await open();
  expect(await firstBlock(newcomer)).toMatchObject({ event: 'hello', id: String(before) });
  const resumed = await open(before);
  await late.finish('COMMIT');
  const ids = [late.id, ...early];
  for (const one of [stream, newcomer, resumed]) await untilIds(one, ids);
  expect(await logIds(server.database, before)).toEqual(ids);
});

test('ids need not rise: the order is that of the transactions', async () => {
  const before = (await logIds(server.database)).at(-1) ?? 0;
  const stream = await open();
  await firstBlock(stream);
  const [one, other] = [await openTransaction(), await openTransaction()];
  const otherAgain = await other.write();
  const oneAgain = await one.write();
  await other.finish('COMMIT');
  await one.finish('COMMIT');
  const ids = [one.id, oneAgain, other.id, otherAgain];
  expect(one.id < other.id && other.id < otherAgain && otherAgain < oneAgain).toBe(true);
  await untilIds(stream, ids);
  for (const [at, id] of ids.entries()) await untilIds(await open(id), ids.slice(at + 1));
  await untilIds(await open(before), ids);
});

test('a transaction that is rolled back holds nothing back any longer, and shows nothing', async () => {
  const before = (await logIds(server.database)).at(-1) ?? 0;
  const stream = await open();
  await firstBlock(stream);
  const never = await openTransaction();
  await makeRoom(server);
  await never.finish('ROLLBACK');
  const ids = await logIds(server.database, before);
  expect(ids).not.toContain(never.id);
  await untilIds(stream, ids);
});

test('a transaction of another database of the same Postgres holds nothing up for long', async () => {
  const elsewhere = await createTestDatabase();
  const foreign = await connect(elsewhere.url);
  await foreign.query('BEGIN');
  await foreign.query(`INSERT INTO room_type (name) VALUES ('elsewhere')`);
  const stream = await open();
  const { id } = await firstBlock(stream);
  for (let round = 0; round < 3; round += 1) {
    await makeRoom(server);
    await untilIds(stream, await logIds(server.database, Number(id)));
  }
  // It is this database's own that count, whatever else is running.
  const own = await openTransaction();
  await makeRoom(server);
  await own.finish('COMMIT');
  const ids = await logIds(server.database, Number(id));
  await untilIds(stream, ids);
  await untilIds(await open(Number(id)), ids);
  await foreign.query('ROLLBACK');
  await elsewhere.drop();
});

/** Writers whose transactions overlap as they like: each writes, waits for some others to write, writes and commits. */
async function writeOverlapping(rounds: number, writersCount: number): Promise<void> {
  const connections = await Promise.all(
    Array.from({ length: writersCount }, () => connect(server.database.url)),
  );
  await Promise.all(
    connections.map(async ({ query }, writer) => {
      for (let round = 0; round < rounds; round += 1) {
        await query('BEGIN');
        const entries = 1 + ((writer * 7 + round * 3) % 4);
        for (let n = 0; n < entries; n += 1) {
          await query(
            `INSERT INTO audit_log (entity, entity_id, action, actor) VALUES ('room', $1, 'UPDATE', 'tester')`,
            [String(writer)],
          );
          if ((writer + n) % 3 === 0) await query('SELECT pg_sleep(0.005)');
        }
        await query((writer + round) % 5 === 0 ? 'ROLLBACK' : 'COMMIT');
      }
    }),
  );
}

test('with many transactions that overlap, every stream, wherever it begins, is the log from there', async () => {
  const before = (await logIds(server.database)).at(-1) ?? 0;
  const first = await open(before);
  const begun = [{ stream: first, from: before }];
  const writing = writeOverlapping(40, 8);
  for (const share of [1, 20, 60, 100, 200, 300]) {
    await until(() => expect(first.ids().length).toBeGreaterThan(share));
    const from = first.ids()[share >> 1] ?? 0;
    begun.push({ stream: await open(from), from });
    const stream = await open();
    begun.push({ stream, from: Number((await firstBlock(stream)).id) });
  }
  await writing;
  const ids = await logIds(server.database, before);
  expect(ids).not.toEqual([...ids].sort((one, other) => one - other));
  for (const { stream, from } of begun) await untilIds(stream, ids.slice(ids.indexOf(from) + 1));
});
