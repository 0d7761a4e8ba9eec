/** Owns the profile that swallows the answers to commits, one after the other, and lets every client ask again. */
import { setTimeout as delay } from 'node:timers/promises';
import { nowMs } from '../clock.ts';
import type { Profile } from './profile.ts';

const dropsCount = 500;
const waitMsMax = 600_000;

/** Every placing has a key, and whoever does not know the outcome asks again until it is known. */
export const commitDrop: Profile = {
  behaviour: { keyChance: 1, retryChance: 1, thinkMsMax: 40 },
  ordeal:
    () =>
    async ({ world, recorder, say }) => {
      const links = world.postgresLinks;
      const dropped = () => links.reduce((sum, link) => sum + link.commitsDroppedCount(), 0);
      const startedMs = nowMs();
      for (const link of links) link.weather.commitDropChance = 0.25;
      for (let told = 0; dropped() < dropsCount && nowMs() - startedMs < waitMsMax; ) {
        await delay(100);
        if (dropped() < told + 100) continue;
        told = dropped();
        say(`${told} answers to commits dropped`);
      }
      for (const link of links) link.clear(false);
      if (dropped() < dropsCount)
        recorder.incident(`only ${dropped()} answers to commits were dropped`, nowMs());
      return [`${dropped()} answers to commits dropped; "exactly once" counts the duplicates`];
    },
};
