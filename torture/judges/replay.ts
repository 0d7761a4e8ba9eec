/** Owns the audit trail: replayed from empty it gives the tables, and each hold ends once. */
import type { AuditRow, RoomRow } from '../final-state.ts';
import { grouped, type Judge, type Run } from './judge.ts';

type Values = Record<string, unknown>;

/** A room under the names of the trail. */
function valuesOf(room: RoomRow): Values {
  const instant = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  return {
    room_no: room.roomNo,
    room_type_id: room.typeId,
    floor: room.floor,
    room_status: room.status,
    freeze_reason: room.reason,
    freeze_note: room.note,
    freeze_expires_at: instant(room.freezeEndsMs),
    hold_id: room.holdId,
    hold_expires_at: instant(room.holdEndsMs),
    booking_reference: room.bookedUnder,
    fence: room.fence,
    updated_at: instant(room.updatedMs),
  };
}

/** What else than the value of a room a HOLD row tells. */
const factsOnly: ReadonlySet<string> = new Set(['holder', 'created_by', 'reference']);

/** Replays one room; every row must begin where the one before has ended. */
function replayed(roomId: string, rows: readonly AuditRow[]): { values: Values; breaks: string[] } {
  const values: Values = {};
  const breaks: string[] = [];
  for (const { auditId, action, before, after } of rows) {
    for (const [name, value] of Object.entries(before ?? {})) {
      if (!Object.is(values[name], value)) {
        const found = JSON.stringify(values[name]);
        breaks.push(
          `audit row ${auditId}: ${action} of room ${roomId} begins with ${name} ${JSON.stringify(value)}, but it was ${found}`,
        );
      }
    }
    for (const [name, value] of Object.entries(after ?? {})) if (!factsOnly.has(name)) values[name] = value;
  }
  return { values, breaks };
}

function tables({ final }: Run): string[] {
  const rows = grouped(
    final.audit.filter(({ entity }) => entity === 'room'),
    ({ entityId }) => entityId,
  );
  return final.rooms.flatMap((room) => {
    const roomId = String(room.roomId);
    const { values, breaks } = replayed(roomId, rows.get(roomId) ?? []);
    const differences = Object.entries(valuesOf(room))
      .filter(([name, value]) => values[name] !== value)
      .map(
        ([name, value]) =>
          `room ${roomId}: ${name} is ${JSON.stringify(value)}, by the audit trail ${JSON.stringify(values[name])}`,
      );
    return [...breaks, ...differences];
  });
}

const terminal: Readonly<Record<string, string>> = {
  CONFIRM: 'CONFIRMED',
  RELEASE: 'RELEASED',
  EXPIRE: 'EXPIRED',
  REVOKE: 'REVOKED',
};

/** One terminal row for each room of a hold that is over, of the kind that the hold's status says. */
function endings({ final }: Run): string[] {
  const rows = grouped(
    final.audit.filter(({ action, holdId }) => action in terminal && holdId !== null),
    ({ holdId, entityId }) => `${holdId} ${entityId}`,
  );
  return final.holds.flatMap((hold) =>
    hold.rooms.flatMap(([roomId]) => {
      const ends = (rows.get(`${hold.holdId} ${roomId}`) ?? []).map(({ action }) => terminal[action]);
      const expected = hold.isReacquired
        ? ['EXPIRED', 'CONFIRMED']
        : hold.status === 'ACTIVE'
          ? []
          : [hold.status];
      return ends.join() === expected.join()
        ? []
        : [
            `hold ${hold.holdId} (${hold.status}) ended in room ${roomId} as: ${ends.join(', ') || 'nothing'}`,
          ];
    }),
  );
}

/** What each server shows at the end is what stands in the tables. */
function answers({ final }: Run): string[] {
  const rooms = new Map(final.rooms.map((room) => [room.roomId, room]));
  return final.shown.flatMap(({ server, room }) => {
    const row = rooms.get(room.roomId);
    const isSame =
      row?.status === room.status &&
      row.fence === room.fence &&
      row.holdId === room.holdId &&
      row.note === room.note &&
      row.bookedUnder === room.bookedUnder &&
      row.updatedMs === room.updatedMs;
    return isSame
      ? []
      : [`server ${server} shows room ${room.roomId} as ${JSON.stringify(room)}, not ${JSON.stringify(row)}`];
  });
}

/** All of it. */
export const auditReplay: Judge = {
  name: 'audit replay',
  judge: (run) => [...tables(run), ...endings(run), ...answers(run)],
};
