/** Owns the list of profiles. */
import { nowMs } from '../clock.ts';
import { type NemesisPlan, runNemesis } from '../nemesis.ts';
import { commitDrop } from './commit-drop.ts';
import { failover } from './failover.ts';
import { faultsNamed, plan, plans } from './plans.ts';
import type { Profile } from './profile.ts';
import { redisHang } from './redis-hang.ts';
import { rolling } from './rolling.ts';

/** A nemesis for as long as was asked for. */
const planned = (plan: NemesisPlan): Profile => ({
  ordeal: (seconds) => async (stage) => {
    const endsMs = nowMs() + seconds * 1_000;
    await runNemesis({ ...stage, plan, isOver: () => nowMs() > endsMs });
    return [];
  },
});

/** A profile of these faults only; throws when there is none of a name. */
export function profileOf(faultNames: readonly string[]): Profile {
  return planned(plan(faultsNamed(...faultNames)));
}

/** Every profile by its name. */
export const profiles: ReadonlyMap<string, Profile> = new Map([
  ...Object.entries(plans).map(([name, one]): [string, Profile] => [name, planned(one)]),
  ['commit-drop', commitDrop],
  ['rolling', rolling],
  ['redis-hang', redisHang],
  ['failover', failover],
]);
