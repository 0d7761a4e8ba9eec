/** Owns the promise that parallel verbs on a room come out as if they had run one after the other. */
import { afterAll, describe, expect, test } from 'vitest';
import type { Room } from '../../src/rooms/schemas.ts';
import { startTestApp } from '../helpers/app.ts';
import {
  auditOf,
  expireHold,
  makeRoom,
  makeRoomIn,
  makeRooms,
  readRoom,
  replayAudit,
} from '../helpers/property.ts';

const server = await startTestApp({ env: { HOLDS_ACTIVE_MAX: '0' } });
const other = await startTestApp({ database: server.database, env: { HOLDS_ACTIVE_MAX: '0' } });
const { as, database } = server;
afterAll(async () => {
  await other.close();
  await server.close();
});

/** One of the two instances, in turn. */
const at = (turn: number) => (turn % 2 === 0 ? server : other);
const admin = { token: as.admin };

/** Between two rounds: one hold is over by itself, and half of the rooms that are frozen or booked are free again. */
async function makeWay(round: number, rooms: readonly Room[]): Promise<void> {
  const [active] = await database.query<{ hold_id: string }>(
    `SELECT hold_id FROM hold WHERE status = 'ACTIVE'`,
  );
  if (active !== undefined) await expireHold(database, active.hold_id);
  for (const { room_id } of rooms.filter((room) => room.room_id % 2 === round % 2)) {
    await server.call('DELETE', `/rooms/${room_id}/freeze`, admin);
    await server.call('PATCH', `/rooms/${room_id}`, { ...admin, body: { room_status: 'AVAILABLE' } });
  }
}

describe('verbs on one room at once, over two instances', () => {
  test('20 freezes and unfreezes: every answer has its row, and the rows, replayed in order, give the room', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { room_id } = await makeRoom(server);
      const url = `/rooms/${room_id}/freeze`;
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, turn) =>
          turn % 4 < 2
            ? at(turn).call('POST', url, { ...admin, body: { freeze_reason: `turn ${turn}` } })
            : at(turn).call('DELETE', url, admin),
        ),
      );
      for (const { status, body } of answers) {
        if (status !== 200)
          expect([status, body.code, body.room_status]).toEqual([409, 'room-not-frozen', 'AVAILABLE']);
      }
      const rows = (await auditOf(database, room_id)).slice(1);
      const byRequest = new Map(rows.map((row) => [row.request_id, row]));
      const made = answers.filter(({ status }) => status === 200);
      expect(rows).toHaveLength(made.length);
      for (const { headers, body } of made) {
        const row = byRequest.get(String(headers['x-request-id']));
        expect(row?.new_value).toMatchObject(
          row?.action === 'FREEZE'
            ? { freeze_note: body.freeze_note }
            : { room_status: 'AVAILABLE', freeze_reason: 'NONE' },
        );
      }
      const last = answers.find(({ headers }) => headers['x-request-id'] === rows.at(-1)?.request_id);
      expect(await readRoom(server, room_id)).toEqual(last?.body);
    }
    await replayAudit(database);
  });

  test('every verb on a few rooms, 300 calls: no 5xx, and the rows, replayed in order, give the rooms', async () => {
    const rooms = await makeRooms(server, 8);
    const { hold_id } = await makeRoomIn(server, 'HELD', { room_no: 'over' });
    await expireHold(server, hold_id ?? '');
    const holdIds: string[] = [];
    // Numbers that look random, and are the same in every run.
    let seed = 7;
    const pick = (count: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % count;
    };
    const call = async (turn: number): Promise<void> => {
      const id = rooms[pick(rooms.length)]?.room_id ?? 0;
      const id2 = rooms[pick(rooms.length)]?.room_id ?? 0;
      const hold = `/rooms/hold/${holdIds[pick(holdIds.length + 1)] ?? hold_id}`;
      const app = at(turn);
      const calls = [
        () => app.call('POST', `/rooms/${id}/freeze`, { ...admin, body: { supersede_hold: true } }),
        () =>
          app.call('POST', `/rooms/${id}/freeze`, {
            ...admin,
            body: { freeze_reason: 'CLEANING', expires_in_seconds: 60 },
          }),
        () => app.call('DELETE', `/rooms/${id}/freeze`, admin),
        () => app.call('DELETE', `/rooms/${id2}/freeze`, admin),
        () =>
          app.call('PATCH', `/rooms/${id}`, {
            ...admin,
            body: { room_status: (['AVAILABLE', 'BOOKED', 'MAINTENANCE'] as const)[pick(3)] },
          }),
        () => app.call('PATCH', `/rooms/${id}`, { ...admin, body: { room_status: 'AVAILABLE' } }),
        () =>
          app.call('PATCH', `/rooms/${id2}`, {
            ...admin,
            body: { room_status: 'AVAILABLE', floor: `${turn}` },
          }),
        () => app.call('POST', '/rooms/hold', { ...admin, body: { room_ids: [...new Set([id, id2])] } }),
        () => app.call('POST', '/rooms/hold', { ...admin, body: { room_ids: [id] } }),
        () => app.call('DELETE', hold, admin),
        () => app.call('PATCH', hold, { ...admin, body: { ttl_seconds: 60 + turn } }),
        () =>
          app.call('POST', `${hold}/confirm`, {
            ...admin,
            body: { booking_reference: `turn ${turn}`, reacquire: true },
          }),
      ];
      const answer = await calls[pick(calls.length)]?.();
      expect(answer?.status ?? 0, answer?.text).toBeLessThan(500);
      if (answer?.status === 201) holdIds.push(answer.body.hold_id);
    };
    for (let round = 0; round < 15; round += 1) {
      await Promise.all(Array.from({ length: 20 }, (_, n) => call(20 * round + n)));
      await makeWay(round, rooms);
    }
    expect(holdIds.length).toBeGreaterThan(5);
    await replayAudit(database);
    for (const { room_id } of rooms) {
      const holds = (await auditOf(database, room_id)).filter(({ action }) => action === 'HOLD');
      const fences = holds.map((row) => row.new_value?.fence);
      expect(fences).toEqual(holds.map((_, index) => index + 1));
      expect((await readRoom(server, room_id)).fence).toBe(holds.length);
    }
  });
});
