/** Owns the verbs on holds as the tests speak them, and holds in each of their states. */
import { holdSchema } from '../../src/holds/schemas.ts';
import type { Room } from '../../src/rooms/schemas.ts';
import { roles, startTestApp, type TestApp, type TestAppOptions } from '../helpers/app.ts';
import type { Answer } from '../helpers/contract.ts';
import {
  auditOf,
  bodyAs,
  expireHold,
  freezeRoom,
  type Hold,
  makeRooms,
  placeHold,
} from '../helpers/property.ts';

type Body = Record<string, unknown>;
type Named = Pick<Hold, 'hold_id'>;

/** A server on which nobody meets the limit of active holds, which has tests of its own. */
export const startHoldApp = ({ env, ...options }: TestAppOptions = {}): Promise<TestApp> =>
  startTestApp({ ...options, env: { HOLDS_ACTIVE_MAX: '0', ...env } });

/** Where a hold is. */
export const pathOf = ({ hold_id }: Named): string => `/rooms/hold/${hold_id}`;

export const getHold = (server: TestApp, hold: Named, token: string = roles.frontend): Promise<Answer> =>
  server.call('GET', pathOf(hold), { token });

export const extendHold = (
  server: TestApp,
  hold: Named,
  body: Body,
  token: string = roles.frontend,
): Promise<Answer> => server.call('PATCH', pathOf(hold), { token, body });

export const confirmHold = (
  server: TestApp,
  hold: Named,
  body?: Body,
  token: string = roles.frontend,
): Promise<Answer> =>
  server.call('POST', `${pathOf(hold)}/confirm`, { token, ...(body === undefined ? {} : { body }) });

export const releaseHold = (server: TestApp, hold: Named, token: string = roles.frontend): Promise<Answer> =>
  server.call('DELETE', pathOf(hold), { token });

/** The hold as operations see it now. */
export async function readHold(server: TestApp, hold: Named): Promise<Hold> {
  return bodyAs(holdSchema, await getHold(server, hold, roles.operations));
}

/** A hold of the frontend's on fresh rooms, and the rooms as they were before it. */
export async function makeHold(
  server: TestApp,
  roomsCount = 2,
  fields: Body = {},
): Promise<{ hold: Hold; rooms: Room[] }> {
  const rooms = await makeRooms(server, roomsCount);
  const hold = await placeHold(
    server,
    rooms.map(({ room_id }) => room_id),
    fields,
  );
  return { hold, rooms };
}

/** Lets the hold have ended `agoMs` ago. As so much time has passed, nothing that was cached before is left. */
export async function expire(server: TestApp, hold: Named, agoMs?: number): Promise<string> {
  const expiresAt = await expireHold(server.database, hold.hold_id, agoMs);
  server.platform.cache.hold.dropAll();
  server.platform.cache.changed();
  return expiresAt;
}

/** A hold of the frontend's on fresh rooms that ended `agoMs` ago and that nobody has tidied. */
export async function makeOverHold(server: TestApp, roomsCount = 1, agoMs = 1_000) {
  const { hold, rooms } = await makeHold(server, roomsCount);
  const endedAt = await expire(server, hold, agoMs);
  const roomIds = rooms.map(({ room_id }) => room_id);
  const [first = 0, second = 0] = roomIds;
  return { hold: await readHold(server, hold), rooms, roomIds, first, second, endedAt };
}

/** Asks for a hold on these rooms, by default as another frontend. */
export const place = (
  server: TestApp,
  roomIds: readonly number[],
  token: string = roles.frontend2,
): Promise<Answer> => server.call('POST', '/rooms/hold', { token, body: { room_ids: roomIds } });

/** What has happened to a room, as the audit tells it, oldest first. */
export const actionsOf = async (server: TestApp, roomId: number): Promise<string[]> =>
  (await auditOf(server.database, roomId)).map(({ action }) => action);

/** What the room's row says, which may be over. */
export async function storedStatus(server: TestApp, roomId: number): Promise<unknown> {
  const [row] = await server.database.query('SELECT room_status FROM room WHERE room_id = $1', [roomId]);
  return row?.room_status;
}

/** One pass over everything that is over. */
export async function sweep(server: TestApp): Promise<void> {
  await server.database.query('SELECT sweep(1000000)');
}

/** How a hold may have ended; an expired one may have been tidied or not. */
export const endings = ['CONFIRMED', 'RELEASED', 'EXPIRED', 'EXPIRED and tidied', 'REVOKED'] as const;
export type Ending = (typeof endings)[number];

/** The status of a hold that has ended so. */
export const statusOf = (ending: Ending): Hold['status'] =>
  ending === 'EXPIRED and tidied' ? 'EXPIRED' : ending;

/** A hold on two fresh rooms that has ended so, as it is now. A confirmed one has the booking reference B-1. */
export async function makeEndedHold(
  server: TestApp,
  ending: Ending,
): Promise<{ hold: Hold; rooms: Room[]; roomIds: number[] }> {
  const { hold, rooms } = await makeHold(server);
  const roomIds = rooms.map(({ room_id }) => room_id);
  if (ending === 'CONFIRMED')
    bodyAs(holdSchema, await confirmHold(server, hold, { booking_reference: 'B-1' }));
  if (ending === 'RELEASED') bodyAs(holdSchema, await releaseHold(server, hold));
  if (ending === 'EXPIRED' || ending === 'EXPIRED and tidied') await expire(server, hold);
  if (ending === 'EXPIRED and tidied') await sweep(server);
  if (ending === 'REVOKED') await freezeRoom(server, roomIds[0] ?? 0, { supersede_hold: true });
  return { hold: await readHold(server, hold), rooms, roomIds };
}

/** The present instant of the database's clock, in whole milliseconds, rounded down. */
export async function databaseNowMs({ database }: Pick<TestApp, 'database'>): Promise<number> {
  const [row] = await database.query<{ ms: string }>(`SELECT extract(epoch FROM clock()) * 1000 AS ms`);
  return Number(row?.ms);
}

/** An answer, and the instants of the database's clock around it. */
export async function timed<T>(
  server: TestApp,
  ask: () => Promise<T>,
): Promise<{ answer: T; fromMs: number; toMs: number }> {
  const fromMs = await databaseNowMs(server);
  const answer = await ask();
  return { answer, fromMs, toMs: await databaseNowMs(server) };
}
