/** Owns one run: the world is opened, tortured for a time, healed, read back, and judged. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Behaviour, type Crowd, openCrowd } from './clients/crowd.ts';
import { makeIslands } from './clients/island.ts';
import { nowMs } from './clock.ts';
import { readFinalState } from './final-state.ts';
import { openRecorder, type Recorder } from './history.ts';
import { judgeAll, type Verdict } from './judges/all.ts';
import type { Run } from './judges/judge.ts';
import { type Random, randomOf } from './random.ts';
import { startSampler } from './sampler.ts';
import { until } from './world/processes.ts';
import { signToken } from './world/tokens.ts';
import { openWorld, type World, type WorldOptions } from './world/world.ts';

/** What is done while the clients go on. */
export type Ordeal = (
  stage: Readonly<{
    world: World;
    crowd: Crowd;
    recorder: Recorder;
    random: Random;
    say: (text: string) => void;
  }>,
) => Promise<readonly string[]>;

/** How to run. */
export type RunPlan = Readonly<{
  seed: number;
  rootDir: string;
  keepDir: string | undefined;
  /** Written into the history, to tell what it is of. */
  about: Record<string, unknown>;
  ordeal: Ordeal;
  behaviour?: Partial<Behaviour>;
  world?: Partial<WorldOptions>;
  say: (text: string) => void;
}>;

/** What became of a run. */
export type RunOutcome = Run &
  Readonly<{
    verdicts: readonly Verdict[];
    notes: readonly string[];
    dir: string;
    seconds: number;
    postgres: string;
  }>;

const clientsCount = 24;
const islandsCount = 6;
const roomsPerIsland = 6;

const usualBehaviour: Behaviour = {
  thinkMsMax: 60,
  leaveChance: 0,
  retryChance: 0.25,
  keyChance: 0.6,
  isBalanced: false,
  readerIndex: undefined,
};

const readyMsMax = 20_000;

async function untilReady(world: World): Promise<void> {
  const isReady = async (port: number) => {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    await answer?.arrayBuffer();
    return answer?.status === 200;
  };
  for (const { port, index } of world.servers) {
    await until(`server ${index} is ready`, () => isReady(port), readyMsMax);
  }
}

/** Runs once. What is kept of it is in `dir`, the history as JSON lines. */
export async function runOnce(plan: RunPlan): Promise<RunOutcome> {
  const { seed, say } = plan;
  const startedMs = performance.now();
  const dir = plan.keepDir ?? (await mkdtemp(join(tmpdir(), 'holdfast-torture-')));
  await mkdir(dir, { recursive: true });
  const recorder = openRecorder(join(dir, 'history.jsonl'), { seed, ...plan.about });
  const random = randomOf(seed);
  say(`starting Postgres, Redis and three servers in ${dir}`);
  const world = await openWorld({
    dir,
    rootDir: plan.rootDir,
    random: random.fork('world'),
    whenDead: (text) => recorder.incident(text, nowMs()),
    ...plan.world,
  });
  try {
    await untilReady(world);
    const [first] = world.servers;
    const token = signToken(world.secret, 'founder', ['ROOM_MANAGEMENT:WRITE']);
    const islands = await makeIslands({ port: first?.port ?? 0, token, islandsCount, roomsPerIsland });
    const sampler = startSampler(world, recorder);
    const behaviour = { ...usualBehaviour, ...plan.behaviour };
    const crowd = openCrowd({
      world,
      recorder,
      islands,
      random: random.fork('crowd'),
      clientsCount,
      behaviour,
    });
    const notes = await plan.ordeal({ world, crowd, recorder, random: random.fork('ordeal'), say });
    say('all is healed; the clients end their calls');
    await crowd.stop();
    await untilReady(world);
    await delay(0);
    const { state, unsettled } = await readFinalState(world);
    if (unsettled !== undefined) recorder.incident(unsettled, nowMs());
    await sampler.stop();
    await recorder.close();
    await writeFile(join(dir, 'final.json'), JSON.stringify(state));
    say('judging');
    const run: Run = { history: recorder.history(nowMs()), final: state };
    const seconds = (performance.now() - startedMs) / 1000;
    return { ...run, verdicts: judgeAll(run), notes, dir, seconds, postgres: world.programs.version };
  } finally {
    await world.close();
  }
}
