/** Owns `npm run token`: prints a token signed with the server's secret. */
import { parseArgs } from 'node:util';
import { type Config, loadConfig } from '../config.ts';
import { permissions, systemActor } from '../http/caller.ts';
import { keptSecret } from '../kept-secret.ts';
import { signToken } from '../tokens.ts';

const usage = 'npm run token -- --sub NAME --scopes ROOM_MANAGEMENT:WRITE[,…] [--ttl 1h]';

const secondsByUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A year: nobody looks after a token for longer. */
const ttlSecondsMax = 365 * 86_400;

/** Something that the caller has to put right; the message says what. */
const refuse = (message: string): never => {
  throw new Error(message);
};

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

const parseSub = (sub: string): string => {
  const length = [...sub].length;
  if (length < 1 || length > 255) refuse('--sub must have 1 to 255 characters');
  if (sub === systemActor) refuse(`--sub must not be ${systemActor}: the server itself acts under that name`);
  return sub;
};

const secretOf = async ({ key, dataDir }: Config): Promise<string> => {
  if (key === undefined) return keptSecret(dataDir, 'jwt-secret');
  if (key.kind === 'secret') return key.secret;
  return refuse(
    `${key.kind === 'jwks' ? 'JWT_JWKS_URL' : 'JWT_PUBLIC_KEY'} is set: only who has the private key can sign a token`,
  );
};

const loadSettings = (): Config => {
  const settings = loadConfig();
  return 'config' in settings ? settings.config : refuse(settings.faults.join('; '));
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { sub: { type: 'string' }, scopes: { type: 'string', multiple: true }, ttl: { type: 'string' } },
  });
  const { sub, scopes, ttl = '1h' } = values;
  if (sub === undefined || scopes === undefined) throw new Error(`usage: ${usage}`);
  const request = { sub: parseSub(sub), scopes: parseScopes(scopes), ttlSeconds: parseTtl(ttl) };
  const config = loadSettings();
  const { jwtIssuer: issuer, jwtAudience: audience } = config;
  process.stdout.write(`${signToken({ ...request, secret: await secretOf(config), issuer, audience })}\n`);
};

try {
  await main();
} catch (error) {
  process.stderr.write(`holdfast: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
