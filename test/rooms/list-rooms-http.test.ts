/** Owns the proof that lists which lie ready, as a socket gets them, are those of the caller and of the present. */
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { roomPageSchema } from '../../src/rooms/schemas.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { makeRoom } from '../helpers/property.ts';
import { listen } from '../helpers/raw-http.ts';

let server: TestApp;
let origin: string;
beforeAll(async () => {
  server = await startTestApp();
  origin = `http://127.0.0.1:${await listen(server.app)}`;
});
afterAll(() => server.close());

async function listRooms(token: string, query = '') {
  const answer = await fetch(`${origin}/rooms${query}`, { headers: { authorization: `Bearer ${token}` } });
  return roomPageSchema.parse(await answer.json()).rooms;
}

test('each caller sees what he may, whoever asked for the same before', async () => {
  const { room_id } = await makeRoom(server);
  const freeze = { freeze_reason: 'CLEANING', freeze_note: 'the boiler' };
  await server.call('POST', `/rooms/${room_id}/freeze`, { token: server.as.admin, body: freeze });
  const noteSeenBy = async (token: string) =>
    (await listRooms(token)).find((room) => room.room_id === room_id)?.freeze_note;
  for (let round = 0; round < 3; round += 1) {
    expect(await noteSeenBy(server.as.operations)).toBe('the boiler');
    expect(await noteSeenBy(server.as.frontend)).toBeNull();
  }
});

test('a list shows every change that this instance has answered, however often it was asked for', async () => {
  const { room_id } = await makeRoom(server);
  const isHeld = async () =>
    (await listRooms(server.as.operations, '?room_status=HELD')).some((room) => room.room_id === room_id);
  for (let round = 0; round < 5; round += 1) {
    expect([await isHeld(), await isHeld()]).toEqual([false, false]);
    const held = await server.call('POST', '/rooms/hold', {
      token: server.as.frontend,
      body: { room_ids: [room_id] },
    });
    expect([await isHeld(), await isHeld()]).toEqual([true, true]);
    await server.call('DELETE', `/rooms/hold/${held.body.hold_id}`, { token: server.as.frontend });
  }
});

test('a list that lies ready is not asked for on the usual way', async () => {
  const usual = vi.spyOn(server.platform.cache, 'list');
  onTestFinished(() => usual.mockRestore());
  for (let count = 0; count < 20; count += 1) await listRooms(server.as.operations, '?limit=5');
  expect(usual.mock.calls.length).toBeLessThan(15);
});
