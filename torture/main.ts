/** Owns `npm run torture`: reads the command line, runs, prints the summary, and exits with 1 after any violation. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FinalState } from './final-state.ts';
import { readHistory } from './history.ts';
import { judgeAll } from './judges/all.ts';
import { huntMutants, huntSummaryOf } from './mutants/hunt.ts';
import { type Options, readOptions } from './options.ts';
import { profileOf, profiles } from './profiles/all.ts';
import { runOnce } from './run.ts';
import { summaryOf } from './summary.ts';

const rootDir = fileURLToPath(new URL('..', import.meta.url));
const startedMs = performance.now();

function say(text: string): void {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`${seconds} s  ${text}\n`);
}

async function judgeAgain(dir: string): Promise<number> {
  const history = await readHistory(join(dir, 'history.jsonl'));
  const final: FinalState = JSON.parse(await readFile(join(dir, 'final.json'), 'utf8'));
  const verdicts = judgeAll({ history, final });
  const told = { profile: 'of a kept run', seed: 0, seconds: 0, postgres: '', notes: [], keptIn: dir };
  process.stdout.write(summaryOf({ ...told, history, verdicts }));
  return verdicts.some(({ violations }) => violations.length > 0) ? 1 : 0;
}

async function torture(options: Options): Promise<number> {
  const { seed, seconds, keepDir, faults } = options;
  const profile = faults.length > 0 ? profileOf(faults) : profiles.get(options.profile);
  if (profile === undefined) throw new Error(`there is no profile ${options.profile}`);
  const { behaviour = {}, postgresSettings = {} } = profile;
  const name = faults.length > 0 ? faults.join(' and ') : options.profile;
  const about = { profile: name, seconds };
  const ordeal = profile.ordeal(seconds);
  const outcome = await runOnce({
    seed,
    rootDir,
    keepDir,
    about,
    ordeal,
    behaviour,
    world: { postgresSettings },
    say,
  });
  process.stdout.write(summaryOf({ ...outcome, profile: name, seed, keptIn: outcome.dir }));
  return outcome.verdicts.some(({ violations }) => violations.length > 0) ? 1 : 0;
}

/** Long enough for several faults of each kind that a mutant is tried with. */
const mutantSeconds = 15;

async function hunt({ only, seed }: Options): Promise<number> {
  const hunted = await huntMutants(only, { rootDir, seed, seconds: mutantSeconds, say });
  process.stdout.write(huntSummaryOf(hunted, seed));
  return hunted.every(({ caughtBy }) => caughtBy.length > 0) ? 0 : 1;
}

function main(options: Options): Promise<number> {
  if (options.areMutants) return hunt(options);
  return options.judgeDir === undefined ? torture(options) : judgeAgain(options.judgeDir);
}

const options = readOptions(process.argv.slice(2), [...profiles.keys()]);
if ('usage' in options) {
  process.stdout.write(options.usage);
  process.exit(options.exitCode);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
process.exit(await main(options));
