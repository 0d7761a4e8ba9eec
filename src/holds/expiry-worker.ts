/** Owns the worker that tidies what is over: expired holds, timed freezes, old idempotency keys. */
import type { Platform } from '../platform.ts';
import { type SweepCounts, sweep } from './sql.ts';

/** Rooms in one transaction: enough to go fast, few enough that nobody waits long for one of them. */
const batchRoomsMax = 500;
/** Batches in one pass, so that a pass ends; the next goes on. */
const batchesMax = 1_000;

/** What a pass did in all its batches. */
export type SweptCounts = Readonly<{ holdsExpired: number; freezesEnded: number; keysForgotten: number }>;

/** The worker of one instance. */
export type ExpiryWorker = Readonly<{
  /** One pass. Several instances may run one at a time: they share the work and never do it twice. */
  runOnce(): Promise<SweptCounts>;
  /** Starts no further pass, and waits for the one that runs. */
  stop(): Promise<void>;
}>;

/**
 * Starts a pass now and then one every `holdSweepIntervalSeconds`, never two at a time. A pass that fails is logged;
 * the next one runs all the same.
 */
export function startExpiryWorker(platform: Pick<Platform, 'config' | 'database' | 'log'>): ExpiryWorker {
  const { config, database, log } = platform;
  let running: Promise<void> | undefined;
  let isStopped = false;

  async function runOnce(): Promise<SweptCounts> {
    const swept = { holdsExpired: 0, freezesEnded: 0, keysForgotten: 0 };
    for (let batch = 0; batch < batchesMax && !isStopped; batch += 1) {
      const [row] = await database.command<{ counts: SweepCounts }>(sweep(batchRoomsMax));
      if (row === undefined) break;
      swept.holdsExpired += row.counts.holds_expired;
      swept.freezesEnded += row.counts.freezes_ended;
      swept.keysForgotten += row.counts.keys_forgotten;
      if (!row.counts.is_more) break;
    }
    return swept;
  }

  function tick(): void {
    running ??= runOnce()
      .then(
        (swept) => {
          if (Object.values(swept).some((count) => count > 0)) log.info(swept, 'swept');
        },
        (error: unknown) => log.error({ err: error }, 'a sweep failed; the next one will try again'),
      )
      .finally(() => {
        running = undefined;
      });
  }

  tick();
  const timer = setInterval(tick, config.holdSweepIntervalSeconds * 1000);
  return {
    runOnce,
    stop: async () => {
      isStopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
