/** Owns the verdict whether each island's calls can have happened one after the other, each at an instant of its own. */
import { instantMs } from '../clock.ts';
import type { Call } from '../history.ts';
import { type Effect, seenTimes, tracedOf } from './effects.ts';
import { grouped, isOf, type Judge, type Run, said } from './judge.ts';
import { type Event, findContradiction } from './linearize.ts';
import { forgotten, keyOf, type State, type Step, startOf, stepped } from './model.ts';

/** The database's clock decides about ends; it and ours agree but for this. */
const slackMs = 100;

/** Which statuses a refusal speaks of. */
const holdRefusals: Readonly<Record<string, readonly string[]>> = {
  'hold-expired': ['EXPIRED'],
  'hold-confirmed': ['CONFIRMED'],
  'hold-released': ['RELEASED'],
  'hold-revoked': ['REVOKED'],
  'hold-lifetime-exceeded': ['ACTIVE'],
};
const roomRefusals: Readonly<Record<string, readonly string[]>> = {
  'room-frozen': ['FROZEN'],
  'room-held': ['HELD'],
  'room-booked': ['BOOKED'],
  'room-not-frozen': ['AVAILABLE', 'HELD', 'BOOKED', 'MAINTENANCE'],
};

function refusalStep({ client, ask, end }: Call): Step | undefined {
  const code = end.code ?? '';
  if (code === 'hold-limit-reached') return { do: 'refuse-holder', holder: client };
  if (code === 'room-unavailable' && ask.verb === 'place')
    return { do: 'refuse-rooms', roomIds: ask.roomIds };
  if (code === 'not-enough-rooms' && ask.verb === 'place-type')
    return { do: 'refuse-type', quantity: ask.quantity };
  if ('holdId' in ask && code in holdRefusals) {
    const isReacquire = ask.verb === 'confirm' && ask.isReacquiring && code === 'hold-expired';
    if (isReacquire) return { do: 'refuse-reacquire', holdId: ask.holdId };
    return { do: 'refuse-hold', holdId: ask.holdId, statuses: holdRefusals[code] ?? [] };
  }
  if ('roomId' in ask && code in roomRefusals) {
    return { do: 'refuse-room', roomId: ask.roomId, isStatus: roomRefusals[code] ?? [] };
  }
  return undefined;
}

function grantStep({ client, ask, end }: Call, isOver: (holdId: string) => boolean): Step | undefined {
  const { hold, room } = end;
  switch (ask.verb) {
    case 'place':
    case 'place-type':
      return hold === undefined || end.isReplay ? undefined : { do: 'place', holder: client, hold };
    case 'extend':
      return { do: 'extend', holdId: ask.holdId };
    case 'confirm':
      return {
        do: 'confirm',
        holdId: ask.holdId,
        tag: ask.tag,
        // Only who asks for it may be given what was over.
        fences: ask.isReacquiring && hold?.isReacquired ? hold.rooms : null,
      };
    case 'release':
      return { do: 'release', holdId: ask.holdId, endedAs: hold?.status ?? '' };
    case 'freeze':
      return { do: 'freeze', roomId: ask.roomId, tag: ask.tag, isSuperseding: ask.isSuperseding };
    case 'unfreeze':
      return { do: 'unfreeze', roomId: ask.roomId, status: room?.status ?? null };
    case 'change':
      return { do: 'change', roomId: ask.roomId, status: ask.status };
    case 'read-room':
      return room === undefined ? undefined : { do: 'read', room, isOver };
    default:
      return undefined;
  }
}

/** What a call whose end is not known did, by the rows it left. */
function tracedStep({ client, ask }: Call, { rows }: Effect): Step | undefined {
  const granted = rows.filter(({ action }) => action === 'HOLD');
  const fences = granted.map(({ entityId, after }) => [Number(entityId), Number(after?.fence)] as const);
  switch (ask.verb) {
    case 'place':
    case 'place-type':
      return { do: 'place', holder: client, hold: { holdId: granted[0]?.holdId ?? '', rooms: fences } };
    case 'confirm':
      return {
        do: 'confirm',
        holdId: ask.holdId,
        tag: ask.tag,
        fences: ask.isReacquiring && fences.length > 0 ? fences : null,
      };
    case 'release':
      return { do: 'release', holdId: ask.holdId, endedAs: 'RELEASED' };
    case 'freeze':
      return { do: 'freeze', roomId: ask.roomId, tag: ask.tag, isSuperseding: ask.isSuperseding };
    case 'unfreeze':
      return { do: 'unfreeze', roomId: ask.roomId, status: null };
    case 'change':
      return { do: 'change', roomId: ask.roomId, status: ask.status };
    default:
      return undefined;
  }
}

/** When a hold may have been over for somebody who looked between two instants: extensions may not have been seen yet. */
function expiries(run: Run): (holdId: string, fromMs: number) => number {
  const seenMsOf = seenTimes(run);
  const endedMs = new Map(run.history.calls.map(({ end }) => [end.requestId, end.endedMs]));
  const rows = run.final.audit.filter(({ action }) => action === 'HOLD' || action === 'EXTEND');
  const byHold = grouped(rows, ({ holdId }) => holdId);
  return (holdId, fromMs) => {
    const ends = (byHold.get(holdId) ?? []).map(({ auditId, action, requestId, after }) => ({
      atMs: instantMs(String(after?.hold_expires_at)),
      knownMs: action === 'HOLD' ? 0 : Math.min(endedMs.get(requestId ?? '') ?? Infinity, seenMsOf(auditId)),
    }));
    const known = ends.filter(({ knownMs }) => knownMs <= fromMs).at(-1);
    const later = ends.filter(({ knownMs }) => knownMs > fromMs);
    return Math.min(...[known, ...later].map((one) => one?.atMs ?? Infinity));
  };
}

