/** Owns what is left of changes: which call is behind which rows of the audit trail, and when they were first seen. */
import type { AuditRow } from '../final-state.ts';
import type { Call } from '../history.ts';
import { grouped, type Run } from './judge.ts';

/** The rows that one request left behind. */
export type Effect = Readonly<{ rows: readonly AuditRow[]; seenMs: number }>;

/** No request is at a server, or on its way to one, for longer: every wait of a server and every fault has an end. */
const lateMsMax = 60_000;
/** The database's clock, which the rows go by, and ours agree but for this. */
const slackMs = 100;

/** A call whose end is not known and that may have had an effect, or surely had one. */
export type Traced = Readonly<{ call: Call; effect: Effect; isSure: boolean }>;

/**
 * The floor that each row leaves its room on. A change that is sent again in the same words, after somebody booked the
 * room, frees it once more, and its row tells no floor: that was the same already.
 */
function floorsOf(audit: readonly AuditRow[]): (row: AuditRow) => unknown {
  const latest = new Map<string, unknown>();
  const floors = new Map<AuditRow, unknown>();
  for (const row of audit) {
    if (row.entity === 'room' && row.after?.floor !== undefined) latest.set(row.entityId, row.after.floor);
    floors.set(row, latest.get(row.entityId));
  }
  return (row) => floors.get(row);
}

/** Names what a request did and to what: the same for the rows and for the call that may be behind them. */
function traceOf(rows: readonly AuditRow[], floorOf: (row: AuditRow) => unknown): string | undefined {
  const by = (action: string) => rows.find((row) => row.action === action);
  const row = by('CONFIRM') ?? by('RELEASE') ?? by('FREEZE') ?? by('UNFREEZE') ?? by('UPDATE') ?? by('HOLD');
  switch (row?.action) {
    case 'CONFIRM':
      return `${row.actor} confirm ${row.holdId} ${row.after?.booking_reference}`;
    case 'RELEASE':
      return `${row.actor} release ${row.holdId}`;
    case 'FREEZE':
      return `${row.actor} freeze ${row.entityId} ${row.after?.freeze_note}`;
    case 'UNFREEZE':
      return `${row.actor} unfreeze ${row.entityId}`;
    case 'UPDATE':
      return `${row.actor} change ${row.entityId} ${floorOf(row)}`;
    case 'HOLD':
      return `${row.actor} place ${row.after?.reference}`;
    default:
      return undefined;
  }
}

function traceOfCall({ client, ask }: Call): string | undefined {
  switch (ask.verb) {
    case 'place':
    case 'place-type':
      return `${client} place ${ask.tag}`;
    case 'confirm':
      return `${client} confirm ${ask.holdId} ${ask.tag}`;
    case 'release':
      return `${client} release ${ask.holdId}`;
    case 'freeze':
    case 'change':
      return `${client} ${ask.verb} ${ask.roomId} ${ask.tag}`;
    case 'unfreeze':
      return `${client} unfreeze ${ask.roomId}`;
    default:
      return undefined;
  }
}

/** When each audit row was first known to be there: by a sample, or at the end. */
export function seenTimes({ history, final }: Run): (auditId: number) => number {
  const seen = new Map<number, number>();
  for (const { receivedMs, auditIds } of history.samples) {
    for (const auditId of auditIds) if (!seen.has(auditId)) seen.set(auditId, receivedMs);
  }
  return (auditId) => seen.get(auditId) ?? final.readMs;
}

/** The effects of calls whose end is not known. A call that left none is not among them: it did nothing. */
export function tracedOf(run: Run): Traced[] {
  const seenMsOf = seenTimes(run);
  const unknown = run.history.calls.filter(({ end }) => end.type === 'info');
  const answered = new Set(run.history.calls.flatMap(({ end }) => end.requestId ?? []));
  const byRequest = grouped(
    run.final.audit.filter(({ requestId }) => requestId !== null),
    ({ requestId }) => requestId ?? '',
  );
  const floorOf = floorsOf(run.final.audit);
  const effectOf = (rows: readonly AuditRow[]): Effect => ({
    rows,
    seenMs: Math.min(...rows.map(({ auditId }) => seenMsOf(auditId))),
  });

  // An answer names its request, even one that does not say how it ended.
  const named = unknown.flatMap((call) => {
    const rows = byRequest.get(call.end.requestId ?? '');
    return rows === undefined ? [] : [{ call, effect: effectOf(rows), isSure: true }];
  });
  const orphans = grouped(
    [...byRequest].filter(([requestId]) => !answered.has(requestId)).map(([, rows]) => rows),
    (rows) => traceOf(rows, floorOf),
  );
  const silent = grouped(
    unknown.filter(({ end }) => end.requestId === undefined),
    traceOfCall,
  );
  const guessed = [...silent].flatMap(([trace, calls]) => {
    const effects = (trace === undefined ? [] : (orphans.get(trace) ?? [])).map(effectOf);
    const isSure = calls.length === 1 && effects.length === 1;
    // Which of several calls is behind which effect is not known: each may be behind each that came soon after it.
    return calls.flatMap((call) => {
      const mayBeBehind = ({ rows, seenMs }: Effect) => {
        const afterMs = (rows[0]?.atMs ?? 0) - call.invokedMs;
        return seenMs >= call.invokedMs && afterMs >= -slackMs && afterMs <= lateMsMax;
      };
      return effects.filter(mayBeBehind).map((effect) => ({ call, effect, isSure }));
    });
  });
  return [...named, ...guessed];
}
