/** Owns which view is shown: signing in for those who are not signed in, else the view that the place names. */
import { useEffect } from 'react';
import { AuditView } from './audit/audit-view.tsx';
import { BoardView } from './board/board-view.tsx';
import { HoldsView } from './holds/holds-view.tsx';
import { codeIn } from './layout/place.ts';
import { Shell } from './layout/shell.tsx';
import { usePlace } from './layout/use-place.ts';
import { SignedInProvider, useSession } from './session/context.tsx';
import type { SessionStore } from './session/session.ts';
import { SignIn } from './session/sign-in.tsx';

function PlacedView() {
  const { view } = usePlace();
  if (view === 'holds') return <HoldsView />;
  if (view === 'audit') return <AuditView />;
  return <BoardView />;
}

/** The console for one session. Whoever has to sign in again finds the place as it was: it stands in the address. */
export function App({ store }: { store: SessionStore }) {
  const session = useSession(store);
  useEffect(() => {
    // A sign-in link that is opened in a tab that is signed in already means the link.
    const look = (): void => {
      if (codeIn(window.location.hash) !== undefined) store.signOut();
    };
    look();
    window.addEventListener('hashchange', look);
    return () => window.removeEventListener('hashchange', look);
  }, [store]);
  if (session.token === undefined) return <SignIn store={store} ended={session} />;
  return (
    <SignedInProvider key={session.token} store={store} token={session.token} claims={session.claims}>
      <Shell>
        <PlacedView />
      </Shell>
    </SignedInProvider>
  );
}
