/** Owns the promise that a command reads the rows that it is about, however many others are over or active. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../helpers/app.ts';
import { makeRoomType, openSession } from '../helpers/property.ts';
import { startHoldApp } from './verbs.ts';
import { makeOverHolds } from './worker.ts';

const overCount = 600;

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
  const { room_type_id } = await makeRoomType(server);
  await server.database.query(
    `INSERT INTO room (room_no, room_type_id) SELECT 'free ' || n, $1 FROM generate_series(1, 10000) n`,
    [room_type_id],
  );
  // As Postgres last looked, nothing was held: what is over later looks to it like nothing at all.
  await server.database.query('ANALYZE room, hold, hold_room');
  await makeOverHolds(server, overCount);
});
afterAll(() => server.close());

/** Rows that a statement fetched from these tables by any index. What it did is taken back. */
async function rowsFetched(statement: string, values: readonly unknown[]): Promise<number> {
  const session = await openSession(server.database);
  try {
    await session.query('BEGIN');
    await session.query(statement, [...values]);
    const { rows } = await session.query<{ fetched: string }>(
      `SELECT sum(idx_tup_fetch) + sum(seq_tup_read) AS fetched FROM pg_stat_xact_user_tables
       WHERE relname IN ('room', 'hold', 'hold_room')`,
    );
    return Number(rows[0]?.fetched);
  } finally {
    await session.query('ROLLBACK');
    await session.end();
  }
}

test('a hold of one free room', async () => {
  const [room] = await server.database.query<{ room_id: number }>(
    `SELECT room_id FROM room WHERE room_status = 'AVAILABLE' LIMIT 1`,
  );
  const request = {
    created_by: 'frontend',
    holder: 'one',
    holds_active_max: 20,
    room_ids: [room?.room_id],
  };
  const requests = [{ ...request, ttl_seconds: 900, is_patient: false }];
  expect(await rowsFetched('SELECT hold_place($1::jsonb)', [JSON.stringify(requests)])).toBeLessThan(20);
});

test('a hold of one room whose hold is over, on two rooms', async () => {
  const [room] = await server.database.query<{ room_id: number }>(
    `SELECT room_id FROM room WHERE room_status = 'HELD' LIMIT 1`,
  );
  const request = {
    created_by: 'frontend',
    holder: 'two',
    holds_active_max: 20,
    room_ids: [room?.room_id],
  };
  const requests = [{ ...request, ttl_seconds: 900, is_patient: false }];
  expect(await rowsFetched('SELECT hold_place($1::jsonb)', [JSON.stringify(requests)])).toBeLessThan(50);
});

test('a batch of the worker', async () => {
  expect(await rowsFetched('SELECT sweep($1)', [10])).toBeLessThan(200);
});
