/** Owns what a run prints at its end. */
import type { FaultEvent, History } from './history.ts';
import type { Verdict } from './judges/all.ts';
import { grouped } from './judges/judge.ts';

/** Violations of one judge that are printed; all of them are kept. */
const shownMax = 5;

/** The value below which this share of the values lies; 1 is the greatest. */
export function percentileOf(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** One line per kind: how often, and how long the recovery took. */
function faultLines(faults: readonly FaultEvent[]): string[] {
  const kinds = [...grouped(faults, ({ fault }) => fault)].sort(([a], [b]) => (a < b ? -1 : 1));
  return kinds.map(([fault, events]) => {
    const times = events.map(({ recoveredAfterMs }) => recoveredAfterMs ?? Infinity);
    const [p50, max] = [0.5, 1].map((share) => String(Math.round(percentileOf(times, share))));
    return `  ${fault.padEnd(28)} ${String(events.length).padStart(4)} ${p50?.padStart(9)} ${max?.padStart(9)}`;
  });
}

function endLines({ calls }: History): string[] {
  const byVerb = [...grouped(calls, ({ ask }) => ask.verb)];
  const count = (of: typeof calls, type: string) => String(of.filter(({ end }) => end.type === type).length);
  return byVerb.map(
    ([verb, of]) =>
      `  ${verb.padEnd(12)} ${['ok', 'fail', 'info'].map((type) => count(of, type).padStart(8)).join(' ')}`,
  );
}

/** What a run was. */
export type Told = Readonly<{
  profile: string;
  seed: number;
  seconds: number;
  postgres: string;
  history: History;
  verdicts: readonly Verdict[];
  /** Lines of the profile's own. */
  notes: readonly string[];
  keptIn: string;
}>;

/** The summary of a run as text. */
export function summaryOf(told: Told): string {
  const { history, verdicts, profile, seed, seconds } = told;
  const kinds = new Set(history.faults.map(({ fault }) => fault));
  const violations = verdicts.reduce((sum, verdict) => sum + verdict.violations.length, 0);
  const times = history.faults.map(({ recoveredAfterMs }) => recoveredAfterMs ?? Infinity);
  return [
    '',
    `Torture: profile ${profile}, seed ${seed}, ${Math.round(seconds)} s, ${told.postgres}`,
    '',
    '  operations         ok     fail     info',
    ...endLines(history),
    '',
    '  faults                      times  recovered within ms: half   all',
    ...faultLines(history.faults),
    '',
    ...verdicts.map(
      ({ judge, violations: found, tookMs }) =>
        `  ${judge.padEnd(18)} ${found.length === 0 ? 'holds' : `${found.length} violations`}  (${Math.round(tookMs)} ms)`,
    ),
    ...verdicts.flatMap(({ judge, violations: found }) =>
      found.slice(0, shownMax).map((text) => `\n  ${judge}: ${text.slice(0, 2_000)}`),
    ),
    '',
    ...told.notes.map((note) => `  ${note}`),
    `  ${history.calls.length} operations, ${history.faults.length} faults of ${kinds.size} kinds, ${history.samples.length} samples, ` +
      `recovery p50 ${Math.round(percentileOf(times, 0.5))} ms, max ${Math.round(percentileOf(times, 1))} ms`,
    `  kept in ${told.keptIn}`,
    `  ${violations === 0 ? '0 violations' : `${violations} VIOLATIONS`} (seed ${seed})`,
    '',
  ].join('\n');
}
