/** Owns the tokens of the tests: signed with plain node:crypto, so that a test can also sign wrongly. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** The secret of every test app that is not given another. */
export const testSecret = 'a-secret-of-the-tests-that-is-long-enough';

type Part = Record<string, unknown>;

const encode = (part: Part | string): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

/** Header, payload and signature, whatever they are. */
export function joinToken(header: Part | string, payload: Part | string, signature: string): string {
  return `${encode(header)}.${encode(payload)}.${signature}`;
}

/** Now, in whole seconds of Unix time. */
export const unixSeconds = (): number => Math.floor(Date.now() / 1000);

/** The claims of a token that is good for an hour; `claims` adds and replaces, undefined takes away. */
export function goodClaims(claims: Part = {}): Part {
  return { sub: 'tester', exp: unixSeconds() + 3600, ...claims };
}

/** The time `seconds` from now, as a claim. */
export function inSeconds(seconds: number): number {
  return unixSeconds() + seconds;
}

/** An HS256 token. */
export function hmacToken(claims: Part, secret: string | Buffer = testSecret, header: Part = {}): string {
  const signed = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** A token signed with a private key, by the algorithm that fits it. */
export function keyToken(claims: Part, key: KeyObject, header: Part = {}): string {
  const algorithms: Record<string, string> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };
  const algorithm = algorithms[key.asymmetricKeyType ?? ''];
  const signed = `${encode({ alg: algorithm, typ: 'JWT', ...header })}.${encode(claims)}`;
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signature = sign(hash, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** A token of the test secret for `sub` with these permissions. */
export function tokenFor(sub: string, ...scopes: string[]): string {
  return hmacToken(goodClaims({ sub, scopes }));
}

/** A fresh key pair of each kind that a server takes. */
export function keyPair(kind: 'rsa' | 'ec' | 'ed25519'): { publicKey: KeyObject; privateKey: KeyObject } {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (kind === 'ec') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairSync('ed25519');
}

/** A public key as PEM, the form of JWT_PUBLIC_KEY. */
export function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

/** A token that says everything that the admin's says, but was not signed with the secret of the tests. */
export function forgedToken(how: 'none' | 'other-key'): string {
  const claims = goodClaims({ sub: 'admin', scopes: ['ROOM_MANAGEMENT:WRITE'] });
  return how === 'none'
    ? joinToken({ alg: 'none', typ: 'JWT' }, claims, '')
    : hmacToken(claims, 'another-secret-that-is-long-enough-too');
}
