/** Owns the worker that tidies what is over: expired holds, timed freezes, old idempotency keys. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../database.ts';
import type { Platform } from '../platform.ts';
import { type SweepCounts, sweep } from './sql.ts';

/** Rooms in one transaction: enough to go fast, few enough that nobody waits long for one of them. */
const batchRoomsMax = 500;
/** The same while somebody books: what they commit waits until this is written to disk. */
const politeBatchRoomsMax = 100;
/** Nobody books here once nothing has been changed through this server for so long. */
const quietMsMin = 1_000;
/** Rooms in one pass, so that a pass ends; the next goes on. */
const passRoomsMax = 500_000;
/** The longest rest between two batches of a backlog. */
const restMsMax = 100;

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
export function startExpiryWorker(
  platform: Pick<Platform, 'config' | 'database' | 'log' | 'metrics' | 'tracing'>,
): ExpiryWorker {
  const { config, database, log, metrics, tracing } = platform;
  let running: Promise<void> | undefined;
  let isStopped = false;

  async function sweepBatch(roomsMax: number): Promise<SweepCounts | undefined> {
    const [row] = await tracing.batch({ command: 'sweep', size: 1, spans: [] }, () =>
      database.backgroundCommand<{ counts: SweepCounts }>(sweep(roomsMax)),
    );
    metrics.holdsExpired.inc({ found_by: 'sweep' }, row?.counts.holds_expired ?? 0);
    metrics.freezesEnded.inc({ found_by: 'sweep' }, row?.counts.freezes_ended ?? 0);
    metrics.keysForgotten.inc(row?.counts.keys_forgotten ?? 0);
    return row?.counts;
  }

  /** A pass, and how it went. */
  async function runMeasured(): Promise<SweptCounts> {
    const startedAtMs = performance.now();
    try {
      const swept = await runPass(database, sweepBatch, () => isStopped);
      metrics.sweeps.inc({ result: 'done' });
      metrics.sweepLastDone.setToCurrentTime();
      return swept;
    } catch (error) {
      metrics.sweeps.inc({ result: 'failed' });
      throw error;
    } finally {
      metrics.sweepSeconds.observe((performance.now() - startedAtMs) / 1000);
    }
  }

  function tick(): void {
    running ??= runMeasured()
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

  metrics.sweepIntervalSeconds.set(config.holdSweepIntervalSeconds);
  tick();
  const timer = setInterval(tick, config.holdSweepIntervalSeconds * 1000);
  return {
    runOnce: runMeasured,
    stop: async () => {
      isStopped = true;
      clearInterval(timer);
      await running;
    },
  };
}

/** Sweeps batch after batch until nothing is over, a lane of its own beside while nobody books. */
async function runPass(
  database: Pick<Database, 'quietMs'>,
  sweepBatch: (roomsMax: number) => Promise<SweepCounts | undefined>,
  isStopped: () => boolean,
): Promise<SweptCounts> {
  const swept = { holdsExpired: 0, freezesEnded: 0, keysForgotten: 0 };
  let roomsBegun = 0;
  let isMore = true;
  // Whoever books goes first.
  const isBusy = () => database.quietMs() < quietMsMin;

  async function runBatch(): Promise<void> {
    const roomsMax = isBusy() ? politeBatchRoomsMax : batchRoomsMax;
    roomsBegun += roomsMax;
    const counts = await sweepBatch(roomsMax).catch((error: unknown) => {
      isMore = false;
      throw error;
    });
    swept.holdsExpired += counts?.holds_expired ?? 0;
    swept.freezesEnded += counts?.freezes_ended ?? 0;
    swept.keysForgotten += counts?.keys_forgotten ?? 0;
    isMore &&= counts?.is_more === true;
  }
  const isDue = () => isMore && roomsBegun < passRoomsMax && !isStopped();
  async function runFirstLane(): Promise<void> {
    while (isDue()) {
      const startedAtMs = performance.now();
      await runBatch();
      // A backlog takes half of the time while somebody books.
      if (isDue() && isBusy()) await delay(Math.min(performance.now() - startedAtMs, restMsMax));
    }
  }
  /** Two sweep a backlog almost twice as fast as one. */
  async function runSecondLane(): Promise<void> {
    while (isDue()) await (isBusy() ? delay(restMsMax) : runBatch());
  }
  await runBatch();
  const ran = await Promise.allSettled([runFirstLane(), runSecondLane()]);
  const failed = ran.find((lane) => lane.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return swept;
}
