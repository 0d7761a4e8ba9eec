/** Owns the hunt: every mutant is planted alone, tortured, and must be caught in time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nowMs } from '../clock.ts';
import { type NemesisPlan, runNemesis } from '../nemesis.ts';
import { faultsNamed } from '../profiles/plans.ts';
import { runOnce } from '../run.ts';
import { mutants } from './list.ts';
import { type Mutant, plantInDatabase, plantInSources } from './mutant.ts';

/** A mutant that lives longer is one that the torture does not see. */
const caughtMsMax = 180_000;

/** What became of a mutant. */
export type Hunted = Readonly<{
  name: string;
  /** By which judges; none: it was not caught. */
  caughtBy: readonly string[];
  seconds: number;
  example: string;
}>;

/** How much of what was found is told at once. */
const exampleLengthMax = 400;

type Hunt = Readonly<{ rootDir: string; seed: number; seconds: number; say: (text: string) => void }>;

/** One run with the mutant; answers the judges that saw it. */
async function tryOnce(mutant: Mutant, dir: string, hunt: Hunt) {
  const { seed, seconds, say } = hunt;
  const plan: NemesisPlan = {
    faults: faultsNamed(...mutant.faults),
    pairChance: mutant.arePaired === true ? 1 : 0,
    pauseMs: [200, 600],
  };
  const rootDir = await plantInSources(mutant, hunt.rootDir, join(dir, 'sources'));
  const { verdicts } = await runOnce({
    seed,
    rootDir,
    keepDir: join(dir, `seed-${seed}`),
    about: { mutant: mutant.name, seconds },
    say: () => undefined,
    world: { prepare: (postgres) => plantInDatabase(mutant, postgres) },
    async ordeal(stage) {
      const endsMs = nowMs() + seconds * 1000;
      await runNemesis({ ...stage, say, plan, isOver: () => nowMs() > endsMs });
      return [];
    },
  });
  return verdicts.filter(({ violations }) => violations.length > 0);
}

async function huntOne(mutant: Mutant, hunt: Hunt): Promise<Hunted> {
  const startedMs = performance.now();
  const { name } = mutant;
  hunt.say(`mutant: ${name}`);
  for (let round = 0; ; round += 1) {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-mutant-'));
    try {
      const caught = await tryOnce(mutant, dir, { ...hunt, seed: hunt.seed + round });
      const tookMs = performance.now() - startedMs;
      if (caught.length > 0 || tookMs > caughtMsMax) {
        const caughtBy = tookMs > caughtMsMax ? [] : caught.map(({ judge }) => judge);
        return { name, caughtBy, seconds: tookMs / 1000, example: caught[0]?.violations[0] ?? '' };
      }
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
}

/** Hunts those of these names, or all; throws when there is none of a name. */
export async function huntMutants(names: readonly string[], hunt: Hunt): Promise<Hunted[]> {
  const unknown = names.filter((wanted) => !mutants.some(({ name }) => name === wanted));
  if (unknown.length > 0) {
    throw new Error(
      `no mutant is called ${unknown.join(', ')}: there are ${mutants.map(({ name }) => name).join(', ')}`,
    );
  }
  const hunted: Hunted[] = [];
  for (const mutant of mutants) {
    if (names.length > 0 && !names.includes(mutant.name)) continue;
    const one = await huntOne(mutant, hunt);
    hunt.say(`${mutant.name}: ${one.caughtBy.join(', ') || 'NOT CAUGHT'}`);
    hunt.say(one.example.slice(0, exampleLengthMax));
    hunted.push(one);
  }
  return hunted;
}

/** What the hunt prints at its end. */
export function huntSummaryOf(hunted: readonly Hunted[], seed: number): string {
  const caught = hunted.filter(({ caughtBy }) => caughtBy.length > 0);
  return [
    '',
    ...hunted.map(({ name, caughtBy, seconds }) => {
      const by =
        caughtBy.length > 0 ? `caught in ${Math.round(seconds)} s by: ${caughtBy.join(', ')}` : 'NOT CAUGHT';
      return `  ${name.padEnd(36)} ${by}`;
    }),
    '',
    `  ${caught.length} of ${hunted.length} mutants caught (seed ${seed})`,
    '',
  ].join('\n');
}
