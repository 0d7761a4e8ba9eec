/** Owns the race between deleting a room type and giving it to a room: never a live room of a deleted type. */
import { afterAll, describe, expect, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import { makeRoom, makeRoomType, openSession, replayAudit, untilBlocked } from '../helpers/property.ts';

const server = await startTestApp();
const { as, call, database } = server;
afterAll(server.close);

const remove = (roomTypeId: number) => call('DELETE', `/room-types/${roomTypeId}`, { token: as.admin });

describe('deleting a type while a room gets it', () => {
  const command = (name: string, ...requests: unknown[]) =>
    [`SELECT ${name}($1) AS outcomes`, [JSON.stringify(requests)]] as const;
  const asker = { actor: 'x', request_id: 'x' };

  test('the room first: the deletion waits for it, then 409 room-type-in-use', async () => {
    const { room_type_id } = await makeRoomType(server);
    const session = await openSession(database);
    await session.query('BEGIN');
    const [sql, values] = command('room_create', { room_no: 'first', room_type_id, ...asker });
    await session.query(sql, [...values]);
    const answer = remove(room_type_id);
    await untilBlocked(database);
    await session.query('COMMIT');
    expect(await answer).toMatchObject({ status: 409, body: { code: 'room-type-in-use' } });
  });

  test('a room changing to it first: the deletion waits, then 409 room-type-in-use', async () => {
    const { room_type_id } = await makeRoomType(server);
    const { room_id } = await makeRoom(server);
    const session = await openSession(database);
    await session.query('BEGIN');
    const [sql, values] = command('room_change', { room_id, changes: { room_type_id }, ...asker });
    await session.query(sql, [...values]);
    const answer = remove(room_type_id);
    await untilBlocked(database);
    await session.query('COMMIT');
    expect(await answer).toMatchObject({ status: 409, body: { code: 'room-type-in-use' } });
  });

  test('the deletion first: room and change wait for it, then 404 room-type-not-found', async () => {
    const { room_type_id } = await makeRoomType(server);
    const { room_id } = await makeRoom(server);
    const session = await openSession(database);
    await session.query('BEGIN');
    const [sql, values] = command('room_type_delete', { room_type_id, ...asker });
    await session.query(sql, [...values]);
    const answers = [
      call('POST', '/rooms', { token: as.admin, body: { room_no: 'too late', room_type_id } }),
      call('PATCH', `/rooms/${room_id}`, { token: as.admin, body: { room_type_id } }),
    ];
    await untilBlocked(database, 2);
    await session.query('COMMIT');
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ status: 404, body: { code: 'room-type-not-found' } });
    }
  });

  test('over HTTP, 30 times: never a live room of a deleted type', async () => {
    for (let round = 0; round < 30; round += 1) {
      const { room_type_id } = await makeRoomType(server);
      const [made, removed] = await Promise.all([
        call('POST', '/rooms', { token: as.admin, body: { room_no: `round ${round}`, room_type_id } }),
        remove(room_type_id),
      ]);
      expect([`${made.status} ${removed.status}`]).toContainEqual(
        expect.stringMatching(/^(201 409|404 204)$/),
      );
    }
    expect(
      await database.query(
        'SELECT FROM room r JOIN room_type t USING (room_type_id) WHERE NOT r.is_deleted AND t.is_deleted',
      ),
    ).toEqual([]);
  });

  test('the audit trail, replayed, gives the room types', () => replayAudit(database));
});
