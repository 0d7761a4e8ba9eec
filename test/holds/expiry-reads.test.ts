/** Owns the promise that a command reads the rows that it is about, however many others are over or active. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../helpers/app.ts';
import { makeRoomType } from '../helpers/property.ts';
import { rowsFetched } from '../helpers/rows-fetched.ts';
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
  expect(await rowsFetched(server, 'SELECT hold_place($1::jsonb)', [JSON.stringify(requests)])).toBeLessThan(
    20,
  );
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
  expect(await rowsFetched(server, 'SELECT hold_place($1::jsonb)', [JSON.stringify(requests)])).toBeLessThan(
    50,
  );
});

test('a batch of the worker', async () => {
  expect(await rowsFetched(server, 'SELECT sweep($1)', [10])).toBeLessThan(200);
});
