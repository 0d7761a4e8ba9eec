/** Owns the nemesis: it chooses faults by the seed, does one or two at a time, undoes them, and waits for recovery. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Crowd } from './clients/crowd.ts';
import { nowMs } from './clock.ts';
import type { Fault, Scene } from './faults/fault.ts';
import type { FaultEvent, Recorder } from './history.ts';
import type { Random } from './random.ts';
import type { World } from './world/world.ts';

/** A server that has not answered a write by then has not recovered. */
export const recoveryMsMax = 30_000;

/** Resolves with how long it took until every server had answered a write that was sent after `sinceMs`; null: never. */
export async function recoveryOf(world: World, crowd: Crowd, sinceMs: number): Promise<number | null> {
  while (world.servers.some(({ index }) => crowd.answeredWriteMs(index) < sinceMs)) {
    if (nowMs() - sinceMs > recoveryMsMax) return null;
    await delay(10);
  }
  return nowMs() - sinceMs;
}

/** A bag of faults: each is drawn once before any is drawn again, so that a run of some length sees them all. */
function openBag(faults: readonly Fault[], random: Random) {
  let left: Fault[] = [];
  return {
    draw(isFit: (fault: Fault) => boolean): Fault | undefined {
      if (left.length === 0) left = random.sample(faults, faults.length);
      const at = left.findIndex(isFit);
      return at === -1 ? undefined : left.splice(at, 1)[0];
    },
  };
}

type Suffered = Omit<FaultEvent, 'recoveredAfterMs'>;

/** One fault from its injection to its healing. */
async function suffer(fault: Fault, scene: Scene): Promise<Suffered> {
  const injectedMs = nowMs();
  const { detail, heal } = await fault.inject(scene);
  await delay(scene.random.integer(...fault.lastsMs));
  await heal();
  return { fault: fault.name, detail, injectedMs, healedMs: nowMs() };
}

/** What the nemesis may do, and how long it waits between two times. */
export type NemesisPlan = Readonly<{
  faults: readonly Fault[];
  /** How often two faults come together. */
  pairChance: number;
  pauseMs: readonly [min: number, max: number];
}>;

/** Goes on until `isOver`; when it resolves, all is healed. */
export async function runNemesis(options: {
  world: World;
  crowd: Crowd;
  recorder: Recorder;
  random: Random;
  plan: NemesisPlan;
  isOver: () => boolean;
  say: (text: string) => void;
}): Promise<void> {
  const { world, crowd, recorder, random, plan, isOver, say } = options;
  const bag = openBag(plan.faults, random.fork('bag'));
  const scene: Scene = { world, crowd, random: random.fork('faults') };
  const pauses = random.fork('pauses');
  await delay(500);
  while (!isOver()) {
    const first = bag.draw(() => true);
    const second = pauses.chance(plan.pairChance)
      ? bag.draw(({ layer }) => layer !== first?.layer)
      : undefined;
    const chosen = [first, second].filter((fault) => fault !== undefined);
    say(`fault: ${chosen.map(({ name }) => name).join(' and ')}`);
    const ends = await Promise.all(chosen.map((fault) => suffer(fault, scene)));
    const recoveredAfterMs = await recoveryOf(
      world,
      crowd,
      Math.max(...ends.map(({ healedMs }) => healedMs)),
    );
    for (const end of ends) recorder.fault({ ...end, recoveredAfterMs });
    await delay(pauses.integer(...plan.pauseMs));
  }
}
