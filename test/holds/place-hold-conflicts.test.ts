/** Owns placing a hold on rooms that are not free: nothing is held, and the answer says which, why and until when. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  auditOf,
  expireFreeze,
  expireHold,
  freezeRoom,
  makeRoom,
  makeRoomIn,
  makeRooms,
  placeHold,
  readRoom,
  replayAudit,
} from '../helpers/property.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

const place = (roomIds: readonly number[], fields: Record<string, unknown> = {}) =>
  server.call('POST', '/rooms/hold', { token: server.as.frontend2, body: { room_ids: roomIds, ...fields } });

test.each([
  ['a HELD room: when its hold ends', 'HELD'],
  ['a FROZEN room without an end: null', 'FROZEN'],
  ['a BOOKED room: null', 'BOOKED'],
  ['a room in MAINTENANCE: null', 'MAINTENANCE'],
] as const)('409 room-unavailable with free_at for %s', async (_name, room_status) => {
  const room = await makeRoomIn(server, room_status);
  const answer = await place([room.room_id]);
  expect(answer).toMatchObject({ status: 409, body: { code: 'room-unavailable' } });
  expect(answer.body.conflicts).toEqual([
    { room_id: room.room_id, room_no: room.room_no, room_status, free_at: room.hold_expires_at },
  ]);
  expect(room.hold_expires_at === null).toBe(room_status !== 'HELD');
  expect(await readRoom(server, room.room_id)).toEqual(room);
});

test('409 room-unavailable with free_at of a timed freeze: when it ends', async () => {
  const { room_id, room_no } = await makeRoom(server);
  const { freeze_expires_at } = await freezeRoom(server, room_id, { expires_in_seconds: 600 });
  expect((await place([room_id])).body.conflicts).toEqual([
    { room_id, room_no, room_status: 'FROZEN', free_at: freeze_expires_at },
  ]);
});

test('409 room-unavailable with free_at null for a timed freeze of a room in MAINTENANCE: it will not be free', async () => {
  const { room_id, room_no } = await makeRoomIn(server, 'MAINTENANCE');
  await freezeRoom(server, room_id, { expires_in_seconds: 600 });
  expect((await place([room_id])).body.conflicts).toEqual([
    { room_id, room_no, room_status: 'FROZEN', free_at: null },
  ]);
});

test('409 room-unavailable never says who holds a room, nor why it is frozen', async () => {
  const { room_id } = await makeRoom(server);
  const hold = await placeHold(server, [room_id], {
    token: server.as.delegate,
    holder: 'a guest',
    reference: 'a cart',
  });
  const frozen = await makeRoomIn(server, 'FROZEN');
  const booked = await makeRoomIn(server, 'BOOKED');
  const { status, text } = await place([room_id, frozen.room_id, booked.room_id]);
  expect(status).toBe(409);
  for (const secret of [hold.hold_id, 'a guest', 'a cart', 'delegate', 'a note', 'CLEANING', 'booking of']) {
    expect(text).not.toContain(secret);
  }
});

test('409 room-unavailable for the own hold too: holding twice is not holding again', async () => {
  const { room_id } = await makeRoom(server);
  const { hold_id } = await placeHold(server, [room_id], { token: server.as.frontend2 });
  expect(await place([room_id])).toMatchObject({ status: 409, body: { code: 'room-unavailable' } });
  expect(await readRoom(server, room_id)).toMatchObject({ hold_id, fence: 1 });
});

test('all or nothing: the free rooms stay free, without a fence, a row of the audit or a hold', async () => {
  const rooms = await makeRooms(server, 4);
  const [first = 0, second = 0, third = 0, fourth = 0] = rooms.map(({ room_id }) => room_id);
  await placeHold(server, [second]);
  await freezeRoom(server, fourth);
  const answer = await place([fourth, third, second, first], { reference: 'in vain' });
  const told = answer.body.conflicts.map((conflict: { room_id: number }) => conflict.room_id);
  expect(told).toEqual([second, fourth]);
  for (const room of rooms.filter(({ room_id }) => room_id === first || room_id === third)) {
    expect(await readRoom(server, room.room_id)).toEqual(room);
    expect((await auditOf(server.database, room)).map(({ action }) => action)).toEqual(['CREATE']);
  }
  const list = await server.call('GET', '/rooms/hold?reference=in%20vain', { token: server.as.operations });
  expect(list.body.holds).toEqual([]);
});

test('racing holds that share a room: one is placed whole, the others not at all', async () => {
  const [a = 0, b = 0, c = 0] = (await makeRooms(server, 3)).map(({ room_id }) => room_id);
  const wanted = [[a, b], [b, c], [c, b, a], [b], [b, a], [a, b, c]];
  const answers = await Promise.all(wanted.map((roomIds) => place(roomIds)));
  const placed = answers.filter(({ status }) => status === 201);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409, 409, 409]);
  const [hold] = placed.map(({ body }) => body);
  for (const roomId of [a, b, c]) {
    const isHeld = hold.rooms.some(({ room_id }: { room_id: number }) => room_id === roomId);
    expect(await readRoom(server, roomId)).toMatchObject(
      isHeld ? { hold_id: hold.hold_id, fence: 1 } : { room_status: 'AVAILABLE', fence: 0 },
    );
  }
});

test('rooms whose hold or freeze is over are not in conflict, and are not told', async () => {
  const rooms = await makeRooms(server, 3);
  const [wasHeld = 0, wasFrozen = 0, isFrozen = 0] = rooms.map(({ room_id }) => room_id);
  const { hold_id } = await placeHold(server, [wasHeld]);
  await expireHold(server.database, hold_id);
  await freezeRoom(server, wasFrozen, { expires_in_seconds: 60 });
  await expireFreeze(server.database, wasFrozen);
  await freezeRoom(server, isFrozen);
  const answer = await place([wasHeld, wasFrozen, isFrozen]);
  expect(answer.body.conflicts).toMatchObject([{ room_id: isFrozen, room_status: 'FROZEN' }]);
  expect(await place([wasHeld, wasFrozen])).toMatchObject({ status: 201 });
});

test('replayed from empty, the audit gives the rooms as they are', async () => {
  await replayAudit(server.database);
});
