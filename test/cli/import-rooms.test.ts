/** Owns the proof that an import is all or nothing, audited, and does with existing rooms what was chosen. */
import { pino } from 'pino';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../../src/database.ts';
import { type ExistingChoice, importRooms } from '../../src/room-import.ts';
import { readRoomLines } from '../../src/room-import-file.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { freezeRoom, makeRoom, replayAudit } from '../helpers/property.ts';

const servers: TestApp[] = [];
let server: TestApp;
beforeEach(async () => {
  server = await startTestApp();
  servers.push(server);
});
afterAll(() => Promise.all(servers.map(({ close }) => close())));

const requestId = '6b1f3f9e-5a0c-4a6e-9a53-2f5c1d0e7a11';

const run = async (csv: string, existing: ExistingChoice = 'fail') => {
  const { lines, faults } = readRoomLines(Buffer.from(csv));
  expect(faults).toEqual([]);
  let done = 0;
  const database = openDatabase({ url: server.database.url, poolMax: 2, log: pino({ level: 'silent' }) });
  try {
    const result = await importRooms(database, lines, { actor: 'ana', requestId, existing }, (count) => {
      done += count;
    });
    if ('counts' in result) expect(done).toBe(lines.length);
    return result;
  } finally {
    await database.close();
  }
};

const rooms = () =>
  server.database.query(`
    SELECT room_no, name AS type, floor, room_status FROM room JOIN room_type USING (room_type_id)
    WHERE NOT room.is_deleted ORDER BY room_no`);
const auditCounts = () =>
  server.database.query(`
    SELECT entity::text, action::text, actor, request_id, count(*)::integer AS count FROM audit_log
    WHERE request_id = '${requestId}' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2`);

test('rooms and the types that are missing are made, each with its audit row', async () => {
  const result = await run(
    'room_no,room_type,floor,room_status\n101,Single,1,\n102,Double,1,MAINTENANCE\n9,Single,,BOOKED\n',
  );
  expect(result).toEqual({ counts: { types: 2, made: 3, updated: 0, skipped: 0 } });
  expect(await rooms()).toEqual([
    { room_no: '9', type: 'Single', floor: null, room_status: 'BOOKED' },
    { room_no: '101', type: 'Single', floor: '1', room_status: 'AVAILABLE' },
    { room_no: '102', type: 'Double', floor: '1', room_status: 'MAINTENANCE' },
  ]);
  const row = { actor: 'ana', request_id: requestId };
  expect(await auditCounts()).toEqual([
    { entity: 'room', action: 'CREATE', count: 3, ...row },
    { entity: 'room', action: 'UPDATE', count: 2, ...row },
    { entity: 'room_type', action: 'CREATE', count: 2, ...row },
  ]);
  await replayAudit(server.database);
});

test('a type that exists is used', async () => {
  await server.call('POST', '/room-types', { token: server.as.admin, body: { name: 'Single' } });
  expect(await run('room_no,room_type\n101,Single\n')).toMatchObject({ counts: { types: 0, made: 1 } });
});

const twoKnown = async () => {
  const first = await makeRoom(server, { room_no: '101', floor: '1' });
  const second = await makeRoom(server, { room_no: '102', floor: '1' });
  return { first, second };
};
const file = 'room_no,room_type,floor\n101,Suite,9\n102,Suite,\n103,Suite,3\n';

test('fail: every room that exists is told with its line, and nothing is changed', async () => {
  await twoKnown();
  const before = await rooms();
  expect(await run(file)).toEqual({
    faults: [
      { line: 2, message: 'room_no "101": a room of this number exists (room-no-exists)' },
      { line: 3, message: 'room_no "102": a room of this number exists (room-no-exists)' },
    ],
  });
  expect(await rooms()).toEqual(before);
  expect(await auditCounts()).toEqual([]);
});

test('skip: a room that exists stays as it is', async () => {
  await twoKnown();
  const [, ...before] = await rooms();
  expect(await run(file, 'skip')).toEqual({ counts: { types: 1, made: 1, updated: 0, skipped: 2 } });
  expect(await rooms()).toEqual(expect.arrayContaining(before));
  expect(await rooms()).toHaveLength(3);
});

test('update: a room that exists becomes what its line says, and the same file again changes nothing', async () => {
  await twoKnown();
  expect(await run(file, 'update')).toEqual({ counts: { types: 1, made: 1, updated: 2, skipped: 0 } });
  const expected = [
    { room_no: '101', type: 'Suite', floor: '9', room_status: 'AVAILABLE' },
    { room_no: '102', type: 'Suite', floor: null, room_status: 'AVAILABLE' },
    { room_no: '103', type: 'Suite', floor: '3', room_status: 'AVAILABLE' },
  ];
  expect(await rooms()).toEqual(expected);
  const audited = await auditCounts();
  expect(await run(file, 'update')).toEqual({ counts: { types: 0, made: 0, updated: 3, skipped: 0 } });
  expect(await rooms()).toEqual(expected);
  expect(await auditCounts()).toEqual(audited);
  await replayAudit(server.database);
});

test('update: a column that is missing, and a status that is empty, leave what is there', async () => {
  await twoKnown();
  await run('room_no,room_type,room_status\n101,Suite,MAINTENANCE\n', 'update');
  await run('room_no,room_type,room_status\n101,Suite,\n', 'update');
  expect((await rooms())[0]).toEqual({
    room_no: '101',
    type: 'Suite',
    floor: '1',
    room_status: 'MAINTENANCE',
  });
});

test('update: a room that is frozen keeps its status, is told with its line, and nothing at all is changed', async () => {
  const { second } = await twoKnown();
  await freezeRoom(server, second.room_id);
  const before = await rooms();
  const csv = 'room_no,room_type,room_status\n103,Suite,\n102,Suite,BOOKED\n101,Suite,BOOKED\n';
  expect(await run(csv, 'update')).toEqual({
    faults: [{ line: 3, message: 'room_no "102": the room is frozen (room-frozen)' }],
  });
  expect(await rooms()).toEqual(before);
  expect(await auditCounts()).toEqual([]);
  expect(await server.database.query(`SELECT FROM room_type WHERE name = 'Suite'`)).toEqual([]);
});

test('a number of a deleted room may be imported again', async () => {
  const { first } = await twoKnown();
  await server.call('DELETE', `/rooms/${first.room_id}`, { token: server.as.admin });
  expect(await run('room_no,room_type\n101,Suite\n')).toMatchObject({ counts: { made: 1 } });
});

test('a database that fails half-way has nothing of it', async () => {
  await server.database.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'no more rooms'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON room FOR EACH ROW WHEN (NEW.room_no = '1500') EXECUTE FUNCTION refuse()`);
  const csv = Array.from({ length: 2_000 }, (_, index) => `${index + 1},Single\n`).join('');
  await expect(run(`room_no,room_type\n${csv}`)).rejects.toThrow('no more rooms');
  expect(await rooms()).toEqual([]);
});

test('thousands of rooms are one import, seen by a server within its second', async () => {
  const csv = Array.from({ length: 3_001 }, (_, index) => `${index + 1},Single\n`).join('');
  expect(await run(`room_no,room_type\n${csv}`)).toMatchObject({ counts: { made: 3_001 } });
  const { body } = await server.call('GET', '/rooms?sort=-room_no&limit=1', { token: server.as.admin });
  expect(body.rooms).toMatchObject([{ room_no: '3001' }]);
});