type IslandEvent = Event<Step>;

/** What ends by itself, at the instant that the database's clock says. */
function selfEndings({ final }: Run, roomIds: ReadonlySet<number>): IslandEvent[] {
  const at = (ms: number, step: Step, text: string): IslandEvent => ({
    fromMs: ms - slackMs,
    toMs: ms + slackMs,
    isOptional: false,
    step,
    text,
  });
  const expired = final.holds
    .filter(({ status, isReacquired, rooms }) => {
      const isOver = status === 'EXPIRED' || status === 'ACTIVE' || isReacquired;
      return isOver && rooms.some(([roomId]) => roomIds.has(roomId));
    })
    .map(({ holdId, expiresMs }) =>
      at(expiresMs, { do: 'expire', holdId }, `hold ${holdId} ends at ${expiresMs}`),
    );
  const thawed = final.audit
    .filter(
      ({ action, actor, entityId }) =>
        action === 'UNFREEZE' && actor === 'system' && roomIds.has(Number(entityId)),
    )
    .map(({ entityId, before }) => {
      const ms = instantMs(String(before?.freeze_expires_at));
      return at(ms, { do: 'thaw', roomId: Number(entityId) }, `the freeze of room ${entityId} ends at ${ms}`);
    });
  return [...expired, ...thawed];
}

/** Where the audit trail puts what a request changed. */
function ranks({ final }: Run): (requestId: string | undefined) => number | undefined {
  const byRequest = new Map<string, number>();
  for (const { requestId, auditId } of final.audit) {
    if (requestId !== null && !byRequest.has(requestId)) byRequest.set(requestId, auditId);
  }
  return (requestId) => (requestId === undefined ? undefined : byRequest.get(requestId));
}

/** Every event of the islands, by island. */
function eventsOf(run: Run): Map<number, IslandEvent[]> {
  const expiryOf = expiries(run);
  const rankOf = ranks(run);
  const events = new Map<number, IslandEvent[]>();
  const add = ({ island }: Call, event: IslandEvent) => {
    const list = events.get(island);
    if (list === undefined) events.set(island, [event]);
    else list.push(event);
  };
  for (const call of run.history.calls) {
    const { invokedMs, end } = call;
    if (end.type === 'info' || isOf(call, 'list', 'read-hold')) continue;
    const isOver = (holdId: string) => expiryOf(holdId, invokedMs) <= end.endedMs;
    const step = end.type === 'ok' ? grantStep(call, isOver) : refusalStep(call);
    if (step === undefined) continue;
    const rank = rankOf(end.requestId);
    add(call, { fromMs: invokedMs, toMs: end.endedMs, isOptional: false, rank, step, text: said(call) });
  }
  for (const { call, effect, isSure } of tracedOf(run)) {
    const step = tracedStep(call, effect);
    if (step === undefined) continue;
    const text = `${said(call)}; its effect was seen at ${Math.round(effect.seenMs)}`;
    const rank = rankOf(effect.rows[0]?.requestId ?? undefined);
    add(call, { fromMs: call.invokedMs, toMs: effect.seenMs, isOptional: !isSure, rank, step, text });
  }
  return events;
}

function holdIdsOf(step: Step): string[] {
  if (step.do === 'place') return [step.hold.holdId];
  return 'holdId' in step ? [step.holdId] : [];
}

/** The rooms that each island has: those that its calls speak of. */
function roomsByIsland(run: Run): Map<number, number[]> {
  const typeOf = new Map(run.final.rooms.map(({ roomId, typeId }) => [roomId, typeId]));
  const rooms = new Map<number, number[]>();
  for (const call of run.history.calls) {
    if (rooms.has(call.island) || !isOf(call, 'place', 'freeze', 'read-room')) continue;
    const roomId = call.ask.verb === 'place' ? call.ask.roomIds[0] : call.ask.roomId;
    const typeId = typeOf.get(roomId ?? 0);
    rooms.set(
      call.island,
      run.final.rooms.filter((room) => room.typeId === typeId).map((room) => room.roomId),
    );
  }
  return rooms;
}

/** Each island by itself: holds never cross them. */
export const linearizable: Judge = {
  name: 'linearizable',
  judge(run) {
    const rooms = roomsByIsland(run);
    return [...eventsOf(run)].flatMap(([island, calls]) => {
      const roomIds = rooms.get(island) ?? [];
      const events = [...calls, ...selfEndings(run, new Set(roomIds))];
      const lastUseMs = new Map<string, number>();
      for (const { step, toMs } of events) {
        for (const holdId of holdIdsOf(step))
          lastUseMs.set(holdId, Math.max(lastUseMs.get(holdId) ?? 0, toMs));
      }
      const tidied = (state: State, atMs: number) => forgotten(state, atMs, lastUseMs);
      const contradiction = findContradiction(startOf(roomIds), events, { stepped, keyOf, tidied });
      return contradiction === undefined ? [] : [`island ${island}: ${contradiction}`];
    });
  },
};
