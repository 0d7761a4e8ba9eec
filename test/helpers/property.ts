/** Owns the property of the tests: its rooms and holds, how time passes for them, and what the audit trail tells of them. */
import pg from 'pg';
import { expect, onTestFinished, vi } from 'vitest';
import type { z } from 'zod';
import { type AuditEntry, auditEntrySchema } from '../../src/audit/schemas.ts';
import { holdSchema } from '../../src/holds/schemas.ts';
import type { RoomStatus } from '../../src/rooms/room.ts';
import { type Room, type RoomType, roomSchema, roomTypeSchema } from '../../src/rooms/schemas.ts';
import { roles, type TestApp } from './app.ts';
import type { Answer } from './contract.ts';
import type { TestDatabase } from './database.ts';

/** A hold on the wire. */
export type Hold = z.infer<typeof holdSchema>;
type Server = Pick<TestApp, 'call'>;

let madeCount = 0;
const nextName = (prefix: string): string => {
  madeCount += 1;
  return `${prefix}${madeCount}`;
};

/** The body of an answer with this status, as `schema` says; throws, showing the answer, when it is another. */
export function bodyAs<Schema extends z.ZodType>(
  schema: Schema,
  answer: Answer,
  status = 200,
): z.output<Schema> {
  if (answer.status !== status) throw new Error(`not ${status} but ${answer.status}: ${answer.text}`);
  return schema.parse(answer.body);
}

/** Makes a room type, by default with a name of its own. */
export async function makeRoomType(server: Server, name = nextName('type ')): Promise<RoomType> {
  return bodyAs(
    roomTypeSchema,
    await server.call('POST', '/room-types', { token: roles.admin, body: { name } }),
    201,
  );
}

/** What rooms are made with: by default a number and a type of their own, and no floor. */
export type RoomOptions = { room_no?: string; room_type_id?: number; floor?: string };

/** Makes an AVAILABLE room. */
export async function makeRoom(server: Server, options: RoomOptions = {}): Promise<Room> {
  const room_type_id = options.room_type_id ?? (await makeRoomType(server)).room_type_id;
  const body = { room_no: nextName('R'), ...options, room_type_id };
  return bodyAs(roomSchema, await server.call('POST', '/rooms', { token: roles.admin, body }), 201);
}

/** Makes AVAILABLE rooms of one type, one after the other: so many, or one of each of these numbers. */
export async function makeRooms(
  server: Server,
  wanted: number | readonly string[],
  options: Omit<RoomOptions, 'room_no'> = {},
): Promise<Room[]> {
  const room_type_id = options.room_type_id ?? (await makeRoomType(server)).room_type_id;
  const numbers = typeof wanted === 'number' ? Array.from({ length: wanted }, () => nextName('R')) : wanted;
  const rooms: Room[] = [];
  for (const room_no of numbers) rooms.push(await makeRoom(server, { ...options, room_type_id, room_no }));
  return rooms;
}

/** Places a hold on these rooms; further fields go into the body. By default the token is the frontend's. */
export async function placeHold(
  server: Server,
  roomIds: readonly number[],
  { token = roles.frontend, ...fields }: { token?: string; [field: string]: unknown } = {},
): Promise<Hold> {
  const body = { room_ids: roomIds, ...fields };
  return bodyAs(holdSchema, await server.call('POST', '/rooms/hold', { token, body }), 201);
}

/** Freezes a room, as the admin. */
export async function freezeRoom(
  server: Server,
  roomId: number,
  body: Record<string, unknown> = {},
): Promise<Room> {
  return bodyAs(
    roomSchema,
    await server.call('POST', `/rooms/${roomId}/freeze`, { token: roles.admin, body }),
  );
}

/** Changes a room, as the admin. */
export async function changeRoom(
  server: Server,
  roomId: number,
  body: Record<string, unknown>,
): Promise<Room> {
  return bodyAs(roomSchema, await server.call('PATCH', `/rooms/${roomId}`, { token: roles.admin, body }));
}

/** The room as the server shows it now to operations. */
export async function readRoom(server: Server, roomId: number): Promise<Room> {
  return bodyAs(roomSchema, await server.call('GET', `/rooms/${roomId}`, { token: roles.operations }));
}

/** Makes a room that is in this status. A BOOKED one has a booking reference, a FROZEN one is frozen for CLEANING. */
export async function makeRoomIn(
  server: Server,
  status: RoomStatus,
  options: RoomOptions = {},
): Promise<Room> {
  const { room_id } = await makeRoom(server, options);
  if (status === 'MAINTENANCE') await changeRoom(server, room_id, { room_status: status });
  if (status === 'FROZEN')
    await freezeRoom(server, room_id, { freeze_reason: 'CLEANING', freeze_note: 'a note' });
  if (status === 'HELD' || status === 'BOOKED') {
    const { hold_id } = await placeHold(server, [room_id]);
    const body = { booking_reference: `booking of ${room_id}` };
    if (status === 'BOOKED') {
      bodyAs(
        holdSchema,
        await server.call('POST', `/rooms/hold/${hold_id}/confirm`, { token: roles.admin, body }),
      );
    }
  }
  return readRoom(server, room_id);
}

/** Where time passes: given a server, its own cache knows of it at once; given a database, caches may be 1 s behind. */
type Place = TestDatabase | Pick<TestApp, 'database' | 'platform'>;

/** Runs a statement that returns the moved instant, and lets the cache of `place`, if it has one, know. */
const moveTime = async (place: Place, sql: string, values: unknown[], holdIds: string[]): Promise<string> => {
  const database = 'platform' in place ? place.database : place;
  const [moved] = await database.query<{ at: string }>(sql, values);
  if (moved === undefined) throw new Error('there is no active hold, or no timed freeze, to be over');
  if ('platform' in place) {
    place.platform.cache.changed();
    place.platform.cache.hold.drop(holdIds);
  }
  return moved.at;
};

