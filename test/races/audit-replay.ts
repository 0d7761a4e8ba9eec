/** Owns the proof that the audit log explains the tables: replayed from empty, row by row, it gives them. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { Instances } from './instances.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What of the instances the proof needs. */
export type Audited = Pick<Instances, 'database' | 'moved' | 'sweep'>;

/** An audit row of a room. */
export type AuditRow = Readonly<{
  audit_id: string;
  room_id: number;
  action: string;
  old_value: Fields | null;
  new_value: Fields | null;
  actor: string;
  hold_id: string | null;
  request_id: string | null;
}>;

/** Where a row may lead to, by the state that it starts from. */
const steps: Readonly<Record<string, readonly string[]>> = {
  CREATE: ['none>AVAILABLE'],
  DELETE: ['AVAILABLE>none', 'MAINTENANCE>none'],
  HOLD: ['AVAILABLE>HELD'],
  EXTEND: ['HELD>HELD'],
  CONFIRM: ['HELD>BOOKED'],
  RELEASE: ['HELD>AVAILABLE'],
  EXPIRE: ['HELD>AVAILABLE'],
  REVOKE: ['HELD>AVAILABLE'],
  FREEZE: ['AVAILABLE>FROZEN', 'MAINTENANCE>FROZEN', 'FROZEN>FROZEN'],
  UNFREEZE: ['FROZEN>AVAILABLE', 'FROZEN>MAINTENANCE'],
  UPDATE: ['AVAILABLE', 'MAINTENANCE', 'BOOKED']
    .flatMap((from) => ['AVAILABLE', 'MAINTENANCE', 'BOOKED'].map((to) => `${from}>${to}`))
    .concat('HELD>HELD', 'FROZEN>FROZEN'),
};

/** What happens to one room in one hold: it ends once, and is reacquired at most once. */
const lifeOfClaim = /^HOLD( EXTEND)*( CONFIRM| RELEASE| REVOKE| EXPIRE| EXPIRE HOLD CONFIRM)?$/;
const lastActions: Readonly<Record<string, RegExp>> = {
  ACTIVE: /(HOLD|EXTEND)$/,
  CONFIRMED: /CONFIRM$/,
  RELEASED: /RELEASE$/,
  EXPIRED: /EXPIRE$/,
  REVOKED: /REVOKE$/,
};

/** Facts of a hold that its HOLD rows carry beside the room's own fields. */
const holdFacts = ['holder', 'created_by', 'reference'];

/**
 * Tidies what is over, then replays the audit rows of all rooms. With `roomIdMin`, rooms made before that one are left out.
 * Throws unless every row starts from the state that
 * the rows before it led to, the fence of a room rises by one with each HOLD and by nothing else, every hold ends once
 * in each of its rooms, and what comes out is what the tables say. Answers the rows, in order.
 */
export async function expectAuditExplainsTables(instances: Audited, roomIdMin = 1): Promise<AuditRow[]> {
  const { database, moved } = instances;
  await instances.sweep(0);
  const rows = await database.query<AuditRow>(
    `SELECT audit_id, entity_id::integer AS room_id, action, old_value, new_value, actor, hold_id, request_id
     FROM audit_log WHERE entity = 'room' AND entity_id::integer >= $1 ORDER BY audit_log.audit_id`,
    [roomIdMin],
  );

  const rooms = new Map<number, Fields>();
  const claims: Claims = new Map();
  for (const row of rows) {
    const after = step(row, rooms.get(row.room_id), moved);
    if (after === undefined) rooms.delete(row.room_id);
    else rooms.set(row.room_id, after);
    if (row.hold_id !== null) {
      const claim = `${row.hold_id} ${row.room_id}`;
      const life = claims.get(claim) ?? { actions: [], fence: 0 };
      life.actions.push(row.action);
      if (row.action === 'HOLD') life.fence = Number(row.new_value?.fence);
      claims.set(claim, life);
    }
    if (row.action === 'EXPIRE') expectSame(row.actor, 'system', () => `EXPIRE ${row.audit_id}`);
  }

  const stored = await database.query<{ room: Fields }>(
    'SELECT room_json(r, true) AS room FROM room r WHERE NOT is_deleted AND room_id >= $1',
    [roomIdMin],
  );
  for (const { room } of stored) {
    const isMoved = moved.holdIds.has(String(room.hold_id)) || moved.freezeRoomIds.has(Number(room.room_id));
    const seen = isMoved ? withoutEnds : (fields: Fields) => fields;
    const replayed = rooms.get(Number(room.room_id)) ?? {};
    expectSame(seen(replayed), seen(room), () => `room ${room.room_id}`);
  }
  expect(rooms.size).toBe(stored.length);
  await expectHoldsAreAsAudited(instances, claims, roomIdMin);
  return rows;
}

