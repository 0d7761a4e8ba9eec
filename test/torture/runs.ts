/** Owns made-up runs for the judges: a few calls and rows, right unless a test makes them wrong. */
import type { AuditRow, FinalState, HoldRow, RoomRow } from '../../torture/final-state.ts';
import type { Ask, Call, Ending, HoldSeen, RoomSeen, Sample } from '../../torture/history.ts';
import type { Run } from '../../torture/judges/judge.ts';

/** The instant at which made-up runs begin: round, so that messages can be read. */
export const startMs = 1_800_000_000_000;

/** An instant on the wire, so many milliseconds after the start. */
export const instant = (ms: number): string => new Date(startMs + ms).toISOString();

/** A call, sent and ended so many milliseconds after the start. */
export function call(
  ask: Ask,
  fromMs: number,
  toMs: number,
  end: Partial<Ending> = {},
  more: Partial<Pick<Call, 'client' | 'server' | 'island'>> = {},
): Call {
  const n = fromMs;
  const ending: Ending = {
    type: 'ok',
    status: 200,
    requestId: `request-${n}`,
    ...end,
    n,
    endedMs: startMs + toMs,
  };
  return {
    n,
    client: 'ana',
    island: 0,
    server: '0.1',
    ...more,
    invokedMs: startMs + fromMs,
    ask,
    end: ending,
  };
}

/** A hold as an answer shows it: rooms 1 and 2 from 100 to 2,100 ms unless it is said otherwise. */
export function holdSeen(more: Partial<HoldSeen> = {}): HoldSeen {
  return {
    holdId: 'h1',
    status: 'ACTIVE',
    rooms: [
      [1, 1],
      [2, 1],
    ],
    createdMs: startMs + 100,
    expiresMs: startMs + 2_100,
    endedMs: null,
    reference: 't1',
    bookedUnder: null,
    isReacquired: false,
    ...more,
  };
}

/** A free room as an answer shows it. */
export function roomSeen(more: Partial<RoomSeen> = {}): RoomSeen {
  return {
    roomId: 1,
    status: 'AVAILABLE',
    note: null,
    floor: null,
    holdId: null,
    holdEndsMs: null,
    freezeEndsMs: null,
    bookedUnder: null,
    fence: 0,
    updatedMs: startMs,
    ...more,
  };
}

/** A free room's row. */
export function roomRow(more: Partial<RoomRow> = {}): RoomRow {
  const { roomId, ...seen } = roomSeen(more);
  return { ...seen, roomId, roomNo: `${roomId}`, typeId: 1, reason: 'NONE', ...more };
}

/** The row of the hold that `holdSeen` shows, released. */
export function holdRow(more: Partial<HoldRow> = {}): HoldRow {
  return {
    holdId: 'h1',
    status: 'RELEASED',
    createdBy: 'ana',
    reference: 't1',
    bookedUnder: null,
    createdMs: startMs + 100,
    expiresMs: startMs + 2_100,
    endedMs: startMs + 500,
    isReacquired: false,
    rooms: [
      [1, 1, false],
      [2, 1, false],
    ],
    ...more,
  };
}

/** A row of the audit trail about room 1. */
export function auditRow(auditId: number, action: string, more: Partial<AuditRow> = {}): AuditRow {
  return {
    auditId,
    atMs: startMs + auditId,
    entity: 'room',
    entityId: '1',
    action,
    before: null,
    after: null,
    actor: 'ana',
    holdId: null,
    requestId: `audited-${auditId}`,
    ...more,
  };
}

/** A look at the tables. */
export function sample(atMs: number, more: Partial<Sample>): Sample {
  const at = startMs + atMs;
  return {
    sentMs: at - 1,
    receivedMs: at + 1,
    atMs: at,
    rooms: [],
    holds: [],
    claims: [],
    auditIds: [],
    ...more,
  };
}

/** A run of these. */
export function runOf(
  calls: readonly Call[],
  final: Partial<FinalState> = {},
  samples: readonly Sample[] = [],
): Run {
  return {
    history: { calls, faults: [], samples, incidents: [] },
    final: {
      rooms: [roomRow({ roomId: 1 }), roomRow({ roomId: 2 })],
      holds: [],
      audit: [],
      shown: [],
      deadlocksCount: 0,
      readMs: startMs + 1_000_000,
      ...final,
    },
  };
}

/** Placing rooms 1 and 2 under the tag t1. */
export const placing = {
  verb: 'place',
  roomIds: [1, 2],
  ttlSeconds: 0,
  tag: 't1',
  key: 't1',
} as const satisfies Ask;
