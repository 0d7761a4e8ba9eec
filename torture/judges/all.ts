/** Owns the list of judges, and what they say of a run. */
import { answers, lockOrder, recovery } from './answers.ts';
import { durability } from './durability.ts';
import { exclusion } from './exclusion.ts';
import { expiry } from './expiry.ts';
import { fences } from './fences.ts';
import type { Judge, Run } from './judge.ts';
import { linearizable } from './linearizable.ts';
import { exactlyOnce } from './once.ts';
import { auditReplay } from './replay.ts';
import { allOrNothing } from './samples.ts';
import { staleness } from './staleness.ts';

/** Every judge, the plainest promise first. */
export const judges: readonly Judge[] = [
  exclusion,
  allOrNothing,
  fences,
  durability,
  exactlyOnce,
  auditReplay,
  linearizable,
  expiry,
  staleness,
  answers,
  recovery,
  lockOrder,
];

/** What one judge found, and how long it took to look. */
export type Verdict = Readonly<{ judge: string; violations: readonly string[]; tookMs: number }>;

/** Asks every judge. */
export function judgeAll(run: Run): Verdict[] {
  return judges.map(({ name, judge }) => {
    const startedMs = performance.now();
    const violations = judge(run);
    return { judge: name, violations, tookMs: performance.now() - startedMs };
  });
}
