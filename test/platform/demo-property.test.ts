/** Owns the proof that the demonstration property is made once, by the way that everybody writes. */
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { type Database, openDatabase } from '../../src/database.ts';
import { seedDemoProperty } from '../../src/demo-property.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

const openSeedable = async (): Promise<{ rows: TestDatabase; database: Database }> => {
  const rows = await createTestDatabase();
  const database = openDatabase({ url: rows.url, poolMax: 4, log: pino({ level: 'silent' }) });
  onTestFinished(async () => {
    await database.close();
    await rows.drop();
  });
  return { rows, database };
};

const countRooms = async (rows: TestDatabase): Promise<unknown> =>
  (await rows.query('SELECT count(*)::integer AS count, min(room_id), max(room_id) FROM room'))[0];

test('it has 60 rooms on three floors, of three types', async () => {
  const { rows, database } = await openSeedable();
  expect(await seedDemoProperty(database)).toBe(true);
  expect(await countRooms(rows)).toEqual({ count: 60, min: 1, max: 60 });
  expect(
    await rows.query(`
      SELECT floor, min(room_no) AS first, max(room_no) AS last, count(*)::integer AS count,
        count(DISTINCT room_type_id)::integer AS types
      FROM room WHERE room_status = 'AVAILABLE' GROUP BY floor ORDER BY floor`),
  ).toEqual([
    { floor: '1', first: '101', last: '120', count: 20, types: 3 },
    { floor: '2', first: '201', last: '220', count: 20, types: 3 },
    { floor: '3', first: '301', last: '320', count: 20, types: 3 },
  ]);
});

test('every room and type has its audit row, by the actor seed', async () => {
  const { rows, database } = await openSeedable();
  await seedDemoProperty(database);
  expect(
    await rows.query(`
      SELECT entity::text, action::text, actor, count(*)::integer AS count FROM audit_log
      GROUP BY 1, 2, 3 ORDER BY 1`),
  ).toEqual([
    { entity: 'room', action: 'CREATE', actor: 'seed', count: 60 },
    { entity: 'room_type', action: 'CREATE', actor: 'seed', count: 3 },
  ]);
});

test('it is made once, also when several ask at once', async () => {
  const { rows, database } = await openSeedable();
  const made = await Promise.all([1, 2, 3].map(() => seedDemoProperty(database)));
  expect(made.filter(Boolean)).toHaveLength(1);
  expect(await seedDemoProperty(database)).toBe(false);
  expect(await countRooms(rows)).toMatchObject({ count: 60 });
});

test('it does not come back once its rooms are gone', async () => {
  const { rows, database } = await openSeedable();
  await seedDemoProperty(database);
  await rows.query('UPDATE room SET is_deleted = true');
  expect(await seedDemoProperty(database)).toBe(false);
});

test('it is not put into a database in which something was made', async () => {
  const { rows, database } = await openSeedable();
  await rows.query(`SELECT room_type_create('[{"name": "Cabin", "actor": "ana"}]')`);
  expect(await seedDemoProperty(database)).toBe(false);
  expect(await countRooms(rows)).toMatchObject({ count: 0 });
});

test('an attempt that died has used up no numbers', async () => {
  const { rows, database } = await openSeedable();
  // What a transaction that was cut off leaves: sequences do not roll back.
  await rows.query(
    `SELECT nextval('room_room_id_seq'), nextval('room_type_room_type_id_seq') FROM generate_series(1, 9)`,
  );
  await seedDemoProperty(database);
  expect(await countRooms(rows)).toEqual({ count: 60, min: 1, max: 60 });
});
