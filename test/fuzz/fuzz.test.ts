import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { curlOf } from '../helpers/wire-request.ts';
import { openFuzzed } from './property.ts';
import { stepsOf } from './requests.ts';

/** `npm run fuzz` sets these; without it the run is short, and the same every time. */
const callsMin = Number(process.env.FUZZ_RUNS ?? 2_000);
const seed = Number(process.env.FUZZ_SEED ?? 1);
/** A machine that runs other tests beside this one is no place to measure: there this finds only what hangs. */
const answerMsMax = Number(process.env.FUZZ_ANSWER_MS_MAX ?? 15_000);

/** On average; a sequence is one property's life, from empty to replayed. */
const callsPerSequence = 40;

const fuzzed = await openFuzzed(answerMsMax);
afterAll(() => fuzzed.close());

const say = (text: string) => process.stderr.write(`${text}\n`);

function report(): void {
  const { calls, sequences, slowest, answers } = fuzzed.tally;
  const byKind = new Map<string, number>();
  for (const ofName of answers.values()) {
    for (const [kind, count] of ofName) byKind.set(kind, (byKind.get(kind) ?? 0) + count);
  }
  const kinds = [...byKind]
    .sort(([, one], [, other]) => other - one)
    .map(([kind, count]) => `${kind}: ${count}`);
  say(
    `fuzz: ${calls} calls in ${sequences} sequences, seed ${seed}, slowest ${Math.round(slowest.ms)} ms (${slowest.name})`,
  );
  if (process.env.FUZZ_RUNS !== undefined) say(kinds.join(', '));
}

/** What failed, shrunk, as calls that anybody can make again on a property of eight rooms. */
async function explained(details: fc.RunDetails<[steps: Parameters<typeof fuzzed.run>[0]]>): Promise<string> {
  const [steps] = details.counterexample ?? [];
  const again =
    steps === undefined ? undefined : await fuzzed.run(steps).then(() => 'it did not fail again', String);
  const calls = fuzzed.sent.map((request) => curlOf(request, 'http://127.0.0.1:3000'));
  return [
    `npm run fuzz -- --runs ${callsMin} --seed ${seed} failed after ${fuzzed.tally.calls} calls, shrunk to ${calls.length}:`,
    ...calls,
    String(details.errorInstance ?? again),
  ].join('\n');
}

test(
  `${callsMin} made-up requests: no 5xx, nothing undocumented, nothing slow, and the audit trail explains what is left`,
  async () => {
    const steps = fc.array(stepsOf(fuzzed.document), {
      minLength: 1,
      maxLength: 2 * callsPerSequence - 1,
      size: 'max',
    });
    for (let round = 0; fuzzed.tally.calls < callsMin; round += 1) {
      const numRuns = Math.ceil((callsMin - fuzzed.tally.calls) / callsPerSequence);
      // The strange ends of each range are among the values themselves; leaning to them besides leaves little that is good.
      const details = await fc.check(fc.asyncProperty(steps, fuzzed.run), {
        seed: seed + round,
        numRuns,
        unbiased: true,
      });
      if (details.failed) throw new Error(await explained(details));
    }
    report();
  },
  // A call takes some milliseconds; shrinking makes some hundred sequences more.
  120_000 + callsMin * 100,
);

test('the requests are not all refused: every operation was carried out, and every kind of refusal was met', () => {
  const { answers } = fuzzed.tally;
  const operations = Object.entries(fuzzed.document.paths).flatMap(([template, byMethod]) =>
    Object.keys(byMethod).map((method) => `${method.toUpperCase()} ${template}`),
  );
  const neverDone = operations.filter(
    (name) => ![...(answers.get(name)?.keys() ?? [])].some((kind) => kind.startsWith('2')),
  );
  expect(neverDone).toEqual([]);
  const kinds = new Set([...answers.values()].flatMap((ofName) => [...ofName.keys()]));
  for (const kind of [
    ...[
      '400 request-invalid',
      '400 body-malformed',
      '400 url-malformed',
      '400 cursor-invalid',
      '401 credentials-missing',
    ],
    ...[
      '401 credentials-invalid',
      '403 permission-denied',
      '404 hold-not-found',
      '404 room-not-found',
      '405 method-not-allowed',
    ],
    ...['409 room-unavailable', '409 room-held', '410 hold-expired', '415 media-type-unsupported'],
  ]) {
    expect([...kinds]).toContain(kind);
  }
});
