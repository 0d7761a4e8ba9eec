/** Owns the cache of single holds: an instance shows its own changes at once, the others follow within `ageMsMax`. */
import { LRUCache } from 'lru-cache';
import { ageMsMax } from './ages.ts';
import type { CacheCounter } from './counter.ts';
import { commandTimeoutMs } from './redis.ts';
import type { SharedLevel } from './shared.ts';

/** A hold as the wire shows it; `ttlMs` is the time left until it expires, by the database's clock (ended: Infinity). */
export type LoadedHold = Readonly<{ body: string; ttlMs: number }>;

export type HoldCache = {
  /**
   * The hold's body: at most `ageMsMax` old, never past its expiry, and never older than a `put`, `drop` or `dropAll`
   * of this instance that came before the call. `load` must begin its database read when it is called; undefined (no
   * such hold) is not kept, a rejection reaches every reader that joined. Readers of one hold share one load.
   */
  read(holdId: string, load: () => Promise<LoadedHold | undefined>): Promise<string | undefined>;
  /**
   * After the commit that made the hold so. Readers on this instance see it from now on, readers on others at most
   * `ageMsMax` later. `askedAtMs` is `performance.now()` from before the command was sent: `ttlMs` and the age count
   * from there, so that no delay of the commit adds to them. Never throws, never waits.
   */
  put(holdId: string, hold: LoadedHold, askedAtMs: number): void;
  /** After a commit that changed these holds without showing them: the next read on this instance asks the database. */
  drop(holdIds: readonly string[]): void;
  /** The same for all holds. */
  dropAll(): void;
};

/** What is known of one hold. A change puts another slot in its place: that is how a slow read finds itself overtaken. */
type Slot = {
  readonly kept?: { body: string; endsAtMs: number };
  /** Until then Redis may still hold what another instance read before this instance's change. */
  readonly ownUntilMs: number;
  flight?: { outcome: Promise<string | undefined>; joinableUntilMs: number };
};

const holdsMax = 10_000;
/** 32 MiB of bodies, counted in characters. */
const bodiesLengthMax = 32 * 1024 * 1024;
const overheadLength = 256;
/** By then every entry whose database read began before the change has ended, a small step of Redis' clock included. */
const ownMs = ageMsMax + commandTimeoutMs;

/** The slots, bounded; what a slot that had to go knew is not forgotten before its time. */
function openSlots() {
  let allOwnUntilMs = 0;
  const slots = new LRUCache<string, Slot>({
    max: holdsMax,
    maxSize: bodiesLengthMax,
    sizeCalculation: ({ kept }) => overheadLength + (kept?.body.length ?? 0),
    dispose(slot, _holdId, reason) {
      if (reason === 'evict') allOwnUntilMs = Math.max(allOwnUntilMs, slot.ownUntilMs);
    },
  });
  return {
    get: (holdId: string) => slots.get(holdId),
    has: (holdId: string, slot: Slot) => slots.peek(holdId) === slot,
    set: (holdId: string, slot: Slot) => void slots.set(holdId, slot),
    clear(ownUntilMs: number): void {
      allOwnUntilMs = ownUntilMs;
      slots.clear();
    },
    /** Until then Redis is not asked for this hold. */
    ownUntilMs: (slot: Slot) => Math.max(slot.ownUntilMs, allOwnUntilMs),
  };
}

/** An empty cache. `shared` is undefined without Redis; `nowMs` is the monotonic clock in milliseconds. */
export function openHoldCache(options: {
  shared: SharedLevel | undefined;
  nowMs: () => number;
  count: CacheCounter;
}): HoldCache {
  const { shared, nowMs, count } = options;
  const slots = openSlots();

  function keep(holdId: string, hold: LoadedHold, sinceMs: number, ownUntilMs: number): void {
    const endsAtMs = sinceMs + Math.min(ageMsMax, hold.ttlMs);
    const canKeep = nowMs() < endsAtMs;
    slots.set(holdId, canKeep ? { kept: { body: hold.body, endsAtMs }, ownUntilMs } : { ownUntilMs });
    if (canKeep) shared?.keepHold(holdId, hold.body, endsAtMs);
  }

  async function fly(holdId: string, slot: Slot, load: () => Promise<LoadedHold | undefined>) {
    const isCurrent = () => slots.has(holdId, slot);
    const { ownUntilMs } = slot;
    try {
      if (shared !== undefined && nowMs() >= slots.ownUntilMs(slot)) {
        const found = await shared.findHold(holdId);
        count('hold', 'redis', found === undefined ? 'miss' : 'hit');
        if (found !== undefined && isCurrent()) slots.set(holdId, { kept: found, ownUntilMs });
        if (found !== undefined) return found.body;
      }
      let startedAtMs = nowMs();
      let hold = await load();
      if (hold !== undefined && nowMs() >= startedAtMs + hold.ttlMs) {
        // The read took so long that what it says is over by now.
        startedAtMs = nowMs();
        hold = await load();
      }
      if (hold !== undefined && isCurrent()) keep(holdId, hold, startedAtMs, ownUntilMs);
      return hold?.body;
    } finally {
      delete slot.flight;
    }
  }

  return {
    async read(holdId, load) {
      const { kept, flight, ownUntilMs = 0 } = slots.get(holdId) ?? {};
      if (kept !== undefined && nowMs() < kept.endsAtMs) {
        count('hold', 'process', 'hit');
        return kept.body;
      }
      if (flight !== undefined && nowMs() < flight.joinableUntilMs) {
        count('hold', 'process', 'joined');
        return flight.outcome;
      }
      count('hold', 'process', 'miss');
      const slot: Slot = { ownUntilMs };
      slots.set(holdId, slot);
      const joinableUntilMs = nowMs() + ageMsMax;
      const outcome = fly(holdId, slot, load);
      slot.flight = { outcome, joinableUntilMs };
      return outcome;
    },
    put(holdId, hold, askedAtMs) {
      keep(holdId, hold, askedAtMs, nowMs() + ownMs);
    },
    drop(holdIds) {
      for (const holdId of holdIds) slots.set(holdId, { ownUntilMs: nowMs() + ownMs });
    },
    dropAll() {
      slots.clear(nowMs() + ownMs);
    },
  };
}
