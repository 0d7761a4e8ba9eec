/** Owns the promise that nobody rewrites the audit trail. */
import { afterAll, describe, expect, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import { makeRoom, openSession } from '../helpers/property.ts';

const server = await startTestApp();
const { database } = server;
afterAll(server.close);

const rows = () => database.query('SELECT * FROM audit_log ORDER BY audit_id');

describe('the audit trail is append-only', () => {
  test.each([
    [`UPDATE audit_log SET actor = 'nobody'`],
    [`UPDATE audit_log SET actor = actor`],
    ['UPDATE audit_log SET audit_id = -audit_id WHERE audit_id = (SELECT max(audit_id) FROM audit_log)'],
    ['DELETE FROM audit_log'],
    [`DELETE FROM audit_log WHERE at < now() - interval '10 years'`],
    ['TRUNCATE audit_log'],
    ['TRUNCATE audit_log, hold_room CASCADE'],
    [`UPDATE audit_log SET actor = 'nobody' WHERE false`],
    ['DELETE FROM audit_log WHERE false'],
    [`WITH gone AS (DELETE FROM audit_log RETURNING *) SELECT count(*) FROM gone`],
    [`MERGE INTO audit_log USING (SELECT 1) one ON true WHEN MATCHED THEN DELETE`],
    [
      `INSERT INTO audit_log (audit_id, entity, entity_id, action, actor) SELECT audit_id, entity, entity_id, action, 'nobody' FROM audit_log
       ON CONFLICT (audit_id) DO UPDATE SET actor = 'nobody'`,
    ],
  ])('refuses %s', async (sql) => {
    await makeRoom(server);
    const before = await rows();
    expect(before.length).toBeGreaterThan(0);
    await expect(database.query(sql)).rejects.toThrow(
      /audit_log is append-only: (UPDATE|DELETE|TRUNCATE) refused/,
    );
    expect(await rows()).toEqual(before);
  });

  test('takes the whole transaction of who tries with it', async () => {
    const { room_id } = await makeRoom(server);
    const session = await openSession(database);
    await session.query('BEGIN');
    await session.query(`UPDATE room SET floor = 'x' WHERE room_id = $1`, [room_id]);
    await expect(session.query('DELETE FROM audit_log')).rejects.toMatchObject({ code: '23001' });
    await session.query('COMMIT');
    expect(await database.query('SELECT floor FROM room WHERE room_id = $1', [room_id])).toEqual([
      { floor: null },
    ]);
  });

  test('refuses also when there is no row at all', async () => {
    const empty = await startTestApp();
    try {
      for (const sql of ['DELETE FROM audit_log', `UPDATE audit_log SET actor = 'x'`, 'TRUNCATE audit_log']) {
        await expect(empty.database.query(sql)).rejects.toThrow('append-only');
      }
    } finally {
      await empty.close();
    }
  });
});
