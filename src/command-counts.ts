/** Owns what is counted of commands: their batches and queues, what they refuse, and what they do to holds and rooms. */
import { z } from 'zod';
import type { Metrics } from './metrics.ts';
import { Problem } from './problems.ts';

/** Where a request is on its way to a batch. */
export type Queued = { readonly sentAtMs: number; isTaken: boolean };

/** What a batch came to. `changed` counts the requests that were granted, those that a key answered again left out. */
export type BatchResult = Readonly<{ changed: number; replayed: number; tally: string | null }>;

const tallySchema = z.partialRecord(
  z.enum(['CONFIRMED', 'RELEASED', 'REVOKED', 'EXPIRED', 'FREEZE_ENDED']),
  z.number(),
);

/** Counts one command. */
export type CommandCounts = Readonly<{
  /** A request sets out for its batch. */
  sent(): Queued;
  /** A batch starts with these requests; what it answers is to be called when the batch has ended. */
  started(batch: readonly Queued[]): () => void;
  made(result: BatchResult): void;
  /** The command refused a request. */
  refused(code: string): void;
  /** A request failed, perhaps before it came into a batch. */
  failed(queued: Queued, error: unknown): void;
}>;

/** Counts what the command of this name does, from 0. */
export function openCommandCounts(metrics: Metrics, command: string): CommandCounts {
  const queued = metrics.commandQueued.labels(command);
  const waitSeconds = metrics.commandWaitSeconds.labels(command);
  const batchRequests = metrics.commandBatchRequests.labels(command);
  const seconds = metrics.commandSeconds.labels(command);
  queued.set(0);

  function refused(code: string): void {
    metrics.commandRefusals.inc({ command, code });
  }

  return {
    sent() {
      queued.inc();
      return { sentAtMs: performance.now(), isTaken: false };
    },
    started(batch) {
      const startedAtMs = performance.now();
      batchRequests.observe(batch.length);
      for (const one of batch) {
        // Of a batch that failed as a whole each request comes here again, alone.
        if (one.isTaken) continue;
        one.isTaken = true;
        queued.dec();
        waitSeconds.observe((startedAtMs - one.sentAtMs) / 1000);
      }
      return () => seconds.observe((performance.now() - startedAtMs) / 1000);
    },
    made({ changed, replayed, tally }) {
      if (command === 'hold_place') {
        metrics.holdsPlaced.inc(changed);
        metrics.holdsReplayed.inc(replayed);
      }
      if (command === 'hold_extend') metrics.holdsExtended.inc(changed);
      if (command === 'room_freeze') metrics.roomsFrozen.inc(changed);
      if (command === 'room_unfreeze') metrics.roomsUnfrozen.inc(changed);
      if (tally !== null) countTally(metrics, tally);
    },
    refused,
    failed(one, error) {
      if (!one.isTaken) queued.dec();
      refused(error instanceof Problem ? error.code : 'internal-error');
    },
  };
}

/** What only the database knows: a repeated confirmation looks like the first, and what is over is tidied on the way. */
function countTally(metrics: Metrics, tally: string): void {
  const ended = tallySchema.parse(JSON.parse(tally));
  metrics.holdsConfirmed.inc(ended.CONFIRMED ?? 0);
  metrics.holdsReleased.inc(ended.RELEASED ?? 0);
  metrics.holdsRevoked.inc(ended.REVOKED ?? 0);
  metrics.holdsExpired.inc({ found_by: 'command' }, ended.EXPIRED ?? 0);
  metrics.freezesEnded.inc({ found_by: 'command' }, ended.FREEZE_ENDED ?? 0);
}
