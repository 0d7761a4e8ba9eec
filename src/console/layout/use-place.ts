/** Owns following and changing the place from React. */
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { hashOf, type Place, placeOf, type View } from './place.ts';

const subscribe = (listener: () => void): (() => void) => {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
};

const changed = (): void => {
  window.dispatchEvent(new HashChangeEvent('hashchange'));
};

/** Goes to a place, as a link would. */
export function go(view: View, filters?: Readonly<Record<string, string | undefined>>): void {
  window.location.hash = hashOf(view, filters);
}

/** The present place, and a way to change its filters without a new entry in the history for each letter typed. */
export function usePlace(): Place & { filter: (changes: Record<string, string | undefined>) => void } {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  const place = useMemo(() => placeOf(hash), [hash]);
  const filter = useCallback((changes: Record<string, string | undefined>) => {
    const now = placeOf(window.location.hash);
    window.history.replaceState(null, '', hashOf(now.view, { ...now.filters, ...changes }));
    changed();
  }, []);
  return { ...place, filter };
}
