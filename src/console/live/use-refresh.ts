/** Owns keeping a list true: it is asked for again when an entry of the stream says that it may have changed. */
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef } from 'react';
import type { AuditAction, LiveEntry } from '../api/wire.ts';
import { useEntries, useLiveState } from './hooks.ts';

/** One change is often several entries: the answer to the last of them is the one worth having. */
const burstMs = 120;
/** A list that changes all the time is asked for this often, at most. */
const pauseMs = 1000;

/** Asks again for the lists under `queryKey` after entries with one of `actions` (any, without), and after a lost stream. */
export function useRefresh(queryKey: string, actions?: ReadonlySet<AuditAction>): void {
  const queries = useQueryClient();
  const { status } = useLiveState();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const askedAtMs = useRef(Number.NEGATIVE_INFINITY);
  const soon = useCallback((): void => {
    const ask = (): void => {
      timer.current = undefined;
      // Asking would cut short what is on its way, such as the next page; and that may be older than the entry.
      if (queries.isFetching({ queryKey: [queryKey] }) > 0) {
        soon();
        return;
      }
      askedAtMs.current = performance.now();
      void queries.invalidateQueries({ queryKey: [queryKey] });
    };
    const waitMs = Math.max(burstMs, askedAtMs.current + pauseMs - performance.now());
    timer.current ??= setTimeout(ask, waitMs);
  }, [queries, queryKey]);
  useEntries(
    useCallback(
      (entry: LiveEntry): void => {
        if (actions === undefined || actions.has(entry.action)) soon();
      },
      [actions, soon],
    ),
  );
  // What happened between loading and the stream, or while it was lost, is in no entry of this page's life.
  useEffect(() => {
    if (status === 'live') soon();
  }, [status, soon]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
}
