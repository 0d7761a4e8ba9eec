/** Owns who is signed in: one token, kept in this tab's session storage and nowhere else. */
import { type Claims, claimsOf, type Permission } from './token.ts';

const storageKey = 'holdfast.token';

/** `ended` says why nobody is signed in: the token was refused, or it was the person's wish (or the first visit). */
export type Session =
  | { token: string; claims: Claims; ended?: undefined }
  | { token?: undefined; claims?: undefined; ended: 'refused' | 'wished'; sub?: string };

export type SessionStore = ReturnType<typeof openSession>;

type TokenStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const sessionOf = (token: string | null): Session => {
  const claims = token === null ? undefined : claimsOf(token);
  return token === null || claims === undefined ? { ended: 'wished' } : { token, claims };
};

/** Opens the session kept in `storage`. A storage that refuses is a session that lasts until the page is reloaded. */
export function openSession(storage: TokenStorage | undefined) {
  const listeners = new Set<() => void>();
  const attempt = <T>(action: (storage: TokenStorage) => T): T | undefined => {
    try {
      return storage === undefined ? undefined : action(storage);
    } catch {
      return undefined;
    }
  };
  let session = sessionOf(attempt((kept) => kept.getItem(storageKey)) ?? null);
  const change = (next: Session): void => {
    session = next;
    attempt((kept) =>
      next.token === undefined ? kept.removeItem(storageKey) : kept.setItem(storageKey, next.token),
    );
    for (const listener of listeners) listener();
  };
  return {
    get: (): Session => session,
    subscribe: (listener: () => void): (() => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Signs in with a token that claims something; returns false, changing nothing, for one that does not. */
    signIn: (token: string): boolean => {
      const next = sessionOf(token);
      if (next.token === undefined) return false;
      change(next);
      return true;
    },
    signOut: (): void => change({ ended: 'wished' }),
    /** The server refused `token`: whoever is signed in with it has to sign in again. */
    refuse: (token: string | undefined): void => {
      if (session.token === undefined || session.token !== token) return;
      change({ ended: 'refused', sub: session.claims.sub });
    },
    may: (permission: Permission): boolean => session.claims?.permissions.has(permission) === true,
  };
}
