/** Owns what every view stands on: the session, the calls with its token, and what is live. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from 'react';
import { type Calls, callsOf } from '../api/calls.ts';
import { isPassing } from '../api/problem.ts';
import { senderOf } from '../api/send.ts';
import { openServerClock } from '../live/clock.ts';
import { type Live, openLive } from '../live/live.ts';
import type { Session, SessionStore } from './session.ts';
import type { Claims, Permission } from './token.ts';

type SignedIn = {
  claims: Claims;
  calls: Calls;
  live: Live;
  may: (permission: Permission) => boolean;
  signOut: () => void;
};

const SignedInContext = createContext<SignedIn | undefined>(undefined);

/** Who is signed in, and what they work with. Throws outside of `SignedInProvider`. */
export function useSignedIn(): SignedIn {
  const signedIn = useContext(SignedInContext);
  if (signedIn === undefined) throw new Error('nobody is signed in here');
  return signedIn;
}

/** The session as it is now. */
export function useSession(store: SessionStore): Session {
  return useSyncExternalStore(store.subscribe, store.get);
}

/** A tab that nobody has looked at for this long gives its stream back. */
const unseenMsMax = 60_000;

/** Pauses what is live while the tab is out of sight; sees, too, when the machine has slept. */
function useSight(live: Live | undefined): void {
  useEffect(() => {
    if (live === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const steadyOffset = (): number => Date.now() - performance.now();
    let offset = steadyOffset();
    const look = (): void => {
      clearTimeout(timer);
      if (document.visibilityState === 'hidden') {
        timer = setTimeout(live.pause, unseenMsMax);
        return;
      }
      // In some browsers the steady clock stands still while the machine sleeps: what it was set by no longer holds.
      if (Math.abs(steadyOffset() - offset) > 1000) live.clock.forget();
      offset = steadyOffset();
      live.resume();
      live.board.recheck();
    };
    document.addEventListener('visibilitychange', look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [live]);
}

const newQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        // The stream tells when something has changed.
        staleTime: 10_000,
        retry: (count, error) => count < 3 && isPassing(error),
        // Whether the server can be reached is not the browser's to guess.
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  });

/** Opens what belongs to one token, and closes it with it. */
export function SignedInProvider({
  store,
  token,
  claims,
  children,
}: {
  store: SessionStore;
  token: string;
  claims: Claims;
  children: ReactNode;
}) {
  const [live, setLive] = useState<Live>();
  const queries = useMemo(newQueryClient, []);
  const calls = useMemo(
    () => callsOf(senderOf({ token: () => token, refused: store.refuse })),
    [token, store],
  );
  useEffect(() => {
    const opened = openLive({
      calls,
      clock: openServerClock(() => performance.now(), Date.now),
      token,
      mayReadHolds: claims.permissions.has('ROOM_MANAGEMENT:READ'),
      fetch: (input, init) => fetch(input, init),
      refused: () => store.refuse(token),
    });
    setLive(opened);
    return opened.close;
  }, [calls, claims, store, token]);
  useSight(live);
  const signedIn = useMemo(
    () => live && { claims, calls, live, may: store.may, signOut: store.signOut },
    [claims, calls, live, store],
  );
  if (signedIn === undefined) return null;
  return (
    <QueryClientProvider client={queries}>
      <SignedInContext value={signedIn}>{children}</SignedInContext>
    </QueryClientProvider>
  );
}
