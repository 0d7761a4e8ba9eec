/** Owns what is read back when all is healed: the tables over SQL, and the rooms as every server shows them. */
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { z } from 'zod';
import { send } from './clients/http.ts';
import { readBody } from './clients/wire.ts';
import { nowMs } from './clock.ts';
import type { RoomSeen } from './history.ts';
import { until } from './world/processes.ts';
import { signToken } from './world/tokens.ts';
import { holdTtlSecondsMax, sweepSeconds, type World } from './world/world.ts';

const ms = (column: string) => `(extract(epoch FROM ${column}) * 1000)::bigint`;

const roomSchema = z.object({
  roomId: z.int(),
  roomNo: z.string(),
  typeId: z.int(),
  status: z.string(),
  reason: z.string(),
  note: z.string().nullable(),
  floor: z.string().nullable(),
  holdId: z.string().nullable(),
  holdEndsMs: z.int().nullable(),
  freezeEndsMs: z.int().nullable(),
  bookedUnder: z.string().nullable(),
  fence: z.int(),
  updatedMs: z.int(),
});
/** A row of `room`. Instants are milliseconds since 1970. */
export type RoomRow = z.output<typeof roomSchema>;

const holdSchema = z.object({
  holdId: z.string(),
  status: z.string(),
  createdBy: z.string(),
  reference: z.string().nullable(),
  bookedUnder: z.string().nullable(),
  createdMs: z.int(),
  expiresMs: z.int(),
  endedMs: z.int().nullable(),
  isReacquired: z.boolean(),
  rooms: z.array(z.tuple([z.int(), z.int(), z.boolean()])),
});
/** A row of `hold` with its claims: room, fence, whether it is live. */
export type HoldRow = z.output<typeof holdSchema>;

const values = z.record(z.string(), z.unknown());
const auditSchema = z.object({
  auditId: z.int(),
  atMs: z.int(),
  entity: z.string(),
  entityId: z.string(),
  action: z.string(),
  before: values.nullable(),
  after: values.nullable(),
  actor: z.string(),
  holdId: z.string().nullable(),
  requestId: z.string().nullable(),
});
/** A row of `audit_log`. */
export type AuditRow = z.output<typeof auditSchema>;

/** The tables at the end, and what the servers said of them. */
export type FinalState = Readonly<{
  rooms: readonly RoomRow[];
  holds: readonly HoldRow[];
  /** In the order of their ids. */
  audit: readonly AuditRow[];
  /** Each room as each server showed it. */
  shown: readonly Readonly<{ server: number; room: RoomSeen }>[];
  /** How often Postgres broke a circle of waiting sessions. */
  deadlocksCount: number;
  /** When the tables were read. */
  readMs: number;
}>;

const roomsStatement = `
  SELECT json_build_object('roomId', room_id, 'roomNo', room_no, 'typeId', room_type_id, 'status', room_status,
    'reason', freeze_reason, 'note', freeze_note, 'floor', floor, 'holdId', hold_id,
    'holdEndsMs', ${ms('hold_expires_at')}, 'freezeEndsMs', ${ms('freeze_expires_at')},
    'bookedUnder', booking_reference, 'fence', fence, 'updatedMs', ${ms('updated_at')}) AS row
  FROM room WHERE NOT is_deleted ORDER BY room_id`;

const holdsStatement = `
  SELECT json_build_object('holdId', hold_id, 'status', status, 'createdBy', created_by, 'reference', reference,
    'bookedUnder', booking_reference, 'createdMs', ${ms('created_at')}, 'expiresMs', ${ms('expires_at')},
    'endedMs', ${ms('ended_at')}, 'isReacquired', is_reacquired, 'rooms', (
      SELECT coalesce(json_agg(json_build_array(c.room_id, c.fence, c.is_live) ORDER BY c.room_id), '[]')
      FROM hold_room c WHERE c.hold_id = h.hold_id)) AS row
  FROM hold h ORDER BY hold_id`;

const auditStatement = `
  SELECT json_build_object('auditId', audit_id, 'atMs', ${ms('at')}, 'entity', entity, 'entityId', entity_id,
    'action', action, 'before', old_value, 'after', new_value, 'actor', actor, 'holdId', hold_id,
    'requestId', request_id) AS row
  FROM audit_log ORDER BY audit_id`;

const readMsMax = 60_000;

async function table<Row>(world: World, statement: string, schema: z.ZodType<Row>): Promise<Row[]> {
  const rows = await world.postgres.query(statement, [], readMsMax);
  return rows.map(({ row }) => schema.parse(row));
}

/** Every room as every server shows it. */
async function shownRooms(world: World, roomIds: readonly number[]): Promise<FinalState['shown']> {
  const agent = new Agent({ keepAlive: true });
  const token = signToken(world.secret, 'judge', ['ROOM_MANAGEMENT:READ']);
  const shown: { server: number; room: RoomSeen }[] = [];
  for (const { index, port } of world.servers) {
    for (const roomId of roomIds) {
      const path = `/rooms/${roomId}`;
      const reply = await send({ agent, port, method: 'GET', path, token, patienceMs: 10_000 });
      if (reply.kind !== 'answer' || reply.status !== 200)
        throw new Error(`GET ${path}: ${JSON.stringify(reply)}`);
      const { room } = readBody('room', reply.body);
      if (room !== undefined) shown.push({ server: index, room });
    }
  }
  agent.destroy();
  return shown;
}

/** By then every hold of the run is over, and every server has swept. */
const settleMsMax = (holdTtlSecondsMax + sweepSeconds) * 1000 + 10_000;

/**
 * Waits until the servers have tidied every hold that is over, then reads everything. Answers what did not settle in
 * time as well: a worker that is dead leaves holds behind.
 */
export async function readFinalState(
  world: World,
): Promise<{ state: FinalState; unsettled: string | undefined }> {
  let unsettled: string | undefined;
  const isSettled = async () => {
    const rows = await world.postgres.query(`
      SELECT (SELECT count(*) FROM hold WHERE status = 'ACTIVE') + (SELECT count(*) FROM room
        WHERE room_status = 'HELD' OR room_status = 'FROZEN' AND freeze_expires_at <= clock_timestamp()) AS left`);
    return Number(rows[0]?.left) === 0;
  };
  await until('every hold that is over has been tidied', isSettled, settleMsMax).catch((error: unknown) => {
    unsettled = String(error);
  });
  const rooms = await table(world, roomsStatement, roomSchema);
  const state: FinalState = {
    rooms,
    holds: await table(world, holdsStatement, holdSchema),
    audit: await table(world, auditStatement, auditSchema),
    shown: await shownRooms(
      world,
      rooms.map(({ roomId }) => roomId),
    ),
    deadlocksCount:
      (await readFile(join(world.dir, 'postgres.log'), 'utf8')).split('deadlock detected').length - 1,
    readMs: nowMs(),
  };
  return { state, unsettled };
}
