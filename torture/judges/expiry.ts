/** Owns expiry: nothing is blocked by a hold that is over, nothing is free before its hold's end, and holders are limited. */

import { instantMs } from '../clock.ts';
import type { AuditRow } from '../final-state.ts';
import type { Call } from '../history.ts';
import { holdsActiveMax, sweepSeconds } from '../world/world.ts';
import { callsOf, grouped, type Judge, type Run, said } from './judge.ts';

/** What is promised: nothing is blocked longer than this after its end. */
const lateMsMax = 1_000;

/** Answers that show a hold on a room that was over before they were asked for. */
function blocked(run: Run): string[] {
  const isLate = (endsMs: number | null | undefined, { invokedMs }: Call) =>
    typeof endsMs === 'number' && endsMs + lateMsMax < invokedMs;
  const refused = callsOf(run, 'place', 'place-type').filter((call) =>
    call.end.conflicts?.some(({ status, freeMs }) => status === 'HELD' && isLate(freeMs, call)),
  );
  const shown = callsOf(run, 'list', 'read-room').filter((call) =>
    [...(call.end.rooms ?? []), ...(call.end.room ? [call.end.room] : [])].some(
      ({ status, holdEndsMs }) => status === 'HELD' && isLate(holdEndsMs, call),
    ),
  );
  const active = callsOf(run, 'read-hold').filter(
    (call) => call.end.hold?.status === 'ACTIVE' && isLate(call.end.hold.expiresMs, call),
  );
  return [...refused, ...shown, ...active].map((call) => `blocked by a hold that is over: ${said(call)}`);
}

/** Ends that came before their time, or verbs that came after it, by the database's own clock. */
function early({ final }: Run): string[] {
  const holds = new Map(final.holds.map((hold) => [hold.holdId, hold]));
  const expiryOf = (row: AuditRow) => instantMs(String(row.before?.hold_expires_at));
  return final.audit.flatMap((row) => {
    const said = `audit row ${row.auditId}: ${row.action} of room ${row.entityId} at ${row.atMs}`;
    if (row.action === 'EXPIRE' && row.atMs < expiryOf(row))
      return [`${said}, before the end at ${expiryOf(row)}`];
    const isVerb = row.action === 'CONFIRM' || row.action === 'EXTEND' || row.action === 'RELEASE';
    const isReacquired = holds.get(row.holdId ?? '')?.isReacquired === true && row.action === 'CONFIRM';
    if (isVerb && !isReacquired && row.atMs >= expiryOf(row))
      return [`${said}, after the end at ${expiryOf(row)}`];
    return [];
  });
}

/** At no instant had a client more holds than it may. */
function limited({ final }: Run): string[] {
  return [...grouped(final.holds, ({ createdBy }) => createdBy)].flatMap(([createdBy, holds]) => {
    let active: { overMs: number }[] = [];
    return [...holds]
      .sort((a, b) => a.createdMs - b.createdMs)
      .flatMap(({ createdMs, endedMs, expiresMs, isReacquired }) => {
        const overMs = isReacquired ? expiresMs : (endedMs ?? expiresMs);
        active = [...active.filter((other) => other.overMs > createdMs), { overMs }];
        const count = active.length;
        return count > holdsActiveMax ? [`${createdBy} had ${count} active holds at ${createdMs}`] : [];
      });
  });
}

/** The workers tidy: by the samples, no hold stays stored as ACTIVE for long after its end. */
function untidied({ history }: Run): string[] {
  const last = history.samples.at(-1);
  return (last?.holds ?? []).flatMap(([holdId, expiresMs]) =>
    last !== undefined && expiresMs + (sweepSeconds + 5) * 1_000 < last.atMs
      ? [`hold ${holdId} was never tidied`]
      : [],
  );
}

/** All of it. */
export const expiry: Judge = {
  name: 'expiry',
  judge: (run) => [...blocked(run), ...early(run), ...limited(run), ...untidied(run)],
};
