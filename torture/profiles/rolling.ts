/** Owns the profile of upgrades under load: every server restarted in turn, again and again, and no request may fail. */

import { nowMs } from '../clock.ts';
import { restartInTurn } from '../faults/servers.ts';
import { said } from '../judges/judge.ts';
import { percentileOf } from '../summary.ts';
import type { Profile } from './profile.ts';

const rollsCount = 20;

/** Clients behave as a balancer does: they keep to `Connection: close`, and try the next server when one refuses. */
export const rolling: Profile = {
  behaviour: { isBalanced: true },
  ordeal:
    () =>
    async ({ world, recorder, say }) => {
      for (let roll = 1; roll <= rollsCount; roll += 1) {
        const injectedMs = nowMs();
        await restartInTurn(world.servers);
        say(`rolling restart ${roll} of ${rollsCount}`);
        const times = { injectedMs, healedMs: nowMs(), recoveredAfterMs: 0 };
        recorder.fault({ fault: 'rolling restart', detail: 'every server in turn', ...times });
      }
      const { calls } = recorder.history(nowMs());
      const ended = calls.filter(({ end }) => end.code !== 'unended');
      const failed = ended.filter(({ end }) => end.type === 'info' || end.status >= 500);
      for (const call of failed) recorder.incident(`a request failed: ${said(call)}`, call.end.endedMs);
      const refused = ended.filter(({ end }) => end.code === 'refused').length;
      const took = ended
        .filter(({ end }) => end.status > 0)
        .map(({ invokedMs, end }) => end.endedMs - invokedMs);
      return [
        `${rollsCount} rolling restarts, ${ended.length - refused} requests, ${failed.length} failed`,
        `${refused} connections refused and tried at the next server; p99 ${Math.round(percentileOf(took, 0.99))} ms`,
      ];
    },
};
