/** Owns durability: what was acknowledged is there, what was refused is not, and what is not known is whole. */
import type { AuditRow, HoldRow } from '../final-state.ts';
import { type CallOf, grouped, isOf, type Judge, type Run, said } from './judge.ts';

/** The rows of the run, as they are looked for. */
type Index = Readonly<{
  byRequest: ReadonlyMap<string | null, readonly AuditRow[]>;
  byHold: ReadonlyMap<string | null, readonly AuditRow[]>;
  byRoom: ReadonlyMap<string, readonly AuditRow[]>;
  holds: ReadonlyMap<string, HoldRow>;
}>;

type Write = CallOf<
  'place' | 'place-type' | 'extend' | 'confirm' | 'release' | 'freeze' | 'unfreeze' | 'change'
>;

function indexOf({ final }: Run): Index {
  return {
    byRequest: grouped(final.audit, ({ requestId }) => requestId),
    byHold: grouped(final.audit, ({ holdId }) => holdId),
    byRoom: grouped(
      final.audit.filter(({ entity }) => entity === 'room'),
      ({ entityId }) => entityId,
    ),
    holds: new Map(final.holds.map((hold) => [hold.holdId, hold])),
  };
}

/** Whether every room of the hold has such a row. */
function hasAll(index: Index, hold: HoldRow, isWanted: (row: AuditRow) => boolean): boolean {
  const rows = (index.byHold.get(hold.holdId) ?? []).filter(isWanted);
  return hold.rooms.every(([roomId]) => rows.some(({ entityId }) => entityId === String(roomId)));
}

/** What is missing of an acknowledged change of a hold; undefined: nothing. */
function missingOfHold(call: Write, index: Index): string | undefined {
  const { ask, end } = call;
  const hold = index.holds.get(end.hold?.holdId ?? '');
  if (end.hold === undefined || hold === undefined) return 'the hold';
  const isByCall = ({ requestId }: AuditRow) => requestId === end.requestId;
  switch (ask.verb) {
    case 'place':
    case 'place-type': {
      const shown = JSON.stringify(end.hold.rooms.map(([roomId]) => roomId));
      const isSame =
        shown === JSON.stringify(hold.rooms.map(([roomId]) => roomId)) && hold.reference === ask.tag;
      const isAudited = hasAll(
        index,
        hold,
        (row) => row.action === 'HOLD' && (end.isReplay || isByCall(row)),
      );
      return isSame && isAudited ? undefined : 'the hold as it was shown, or its HOLD rows';
    }
    case 'extend':
      return hasAll(index, hold, (row) => row.action === 'EXTEND' && isByCall(row))
        ? undefined
        : 'EXTEND rows';
    case 'confirm': {
      const isConfirm = (row: AuditRow) =>
        row.action === 'CONFIRM' && row.after?.booking_reference === ask.tag;
      return hold.status === 'CONFIRMED' && hasAll(index, hold, isConfirm) ? undefined : 'CONFIRM rows';
    }
    case 'release': {
      const actions: Record<string, string> = { RELEASED: 'RELEASE', REVOKED: 'REVOKE', EXPIRED: 'EXPIRE' };
      const action = actions[end.hold.status];
      return hasAll(index, hold, (row) => row.action === action) ? undefined : `${action} rows`;
    }
    default:
      return undefined;
  }
}

/** What is missing of an acknowledged change of a room; undefined: nothing. */
function missingOfRoom(call: Write, index: Index): string | undefined {
  const { ask, end } = call;
  if (!('roomId' in ask)) return undefined;
  const rows = index.byRoom.get(String(ask.roomId)) ?? [];
  const isThere = rows.some((row) => {
    // Asked for twice in the same words, the second time changes nothing.
    if (ask.verb === 'freeze') return row.action === 'FREEZE' && row.after?.freeze_note === ask.tag;
    if (ask.verb === 'change') return row.action === 'UPDATE' && row.after?.floor === ask.tag;
    return row.action === 'UNFREEZE' && row.requestId === end.requestId;
  });
  return isThere ? undefined : `the audit row of ${ask.verb}`;
}

function lost(call: Write, index: Index): string[] {
  const missing = 'roomId' in call.ask ? missingOfRoom(call, index) : missingOfHold(call, index);
  return missing === undefined ? [] : [`acknowledged, but ${missing} is not there: ${said(call)}`];
}

/** Holds whose rows in the trail are not all of their rooms. */
function parts(run: Run, index: Index): string[] {
  return run.final.holds.flatMap((hold) => {
    const isWhole = hold.rooms.length > 0 && hasAll(index, hold, ({ action }) => action === 'HOLD');
    return isWhole ? [] : [`hold ${hold.holdId} was placed in part, or without audit rows`];
  });
}

/** Placings of which every attempt was refused, and which are there. */
function risen(run: Run, writes: readonly Write[]): string[] {
  const tags = new Map(run.final.holds.map((hold) => [hold.reference, hold]));
  const placings = writes.filter((call) => isOf(call, 'place', 'place-type'));
  return [...grouped(placings, ({ ask }) => ask.tag)].flatMap(([tag, calls]) =>
    tags.has(tag) && calls.every(({ end }) => end.type === 'fail')
      ? [`refused, but done: ${calls.map(said).join(' and ')}`]
      : [],
  );
}

/** Every write is where its end says. */
export const durability: Judge = {
  name: 'durability',
  judge(run) {
    const index = indexOf(run);
    const writes = run.history.calls.filter((call): call is Write =>
      isOf(call, 'place', 'place-type', 'extend', 'confirm', 'release', 'freeze', 'unfreeze', 'change'),
    );
    const perCall = writes.flatMap((call) => {
      const { type, requestId } = call.end;
      if (type === 'ok') return lost(call, index);
      const isDone = type === 'fail' && requestId !== undefined && index.byRequest.has(requestId);
      return isDone ? [`refused, but done: ${said(call)}`] : [];
    });
    return [...perCall, ...parts(run, index), ...risen(run, writes)];
  },
};
