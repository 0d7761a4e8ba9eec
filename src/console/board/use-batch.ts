/** Owns a run over many rooms as a dialog follows it: not begun, under way, or over with what came of it. */
import { useCallback, useEffect, useRef, useState } from 'react';
import type { Room } from '../api/wire.ts';
import { useSignedIn } from '../session/context.tsx';
import { actOnRooms, type Outcome } from './batch.ts';

/** `doneCount` rooms of `total` have been answered; `left` holds the outcomes that are not done, once it is over. */
export type Batch =
  | { step: 'asking' }
  | { step: 'running'; answeredCount: number; total: number }
  | { step: 'over'; doneCount: number; left: readonly Exclude<Outcome, { kind: 'done' }>[] };

/** A run of `act` over rooms. Closing the dialog ends it after the calls that are under way. */
export function useBatch() {
  const { board } = useSignedIn().live;
  const [batch, setBatch] = useState<Batch>({ step: 'asking' });
  const stop = useRef(new AbortController());
  useEffect(() => {
    stop.current = new AbortController();
    return () => stop.current.abort();
  }, []);
  const run = useCallback(
    async (rooms: readonly Room[], act: (room: Room) => Promise<Room>): Promise<readonly Outcome[]> => {
      const { signal } = stop.current;
      let answeredCount = 0;
      setBatch({ step: 'running', answeredCount, total: rooms.length });
      const outcomes = await actOnRooms(
        rooms,
        act,
        (outcome) => {
          answeredCount += 1;
          // What we changed is shown at once; the stream tells the same a little later.
          if (outcome.kind === 'done') board.put(outcome.room);
          setBatch({ step: 'running', answeredCount, total: rooms.length });
        },
        signal,
      );
      const left = outcomes.filter((outcome) => outcome.kind !== 'done');
      setBatch({ step: 'over', doneCount: outcomes.length - left.length, left });
      return outcomes;
    },
    [board],
  );
  return { batch, run };
}
