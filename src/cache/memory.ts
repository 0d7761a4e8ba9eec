/** Owns the first level, the lists of this process: ready bytes, bounded in number and in size. */
import { LRUCache } from 'lru-cache';
import type { ReadyBody } from './entry.ts';
import type { TimedList } from './shared.ts';

/** Lists that differ in filter, sort, page or view; beyond it the least used goes. */
const listsMax = 2_000;
/** 8 MiB: some 100 lists of 200 rooms, or 400 of 50; none is of use for more than a second. */
const bytesMax = 8 * 1024 * 1024;
/** What an entry costs beside its body, about. */
const overheadBytes = 512;

export type ListMemory = {
  /** The list that was kept in this epoch and has not ended, or undefined. */
  get(query: string, epoch: number): ReadyBody | undefined;
  /** Keeps a list that was read in this epoch, unless there is one of a later epoch (epochs rise). */
  put(query: string, epoch: number, timed: TimedList): void;
};

/** An empty memory; `nowMs` is the monotonic clock in milliseconds. */
export function openListMemory(nowMs: () => number): ListMemory {
  const lists = new LRUCache<string, TimedList & { epoch: number }>({
    max: listsMax,
    maxSize: bytesMax,
    sizeCalculation: ({ list }, query) => list.body.length + query.length + overheadBytes,
  });
  return {
    get(query, epoch) {
      const kept = lists.get(query);
      return kept !== undefined && kept.epoch === epoch && nowMs() < kept.endsAtMs ? kept.list : undefined;
    },
    put(query, epoch, timed) {
      const kept = lists.peek(query);
      if (kept !== undefined && kept.epoch > epoch) return;
      lists.set(query, { ...timed, epoch });
    },
  };
}