/**
 * Lets an ACTIVE hold have ended `agoMs` ago, as if it had been placed that much earlier: hold and rooms move back in
 * time together, in one transaction. Negative: it ends so much later. Returns its end as on the wire. The audit rows
 * cannot move.
 */
export function expireHold(place: Place, holdId: string, agoMs = 1_000): Promise<string> {
  const sql = `
    WITH moved AS (
      UPDATE hold SET expires_at = past.at, created_at = created_at - (expires_at - past.at)
      FROM (SELECT clock() - make_interval(secs => $2 / 1000.0) AS at) past
      WHERE hold_id = $1 AND status = 'ACTIVE'
      RETURNING hold_id, expires_at
    ), rooms AS (
      UPDATE room SET hold_expires_at = moved.expires_at, updated_at = updated_at - (hold_expires_at - moved.expires_at)
      FROM moved WHERE room.hold_id = moved.hold_id
    )
    SELECT instant(expires_at) AS at FROM moved`;
  return moveTime(place, sql, [holdId, agoMs], [holdId]);
}

/** Lets a timed freeze have ended `agoMs` ago; see `expireHold`. */
export function expireFreeze(place: Place, roomId: number, agoMs = 1_000): Promise<string> {
  const sql = `
    UPDATE room SET freeze_expires_at = past.at, updated_at = updated_at - (freeze_expires_at - past.at)
    FROM (SELECT clock() - make_interval(secs => $2 / 1000.0) AS at) past
    WHERE room_id = $1 AND freeze_expires_at IS NOT NULL
    RETURNING instant(freeze_expires_at) AS at`;
  return moveTime(place, sql, [roomId, agoMs], []);
}

const readAudit = async (
  database: TestDatabase,
  condition: string,
  values: unknown[],
): Promise<AuditEntry[]> => {
  const rows = await database.query<{ entry: unknown }>(
    `SELECT audit_json(a) AS entry FROM audit_log a WHERE ${condition} ORDER BY audit_id`,
    values,
  );
  return rows.map((row) => auditEntrySchema.parse(row.entry));
};

/** What the audit trail tells of a room, oldest first. */
export function auditOf(database: TestDatabase, room: number | Pick<Room, 'room_id'>): Promise<AuditEntry[]> {
  const roomId = typeof room === 'number' ? room : room.room_id;
  return readAudit(database, `entity = 'room' AND entity_id = $1`, [String(roomId)]);
}

/** What the audit trail tells of a room type, oldest first. */
export function auditOfRoomType(database: TestDatabase, roomTypeId: number): Promise<AuditEntry[]> {
  return readAudit(database, `entity = 'room_type' AND entity_id = $1`, [String(roomTypeId)]);
}

const endings = ['hold_expires_at', 'freeze_expires_at'];

/** Puts one entry on what was before; what it says was before must be so. */
function replay(before: Record<string, unknown> | undefined, entry: AuditEntry, fields: ReadonlySet<string>) {
  const { action, actor, old_value, new_value } = entry;
  expect(before === undefined, `${action} of what is${before === undefined ? ' not' : ''} there`).toBe(
    action === 'CREATE',
  );
  for (const [field, value] of Object.entries(old_value ?? {})) {
    // A test may have moved the end of a hold or freeze that was then over; nobody else does.
    if (actor === 'system' && endings.includes(field)) continue;
    expect({ [field]: value }, `old_value of audit entry ${entry.audit_id}`).toEqual({
      [field]: before?.[field],
    });
  }
  if (new_value === null) return undefined;
  const changes = Object.entries(new_value).filter(([field]) => fields.has(field));
  return { ...before, ...Object.fromEntries(changes) };
}

/**
 * Replays the whole audit trail from empty, and expects the rooms and room types as lists show them, field by field.
 * Tidies what is over first: that changes nothing that anybody sees. Rooms made by plain SQL have no entry to begin with.
 */
export async function replayAudit(database: TestDatabase): Promise<void> {
  await database.query('SELECT sweep(1000000)');
  const fields = new Set([...Object.keys(roomSchema.shape), ...Object.keys(roomTypeSchema.shape)]);
  const replayed = new Map<string, Record<string, unknown>>();
  for (const entry of await readAudit(database, 'true', [])) {
    const key = `${entry.entity} ${entry.entity_id}`;
    const after = replay(replayed.get(key), entry, fields);
    if (after === undefined) replayed.delete(key);
    else replayed.set(key, after);
  }
  const rows = await database.query<{ key: string; wire: unknown }>(
    `SELECT 'room ' || room_id AS key, room_json(room_at(r, clock()), true) AS wire FROM room r WHERE NOT is_deleted
     UNION ALL SELECT 'room_type ' || room_type_id, room_type_json(t) FROM room_type t WHERE NOT is_deleted`,
  );
  expect(Object.fromEntries(replayed)).toEqual(Object.fromEntries(rows.map(({ key, wire }) => [key, wire])));
}

/** A connection of its own, for transactions that a test keeps open; closed, and rolled back, when the test ends. */
export async function openSession(database: TestDatabase): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Waits until so many connections of this database wait for a row lock. */
export async function untilBlocked(database: TestDatabase, count = 1): Promise<void> {
  await vi.waitFor(
    async () => {
      const blocked = await database.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect(blocked.length).toBeGreaterThanOrEqual(count);
    },
    { timeout: 4_000, interval: 20 },
  );
}
