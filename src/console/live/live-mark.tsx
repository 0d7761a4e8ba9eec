/** Owns how the page says whether it is live: a quiet mark always, and a banner while it is not. */
import { Radio, RefreshCw, Unplug } from 'lucide-react';
import { useEffect, useState } from 'react';
import { problemText } from '../api/problem-words.ts';
import { timeTextExact } from '../layout/times.ts';
import { Button } from '../parts/button.tsx';
import { useSignedIn } from '../session/context.tsx';
import { useLiveState } from './hooks.ts';
import './live-mark.css';

/** A server that restarts at once needs no banner: the mark tells. */
const bannerAfterMs = 1500;

const texts = {
  loading: 'Loading',
  connecting: 'Connecting',
  live: 'Live',
  lost: 'Reconnecting',
  ended: 'Not live',
  failed: 'Not live',
} as const;

/** The mark in the page's head. It has the same width whatever it says. */
export function LiveMark() {
  const { status } = useLiveState();
  const Icon = status === 'live' ? Radio : status === 'lost' ? RefreshCw : Unplug;
  return (
    <span className={`live-mark live-mark-${status}`} role="status">
      <Icon aria-hidden />
      <span>{texts[status]}</span>
    </span>
  );
}

function useIsLongLost(isLost: boolean): boolean {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    if (!isLost) {
      setLong(false);
      return;
    }
    const timer = setTimeout(() => setLong(true), bannerAfterMs);
    return () => clearTimeout(timer);
  }, [isLost]);
  return isLong;
}

/** Over the top of the view, so that nothing moves: since when what is shown may be out of date, and what is done about it. */
export function LiveBanner() {
  const { live } = useSignedIn();
  const { status, sinceMs, problem } = useLiveState();
  const isLost = useIsLongLost(status === 'lost');
  if (status === 'failed' || status === 'ended') {
    return (
      <div className="live-banner" role="alert">
        <span>{problem ? problemText(problem) : 'The live view has ended.'}</span>
        <Button size="small" onPress={live.reload}>
          Try again
        </Button>
      </div>
    );
  }
  if (!isLost || status !== 'lost') return null;
  return (
    <div className="live-banner" role="alert">
      <span>
        No connection since {timeTextExact(new Date(sinceMs).toISOString())}. What you see may be out of date.
        Trying again by itself.
      </span>
    </div>
  );
}
