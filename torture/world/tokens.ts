/** Owns the tokens of a run: HS256 JSON Web Tokens, signed with the secret that its servers know. */
import { createHmac } from 'node:crypto';

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token for `sub` that outlives any run, on a server whose clock is an hour off as well. */
export function signToken(secret: string, sub: string, scopes: readonly string[]): string {
  const exp = Math.floor(Date.now() / 1000) + 7 * 24 * 3600;
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded({ sub, scopes, exp })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