function step(row: AuditRow, before: Fields | undefined, moved: Instances['moved']): Fields | undefined {
  const seen = `${row.action} of room ${row.room_id}, audit_id ${row.audit_id}`;
  const isMoved =
    moved.freezeRoomIds.has(row.room_id) || (row.hold_id !== null && moved.holdIds.has(row.hold_id));
  for (const [field, value] of Object.entries(row.old_value ?? {})) {
    if (isMoved && /^(hold|freeze)_expires_at$/.test(field)) continue;
    expectSame(before?.[field] ?? null, value, () => `${seen}: old ${field}`);
  }
  const after =
    row.action === 'DELETE'
      ? undefined
      : Object.fromEntries(
          Object.entries({ ...before, ...row.new_value }).filter(([field]) => !holdFacts.includes(field)),
        );
  const way = `${before?.room_status ?? 'none'}>${after?.room_status ?? 'none'}`;
  if (!steps[row.action]?.includes(way)) throw new Error(`${seen} leads ${way}`);
  if (after !== undefined) {
    const granted = row.action === 'HOLD' ? 1 : 0;
    expectSame(after.fence, Number(before?.fence ?? 0) + granted, () => `${seen}: fence`);
  }
  if (before?.room_status === 'HELD' && row.action !== 'UPDATE') {
    expectSame(row.hold_id, before.hold_id, () => `${seen}: hold_id`);
  }
  if (row.action === 'HOLD') expectSame(row.hold_id, after?.hold_id, () => `${seen}: hold_id`);
  return after;
}

/** As `toEqual`, for tens of thousands of facts: words are made only for one that is wrong. */
function expectSame(actual: unknown, wanted: unknown, name: () => string): void {
  if (!isDeepStrictEqual(actual, wanted)) expect(actual, name()).toEqual(wanted);
}

function withoutEnds({
  hold_expires_at: _,
  freeze_expires_at: __,
  updated_at: ___,
  ...room
}: Fields): Fields {
  return room;
}

/** By hold and room: what was audited of them together, and the fence of the last HOLD. */
type Claims = Map<string, { actions: string[]; fence: number }>;

async function expectHoldsAreAsAudited(instances: Audited, claims: Claims, roomIdMin: number): Promise<void> {
  type Stored = {
    claim: string;
    fence: number;
    status: string;
    is_live: boolean;
    is_reacquired: boolean;
  };
  const stored = await instances.database.query<Stored>(
    `SELECT c.hold_id || ' ' || c.room_id AS claim, c.fence, h.status, c.is_live, h.is_reacquired
     FROM hold_room c JOIN hold h USING (hold_id) WHERE c.room_id >= $1`,
    [roomIdMin],
  );
  for (const { claim, fence, status, is_live, is_reacquired } of stored) {
    const audited = claims.get(claim);
    const life = audited?.actions.join(' ') ?? 'nothing';
    if (!lifeOfClaim.test(life) || !lastActions[status]?.test(life)) {
      throw new Error(`claim ${claim}, whose hold is ${status}, was audited as ${life}`);
    }
    expectSame(
      [is_live, is_reacquired, fence],
      [status === 'ACTIVE', life.includes('EXPIRE HOLD'), audited?.fence],
      () => `live, reacquired, fence of claim ${claim}`,
    );
  }
  expect(claims.size).toBe(stored.length);
}
