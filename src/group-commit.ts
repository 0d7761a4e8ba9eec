/** Owns group commit: requests that arrive while one batch is at the database form the next batch. */
import { Problem } from './problems.ts';

/** The bounds of one queue. */
export type GroupCommitLimits = Readonly<{
  /** Requests in one batch: enough to share a commit widely, few enough to be over quickly. */
  batchRequestsMax: number;
  /** Batches at the database at a time. */
  flightsMax: number;
  /** While a batch is under way, a part of a batch waits at most this long for more to join it. */
  gatherMsMax: number;
  /** Requests that may wait; one more is refused. */
  queuedRequestsMax: number;
}>;

type Waiting<Request, Outcome> = Readonly<{
  request: Request;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}>;

/**
 * Makes a function that commits one request from one that commits a set, in order, with one outcome each.
 *
 * A request goes at once, alone if it is alone, when no batch is under way. Later ones wait in the order of their
 * arrival, for the batch to land, for a full batch to gather, or for `gatherMsMax`, whichever comes first: one large
 * batch costs the database far less than three small ones, but none waits long behind one that is held up. Of a set
 * that fails as a whole, with nothing done, each request is tried alone, once, so that one that cannot be committed
 * fails alone. Throws `overloaded` when the queue is full: nothing was done.
 */
export function groupCommit<Request, Outcome>(
  commit: (requests: readonly Request[]) => Promise<readonly Outcome[]>,
  limits: GroupCommitLimits,
): (request: Request) => Promise<Outcome> {
  const queue: Waiting<Request, Outcome>[] = [];
  let flights = 0;
  let gathering: NodeJS.Timeout | undefined;
  let isGathered = false;

  async function fly(batch: readonly Waiting<Request, Outcome>[]): Promise<void> {
    let outcomes: readonly Outcome[];
    try {
      outcomes = await commit(batch.map((waiting) => waiting.request));
    } catch (error) {
      if (batch.length === 1 || isFinal(error)) {
        for (const waiting of batch) waiting.reject(error);
      } else {
        // Side by side: one that waits for a lock holds up none of the others.
        await Promise.all(batch.map((waiting) => fly([waiting])));
      }
      return;
    }
    const isWhole = outcomes.length === batch.length;
    batch.forEach(({ resolve, reject }, index) => {
      const outcome = outcomes[index];
      // Nothing may be tried again: it is committed, only whose outcome is whose is not known.
      if (!isWhole || outcome === undefined)
        reject(new Error('a command must answer one outcome per request'));
      else resolve(outcome);
    });
  }

  /** Tells whether a batch is due beside `others` that are under way. */
  function isDue(others: number): boolean {
    if (others === 0) return queue.length > 0;
    return others < limits.flightsMax && (isGathered || queue.length >= limits.batchRequestsMax);
  }

  async function takeOff(): Promise<void> {
    flights += 1;
    do {
      const batch = queue.splice(0, limits.batchRequestsMax);
      gather();
      await fly(batch);
    } while (isDue(flights - 1));
    flights -= 1;
  }

  /** Those in the queue now, and those who join them, have gathered long enough from `gatherMsMax` on. */
  function gather(): void {
    clearTimeout(gathering);
    isGathered = false;
    if (queue.length === 0) return;
    gathering = setTimeout(() => {
      isGathered = true;
      if (isDue(flights)) void takeOff();
    }, limits.gatherMsMax);
  }

  return (request) =>
    new Promise((resolve, reject) => {
      if (queue.length >= limits.queuedRequestsMax) {
        reject(new Problem('overloaded', 'Too many requests wait for the database.'));
        return;
      }
      queue.push({ request, resolve, reject });
      if (isDue(flights)) void takeOff();
      else if (queue.length === 1) gather();
    });
}

/** Tells whether trying each request alone would be wrong (it may be done already) or no use. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof Problem && (error.code === 'outcome-unknown' || error.code === 'dependency-unavailable')
  );
}
