/** Owns what a server without a configured key prints at its start: tokens to try it with, and calls that work. */
import type { Permission } from './http/caller.ts';
import { codeMinutesMax } from './sign-in-codes.ts';
import { signToken } from './tokens.ts';

const callers: readonly { sub: string; does: string; scopes: readonly Permission[] }[] = [
  { sub: 'admin', does: 'freezes rooms and changes everything', scopes: ['ROOM_MANAGEMENT:WRITE'] },
  {
    sub: 'frontend',
    does: 'holds rooms for its customers',
    scopes: ['ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE'],
  },
  { sub: 'operations', does: 'reads everything', scopes: ['ROOM_MANAGEMENT:READ'] },
];

/** A token outlives a working week, but not a forgotten terminal. */
const tokenTtlSeconds = 7 * 24 * 3600;

type Example = { title: string; by: string; method?: string; path: string; body?: object };

const examples: readonly Example[] = [
  {
    title: 'Freeze room 5',
    by: 'admin',
    method: 'POST',
    path: '/rooms/5/freeze',
    body: { freeze_reason: 'Water damage' },
  },
  { title: 'List what is frozen', by: 'operations', path: '/rooms?is_freezed=true' },
  { title: 'Unfreeze room 5', by: 'admin', method: 'DELETE', path: '/rooms/5/freeze' },
  { title: 'See what happened to room 5', by: 'operations', path: '/audit?entity=room&entity_id=5' },
  {
    title: 'Hold room 7 for a checkout',
    by: 'frontend',
    method: 'POST',
    path: '/rooms/hold',
    body: { room_ids: [7], holder: 'customer-1' },
  },
];

const curl = ({ method, path, body }: Example, url: string, token: string): string =>
  [
    'curl -sS',
    ...(method === undefined ? [] : [`-X ${method}`]),
    `-H 'Authorization: Bearer ${token}'`,
    ...(body === undefined ? [] : [`-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`]),
    `'${url}${path}'`,
  ].join(' ');

const consoleLink = (url: string, code: string): string[] => [
  '',
  `Open the console (this link signs you in once, within ${codeMinutesMax} minutes):`,
  `${url}/console/#code=${code}`,
];

/**
 * The text to print: for a server that listens on `url` and signs with `secret`. The link to the console is there if
 * there is a code for it.
 */
export function welcome(options: {
  url: string;
  secret: string;
  issuer: string | undefined;
  audience: string | undefined;
  signInCode: string | undefined;
}): string {
  const { url, signInCode, ...key } = options;
  const tokens = new Map(
    callers.map(({ sub, scopes }) => [sub, signToken({ ...key, sub, scopes, ttlSeconds: tokenTtlSeconds })]),
  );
  const token = (sub: string): string => tokens.get(sub) ?? '';
  return [
    `Holdfast listens on ${url}`,
    ...(signInCode === undefined ? [] : consoleLink(url, signInCode)),
    '',
    'No key is configured: these tokens are signed with a secret of the data folder. They are good for 7 days.',
    ...callers.flatMap(({ sub, does, scopes }) => ['', `${sub} ${does} (${scopes.join(', ')}):`, token(sub)]),
    '',
    'Try it:',
    ...examples.flatMap((example) => ['', `# ${example.title}`, curl(example, url, token(example.by))]),
    '',
    '',
  ].join('\n');
}
