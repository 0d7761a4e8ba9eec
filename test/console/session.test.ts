/** Owns signing in: what a token claims, what is kept, and what ends it. */
import { expect, test } from 'vitest';
import { openSession } from '../../src/console/session/session.ts';
import { claimsOf, tokenIn } from '../../src/console/session/token.ts';

const tokenOf = (claims: object): string =>
  ['{}', JSON.stringify(claims), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.');

const admin = tokenOf({ sub: 'Zoë', scopes: ['ROOM_MANAGEMENT:WRITE'], exp: 2_000_000_000 });

const storageOf = (kept: Record<string, string> = {}) => ({
  kept,
  getItem: (key: string) => kept[key] ?? null,
  setItem: (key: string, value: string) => {
    kept[key] = value;
  },
  removeItem: (key: string) => {
    delete kept[key];
  },
});

test('a token’s permissions are read from scopes and scope, and WRITE implies the rest', () => {
  expect(claimsOf(admin)).toMatchObject({ sub: 'Zoë', expiresAtMs: 2_000_000_000_000 });
  expect(claimsOf(admin)?.permissions.size).toBe(4);
  const mixed = claimsOf(
    tokenOf({ sub: 'a', scopes: ['ROOM_HOLD:WRITE', 'x'], scope: 'ROOM_MANAGEMENT:READ y' }),
  );
  expect([...(mixed?.permissions ?? [])]).toEqual(['ROOM_MANAGEMENT:READ', 'ROOM_HOLD:WRITE']);
  for (const bad of ['', 'abc', 'a.b.c', tokenOf({ scopes: [] }), tokenOf([])])
    expect(claimsOf(bad)).toBeUndefined();
});

test('what surrounds a pasted token is taken off', () => {
  for (const pasted of [` ${admin}\n`, `Bearer ${admin}`, `Authorization: Bearer ${admin}`, `"${admin}"`]) {
    expect(tokenIn(pasted)).toBe(admin);
  }
  expect(tokenIn(`${admin.slice(0, 20)}\n${admin.slice(20)}`)).toBe(admin);
  expect(tokenIn('hello')).toBe('hello');
});

test('a session is found again by the next page of the tab, and signing out forgets it', () => {
  const storage = storageOf();
  const session = openSession(storage);
  expect(session.signIn('nonsense')).toBe(false);
  expect(session.signIn(admin)).toBe(true);
  expect(openSession(storage).get().token).toBe(admin);
  session.signOut();
  expect(storage.kept).toEqual({});
  expect(openSession(storage).get()).toEqual({ ended: 'wished' });
});

test('a refused token ends its own session only, and says whose it was', () => {
  const session = openSession(storageOf());
  session.signIn(admin);
  session.refuse('another');
  expect(session.get().token).toBe(admin);
  session.refuse(admin);
  expect(session.get()).toEqual({ ended: 'refused', sub: 'Zoë' });
});

test('a storage that is refused leaves a session until the page is reloaded', () => {
  const refuse = (): never => {
    throw new Error('refused');
  };
  const session = openSession({ getItem: refuse, setItem: refuse, removeItem: refuse });
  session.signIn(admin);
  expect(session.may('ROOM_MANAGEMENT:READ')).toBe(true);
});
