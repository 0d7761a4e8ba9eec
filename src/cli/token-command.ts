/** Owns `holdfast token`: prints a token signed with the server's secret. */
import type { Config } from '../config.ts';
import { permissions, systemActor } from '../http/caller.ts';
import { keptSecret } from '../kept-secret.ts';
import { signToken } from '../tokens.ts';
import { loadSettings, refuse, say } from './settings.ts';

const secondsByUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A year: nobody looks after a token for longer. */
const ttlSecondsMax = 365 * 86_400;

const parseTtl = (text: string): number => {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (secondsByUnit[unit] ?? Number.NaN);
  const isGood = seconds >= 1 && seconds <= ttlSecondsMax;
  return isGood
    ? seconds
    : refuse(`--ttl must be a time such as 90s, 15m, 1h or 30d, a year at most, but is ${text}`);
};

const parseScopes = (texts: readonly string[]): string[] => {
  const scopes = texts.flatMap((text) => text.split(/[\s,]+/)).filter((scope) => scope !== '');
  const known: ReadonlySet<string> = new Set(permissions);
  const unknown = scopes.filter((scope) => !known.has(scope));
  if (scopes.length === 0 || unknown.length > 0) {
    refuse(
      `--scopes must be of ${permissions.join(', ')}${unknown.length > 0 ? `, but is ${unknown.join(', ')}` : ''}`,
    );
  }
  return scopes;
};

/** The name `text` if it may act, as the audit trail would write it; `option` is named when it may not. */
export const parseActor = (option: string, text: string): string => {
  const length = [...text].length;
  if (length < 1 || length > 255) refuse(`${option} must have 1 to 255 characters`);
  if (text === systemActor)
    refuse(`${option} must not be ${systemActor}: the server itself acts under that name`);
  return text;
};

const secretOf = async ({ key, dataDir }: Config): Promise<string> => {
  if (key === undefined) return keptSecret(dataDir, 'jwt-secret');
  if (key.kind === 'secret') return key.secret;
  return refuse(
    `${key.kind === 'jwks' ? 'JWT_JWKS_URL' : 'JWT_PUBLIC_KEY'} is set: only who has the private key can sign a token`,
  );
};

/** Prints a token and nothing else. Throws when an option or a setting is wrong. */
export const printToken = async (options: {
  sub: string;
  scopes: readonly string[];
  ttl: string;
}): Promise<void> => {
  const request = {
    sub: parseActor('--sub', options.sub),
    scopes: parseScopes(options.scopes),
    ttlSeconds: parseTtl(options.ttl),
  };
  const config = loadSettings();
  const { jwtIssuer: issuer, jwtAudience: audience } = config;
  say(signToken({ ...request, secret: await secretOf(config), issuer, audience }));
};
