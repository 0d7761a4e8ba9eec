/** Owns the end of a list: how much of it is shown, and getting more. */
import type { UseInfiniteQueryResult } from '@tanstack/react-query';
import { ChevronDown } from 'lucide-react';
import { problemText } from '../api/problem-words.ts';
import { Button } from './button.tsx';
import { Notice } from './notice.tsx';
import './more.css';

/** Says that the list is at its end, or offers the next page of it. `what` is what is listed, in the plural. */
export function More({
  query,
  shownCount,
  what,
}: {
  query: Pick<
    UseInfiniteQueryResult,
    | 'error'
    | 'fetchNextPage'
    | 'hasNextPage'
    | 'isFetchingNextPage'
    | 'isFetchNextPageError'
    | 'isRefetching'
    | 'refetch'
  >;
  shownCount: number;
  what: string;
}) {
  const loadMore = async (): Promise<void> => {
    // The next page would cut short a list that is being asked for anew.
    if (query.isRefetching) await query.refetch({ cancelRefetch: false });
    await query.fetchNextPage();
  };
  return (
    <footer className="more">
      {query.isFetchNextPageError && (
        <Notice tone="danger" isLive>
          {problemText(query.error)}
        </Notice>
      )}
      {query.hasNextPage ? (
        <Button isPending={query.isFetchingNextPage} onPress={() => void loadMore()}>
          <ChevronDown aria-hidden /> Load more {what}
        </Button>
      ) : (
        <p>{shownCount === 1 ? `This is all.` : `These are all ${shownCount} ${what}.`}</p>
      )}
    </footer>
  );
}
