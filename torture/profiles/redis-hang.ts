/** Owns the profile of a Redis that takes connections and answers nothing for 30 s. */
import { setTimeout as delay } from 'node:timers/promises';
import { nowMs } from '../clock.ts';
import { said } from '../judges/judge.ts';
import { percentileOf } from '../summary.ts';
import type { Profile } from './profile.ts';

const hangSeconds = 30;
/** What is promised of lists meanwhile. */
const listP99MsMax = 250;

/** No call may fail, and lists stay fast. */
export const redisHang: Profile = {
  ordeal:
    () =>
    async ({ world, recorder, say }) => {
      await delay(3_000);
      const injectedMs = nowMs();
      say(`Redis hangs for ${hangSeconds} s`);
      world.redis.freeze();
      await delay(hangSeconds * 1_000);
      world.redis.thaw();
      const healedMs = nowMs();
      recorder.fault({ fault: 'redis hung', detail: '', injectedMs, healedMs, recoveredAfterMs: 0 });
      await delay(3_000);
      const during = recorder
        .history(nowMs())
        .calls.filter(({ invokedMs, end }) => invokedMs >= injectedMs && end.endedMs <= healedMs);
      const failed = during.filter(({ end }) => end.type === 'info' || end.status >= 500);
      for (const call of failed) recorder.incident(`a request failed: ${said(call)}`, call.end.endedMs);
      const took = during
        .filter(({ ask }) => ask.verb === 'list')
        .map(({ invokedMs, end }) => end.endedMs - invokedMs);
      const p99Ms = percentileOf(took, 0.99);
      if (p99Ms >= listP99MsMax) recorder.incident(`lists took ${Math.round(p99Ms)} ms (p99)`, nowMs());
      return [
        `Redis hung for ${hangSeconds} s: ${during.length} requests, ${failed.length} failed`,
        `${took.length} lists, p50 ${Math.round(percentileOf(took, 0.5))} ms, p99 ${Math.round(p99Ms)} ms, ` +
          `longest ${Math.round(percentileOf(took, 1))} ms`,
      ];
    },
};
