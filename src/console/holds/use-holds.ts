/** Owns the lists of holds that are loaded, and what changes them from here. */
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import type { Answer, Calls, HoldFilter } from '../api/calls.ts';
import { Problem, unreachable } from '../api/problem.ts';
import type { Hold, HoldPage } from '../api/wire.ts';
import { useRefresh } from '../live/use-refresh.ts';
import { useSignedIn } from '../session/context.tsx';
import { holdActions } from './holds.ts';

const queryKey = 'holds';

/** The holds of a list, newest first, page after page, kept true by the stream; one hold only, with its id. */
export function useHolds(filter: HoldFilter, holdId: string | undefined) {
  const { calls } = useSignedIn();
  useRefresh(queryKey, holdActions);
  return useInfiniteQuery({
    queryKey: [queryKey, 'list', holdId ?? filter],
    queryFn: async ({ pageParam, signal }): Promise<HoldPage> => {
      if (holdId !== undefined) return onlyHold(calls, holdId, signal);
      return (await calls.listHolds({ ...filter, cursor: pageParam, signal })).value;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
  });
}

/** One hold as a list of its own; none when there is no such hold, or it is not ours to see. */
async function onlyHold(calls: Calls, holdId: string, signal: AbortSignal): Promise<HoldPage> {
  try {
    return { holds: [(await calls.getHold(holdId, signal)).value], next_cursor: null };
  } catch (error) {
    const isNone = error instanceof Problem && [400, 404].includes(error.status);
    if (isNone) return { holds: [], next_cursor: null };
    throw error;
  }
}

/** A change of a hold or a new one. Its answer is shown at once; what else it changed follows with the stream. */
export function useHoldChange<Wish>(send: (calls: Calls, wish: Wish) => Promise<Answer<Hold>>) {
  const { calls, live } = useSignedIn();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (wish: Wish): Promise<Hold> => {
      const answer = await send(calls, wish);
      const { value: hold } = answer;
      if (hold.status === 'ACTIVE') {
        live.clock.sawSecondsLeft(Date.parse(hold.expires_at), hold.expires_in_seconds, answer);
      }
      return hold;
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: [queryKey] }),
    onError: (error) => {
      // It is not as it was shown, or it is not known how it is: look again.
      const isTelling = error instanceof Problem && (error.status >= 404 || error.code === unreachable);
      if (isTelling) void queries.invalidateQueries({ queryKey: [queryKey] });
    },
  });
}
