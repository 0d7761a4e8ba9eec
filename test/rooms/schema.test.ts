/** Owns what the database refuses by itself, whoever writes to it: each rule by the name of its constraint. */
import { afterAll, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';

const database = await createTestDatabase();
afterAll(database.drop);

const { query } = database;
const failureOf = (
  sql: string,
  values?: unknown[],
): Promise<{ constraint?: string; code?: string; message?: string }> =>
  query(sql, values).then(
    () => ({}),
    (error) => error,
  );

await query(`INSERT INTO room_type (name) VALUES ('Double')`);
await query(`INSERT INTO room (room_no, room_type_id) VALUES ('1', 1)`);
const [h1, h2] = ['0198c5a0-0000-7000-8000-000000000001', '0198c5a0-0000-7000-8000-000000000002'];
const [held, ended] = [
  `INSERT INTO hold (hold_id, holder, created_by, expires_at, status, ended_at) VALUES`,
  `'2030-01-01'`,
];
await query(`${held} ('${h1}', 'x', 'x', now(), 'ACTIVE', NULL), ('${h2}', 'x', 'x', now(), 'ACTIVE', NULL)`);
await query(`INSERT INTO hold_room (hold_id, room_id) VALUES ('${h1}', 1)`);
await query(
  `INSERT INTO idempotency_key (created_by, key, fingerprint, hold_id, body) VALUES ('x', 'k', 'f', '${h1}', '{}')`,
);

/** SQL that each rule refuses, all else about it being in order. */
const refused: Record<string, string[]> = {
  room_type_pkey: [`INSERT INTO room_type (room_type_id, name) VALUES (1, 'other')`],
  room_type_name_length: [
    `INSERT INTO room_type (name) VALUES ('')`,
    `INSERT INTO room_type (name) VALUES (repeat('x', 101))`,
    `UPDATE room_type SET name = ''`,
  ],
  room_type_name_unique_when_live: [`INSERT INTO room_type (name) VALUES ('Double')`],
  room_pkey: [`INSERT INTO room (room_id, room_no, room_type_id) VALUES (1, 'other', 1)`],
  room_room_type_id_fkey: [
    `INSERT INTO room (room_no, room_type_id) VALUES ('2', 99)`,
    `UPDATE room SET room_type_id = 99`,
    'DELETE FROM room_type',
  ],
  room_no_length: [
    `INSERT INTO room (room_no, room_type_id) VALUES ('', 1)`,
    `INSERT INTO room (room_no, room_type_id) VALUES (repeat('x', 51), 1)`,
  ],
  room_floor_length: [`UPDATE room SET floor = repeat('x', 51)`],
  room_no_unique_when_live: [`INSERT INTO room (room_no, room_type_id) VALUES ('1', 1)`],
  room_fence_not_negative: ['UPDATE room SET fence = -1'],
  room_held_iff_hold: [
    `UPDATE room SET room_status = 'HELD', hold_expires_at = now()`,
    `UPDATE room SET hold_id = '${h1}'`,
    `UPDATE room SET room_status = 'BOOKED', hold_id = '${h1}'`,
  ],
  room_held_iff_hold_expires: [
    `UPDATE room SET room_status = 'HELD', hold_id = '${h1}'`,
    'UPDATE room SET hold_expires_at = now()',
  ],
  room_reason_iff_frozen: [
    `UPDATE room SET room_status = 'FROZEN'`,
    `UPDATE room SET freeze_reason = 'CLEANING'`,
    `UPDATE room SET room_status = 'BOOKED', freeze_reason = 'ADMIN_LOCK'`,
  ],
  room_freeze_facts_only_when_frozen: [
    `UPDATE room SET freeze_note = 'x'`,
    'UPDATE room SET freeze_expires_at = now()',
    `UPDATE room SET room_status = 'MAINTENANCE', freeze_note = ''`,
  ],
  room_booking_reference_only_when_booked: [
    `UPDATE room SET booking_reference = 'x'`,
    `UPDATE room SET room_status = 'HELD', hold_id = '${h1}', hold_expires_at = now(), booking_reference = 'x'`,
  ],
  room_deleted_only_when_idle: [
    `UPDATE room SET is_deleted = true, room_status = 'BOOKED'`,
    `UPDATE room SET is_deleted = true, room_status = 'FROZEN', freeze_reason = 'CLEANING'`,
    `UPDATE room SET is_deleted = true, room_status = 'HELD', hold_id = '${h1}', hold_expires_at = now()`,
  ],
  hold_pkey: [`${held} ('${h1}', 'x', 'x', now(), 'ACTIVE', NULL)`],
  hold_ended_iff_not_active: [
    `UPDATE hold SET ended_at = now()`,
    ...['CONFIRMED', 'RELEASED', 'EXPIRED', 'REVOKED'].map(
      (status) => `UPDATE hold SET status = '${status}'`,
    ),
  ],
  hold_booking_reference_only_when_confirmed: [
    `UPDATE hold SET booking_reference = 'x'`,
    `UPDATE hold SET booking_reference = 'x', status = 'RELEASED', ended_at = ${ended}`,
  ],
  hold_reacquired_only_when_confirmed: [
    `UPDATE hold SET is_reacquired = true, status = 'EXPIRED', ended_at = ${ended}`,
  ],
  hold_room_pkey: [`INSERT INTO hold_room (hold_id, room_id, is_live) VALUES ('${h1}', 1, false)`],
  hold_room_hold_id_fkey: [
    `INSERT INTO hold_room (hold_id, room_id, is_live) VALUES ('0198c5a0-0000-7000-8000-00000000000f', 1, false)`,
    `DELETE FROM hold WHERE hold_id = '${h1}'`,
  ],
  hold_room_room_id_fkey: [
    `INSERT INTO hold_room (hold_id, room_id) VALUES ('${h1}', 99)`,
    'DELETE FROM room',
  ],
  hold_room_one_live_per_room: [`INSERT INTO hold_room (hold_id, room_id) VALUES ('${h2}', 1)`],
  idempotency_key_pkey: [
    `INSERT INTO idempotency_key (created_by, key, fingerprint, hold_id, body) VALUES ('x', 'k', 'f', '${h2}', '{}')`,
  ],
  audit_log_pkey: [
    `INSERT INTO audit_log (audit_id, entity, entity_id, action, actor) VALUES (1, 'room', '1', 'CREATE', 'x'), (1, 'room', '1', 'CREATE', 'x')`,
  ],
};

describe('the schema', () => {
  test.each(Object.entries(refused))('%s refuses what must never be', async (constraint, statements) => {
    for (const sql of statements) expect([sql, (await failureOf(sql)).constraint]).toEqual([sql, constraint]);
  });

  test('has no rule that is not shown to refuse something', async () => {
    const rules = await query<{ name: string }>(
      `SELECT conname AS name FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
         AND conrelid <> 0 AND conrelid <> '_prisma_migrations'::regclass
       UNION SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
       WHERE relnamespace = 'public'::regnamespace AND indisunique AND indrelid <> '_prisma_migrations'::regclass`,
    );
    expect(rules.map(({ name }) => name).sort()).toEqual(Object.keys(refused).sort());
  });

  test('a room wants its number and type, a room type its name: nothing else', async () => {
    const [type] = await query(`INSERT INTO room_type (name) VALUES ('plain SQL') RETURNING *`);
    expect(type).toMatchObject({ name: 'plain SQL', is_deleted: false, created_at: expect.any(Date) });
    const [room] = await query(
      `INSERT INTO room (room_no, room_type_id) VALUES ('plain SQL', 1) RETURNING *`,
    );
    expect(room).toMatchObject({
      room_status: 'AVAILABLE',
      freeze_reason: 'NONE',
      fence: 0,
      is_deleted: false,
      created_at: expect.any(Date),
      updated_at: expect.any(Date),
    });
    for (const column of [
      'floor',
      'freeze_note',
      'freeze_expires_at',
      'hold_id',
      'hold_expires_at',
      'booking_reference',
    ]) {
      expect([column, room?.[column]]).toEqual([column, null]);
    }
  });

  test('knows no other status, reason, or action', async () => {
    for (const sql of [
      `UPDATE room SET room_status = 'DIRTY'`,
      `UPDATE room SET freeze_reason = ''`,
      `UPDATE hold SET status = 'PENDING'`,
      `INSERT INTO audit_log (entity, entity_id, action, actor) VALUES ('room', '1', 'LOOK', 'x')`,
      `INSERT INTO audit_log (entity, entity_id, action, actor) VALUES ('hold', '1', 'CREATE', 'x')`,
    ]) {
      expect([sql, (await failureOf(sql)).code]).toEqual([sql, '22P02']);
    }
  });

  test('a live claim, a live number and a live name may come again once the first is not live', async () => {
    await query(`UPDATE hold_room SET is_live = false WHERE room_id = 1`);
    await query(`INSERT INTO hold_room (hold_id, room_id) VALUES ('${h2}', 1)`);
    await query(`UPDATE room SET is_deleted = true WHERE room_id = 1`);
    await query(`INSERT INTO room (room_no, room_type_id) VALUES ('1', 1)`);
    await query(`UPDATE room_type SET is_deleted = true WHERE room_type_id = 1`);
    await query(`INSERT INTO room_type (name) VALUES ('Double')`);
  });
});
