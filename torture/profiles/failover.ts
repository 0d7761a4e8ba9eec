/** Owns the profile of failovers: the primary is killed, its synchronous standby takes its place, 20 times. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { nowMs } from '../clock.ts';
import { recoveryOf } from '../nemesis.ts';
import type { Random } from '../random.ts';
import { primarySettings, promote, startStandby } from '../world/standby.ts';
import type { World } from '../world/world.ts';
import { postgresDefaults } from '../world/world.ts';
import type { Profile } from './profile.ts';

const failoversCount = 20;

/** One failover; the old primary never comes back. */
async function failOver(world: World, n: number, random: Random): Promise<void> {
  const primary = world.postgres;
  const standby = await startStandby({
    programs: world.programs,
    primary,
    dir: join(world.dataDir, `standby-${n}`),
    logPath: join(world.dir, 'postgres.log'),
    settings: { ...postgresDefaults, ...primarySettings },
  });
  await delay(random.integer(500, 1_500));
  await primary.kill();
  await promote(standby);
  world.postgres = standby;
  for (const link of world.postgresLinks) {
    link.pointTo(standby.port);
    link.resetAll();
  }
  await rm(primary.dir, { recursive: true, force: true });
}

/** What was acknowledged before the death of a primary must be there afterwards: "durability" judges it. */
export const failover: Profile = {
  postgresSettings: primarySettings,
  behaviour: { keyChance: 1, retryChance: 0.8 },
  ordeal:
    () =>
    async ({ world, crowd, recorder, random, say }) => {
      for (let n = 1; n <= failoversCount; n += 1) {
        const injectedMs = nowMs();
        await failOver(world, n, random);
        const healedMs = nowMs();
        const recoveredAfterMs = await recoveryOf(world, crowd, healedMs);
        recorder.fault({ fault: 'failover', detail: `${n}`, injectedMs, healedMs, recoveredAfterMs });
        say(`failover ${n} of ${failoversCount}`);
      }
      return [`${failoversCount} failovers to a synchronous standby; "durability" counts what was lost`];
    },
};
