/** Owns fences: each grant of a room has a greater one than every grant before, and nothing else changes it. */
import type { AuditRow } from '../final-state.ts';
import { callsOf, grouped, type Judge, type Run, said } from './judge.ts';

/** By the audit trail: HOLD, and nothing but HOLD, raises the fence of its room by one. */
function inAudit({ final }: Run): string[] {
  const rooms = grouped(
    final.audit.filter(({ entity }) => entity === 'room'),
    ({ entityId }) => entityId,
  );
  return [...rooms].flatMap(([roomId, rows]) => {
    let fence = 0;
    return rows.flatMap((row: AuditRow) => {
      const after = row.after?.fence;
      if (row.action === 'CREATE' || after === undefined) {
        return row.action === 'HOLD'
          ? [`audit row ${row.auditId}: room ${roomId} was granted without a fence`]
          : [];
      }
      const isRight = row.action === 'HOLD' && after === fence + 1;
      const said = `audit row ${row.auditId}: ${row.action} moved the fence of room ${roomId} from ${fence} to ${after}`;
      fence = Number(after);
      return isRight ? [] : [said];
    });
  });
}

/** By what was acknowledged: whoever was granted a room after somebody else was told has the greater fence. */
function inAnswers(run: Run): string[] {
  const granting = new Set(
    run.final.audit.flatMap(({ action, requestId }) => (action === 'HOLD' ? [requestId] : [])),
  );
  const grants = callsOf(run, 'place', 'place-type', 'confirm').flatMap((call) => {
    const { end, ask } = call;
    // Confirming twice in the same words shows the fence of the first time, whoever has the room by then.
    const isReacquiring = end.hold?.isReacquired === true && granting.has(end.requestId ?? null);
    const isGrant = end.type === 'ok' && !end.isReplay && (ask.verb !== 'confirm' || isReacquiring);
    if (!isGrant || end.hold === undefined) return [];
    const { holdId } = end.hold;
    return end.hold.rooms.map(([roomId, fence]) => ({ roomId, fence, holdId, call }));
  });
  const violations: string[] = [];
  for (const [roomId, ofRoom] of grouped(grants, (grant) => grant.roomId)) {
    const byEnd = [...ofRoom].sort((a, b) => a.call.end.endedMs - b.call.end.endedMs);
    let told = 0;
    let greatest: (typeof ofRoom)[number] | undefined;
    for (const grant of ofRoom) {
      for (
        let next = byEnd[told];
        next && next.call.end.endedMs < grant.call.invokedMs;
        next = byEnd[++told]
      ) {
        if (greatest === undefined || next.fence > greatest.fence) greatest = next;
      }
      if (greatest !== undefined && grant.fence <= greatest.fence && grant.holdId !== greatest.holdId) {
        violations.push(
          `the fence of room ${roomId} did not rise: ${said(greatest.call)} then ${said(grant.call)}`,
        );
      }
    }
    const twice = [...grouped(ofRoom, ({ fence }) => fence)].filter(
      ([, same]) => new Set(same.map(({ holdId }) => holdId)).size > 1,
    );
    for (const [fence] of twice) violations.push(`fence ${fence} of room ${roomId} was given out twice`);
  }
  return violations;
}

/** Both hold. */
export const fences: Judge = { name: 'fences rise', judge: (run) => [...inAudit(run), ...inAnswers(run)] };
