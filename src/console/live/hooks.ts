/** Owns what views read of what is live: the stream's state, its entries, rooms, and what is left of a hold. */
import { useEffect, useSyncExternalStore } from 'react';
import type { LiveEntry } from '../api/wire.ts';
import type { Rooms } from '../board/board-store.ts';
import { useSignedIn } from '../session/context.tsx';
import { remainingText } from './clock.ts';
import type { LiveState } from './live.ts';
import { onBeat } from './ticker.ts';

/** Whether what is shown is live, and since when. */
export function useLiveState(): LiveState {
  const { live } = useSignedIn();
  return useSyncExternalStore(live.subscribe, live.get);
}

/** Every room as it is now. */
export function useRooms(): Rooms {
  const { board } = useSignedIn().live;
  return useSyncExternalStore(board.subscribe, board.get);
}

/** Calls `listener` for each entry of the stream; give a function that stays the same between renders. */
export function useEntries(listener: (entry: LiveEntry) => void): void {
  const { live } = useSignedIn();
  useEffect(() => live.onEntry(listener), [live, listener]);
}

/** What is left until an instant, by the database's clock, as `14:59`; drawn again only when the text changes. */
export function useRemaining(expiresAt: string): string {
  const { clock } = useSignedIn().live;
  const expiresAtMs = Date.parse(expiresAt);
  return useSyncExternalStore(onBeat, () => remainingText(expiresAtMs, clock.nowMs()));
}

/** Whether an instant has passed, by the database's clock; drawn again only when it does. */
export function useHasPassed(instant: string): boolean {
  const { clock } = useSignedIn().live;
  const instantMs = Date.parse(instant);
  return useSyncExternalStore(onBeat, () => instantMs <= clock.nowMs());
}
