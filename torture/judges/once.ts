/** Owns exactly once: a key, and a request, place one hold at the most, and everybody who asks is shown the same. */
import { callsOf, grouped, type Judge, said } from './judge.ts';

/** Judged by the tags that each placing carries as its reference, and by the ids of requests in the audit trail. */
export const exactlyOnce: Judge = {
  name: 'exactly once',
  judge(run) {
    const { final } = run;
    const violations: string[] = [];
    for (const [tag, holds] of grouped(final.holds, ({ reference }) => reference)) {
      if (tag !== null && holds.length > 1) {
        violations.push(
          `"${tag}" placed ${holds.length} holds: ${holds.map(({ holdId }) => holdId).join(', ')}`,
        );
      }
    }
    for (const [, calls] of grouped(callsOf(run, 'place', 'place-type'), ({ ask }) => ask.tag)) {
      const placed = calls.filter(({ end }) => end.type === 'ok');
      const [first, ...others] = placed;
      const different = others.find(({ end }) => end.digest !== first?.end.digest);
      if (first !== undefined && different !== undefined) {
        violations.push(`one key, two answers: ${said(first)} and ${said(different)}`);
      }
      const made = placed.filter(({ end }) => !end.isReplay);
      if (made.length > 1)
        violations.push(`one key made ${made.length} holds: ${made.map(said).join(' and ')}`);
    }
    const changes = final.audit.filter(({ requestId }) => requestId !== null);
    for (const [what, rows] of grouped(
      changes,
      (row) => `${row.action} of ${row.entity} ${row.entityId} by ${row.requestId}`,
    )) {
      if (rows.length > 1) violations.push(`${what} was done ${rows.length} times`);
    }
    return violations;
  },
};
