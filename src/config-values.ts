/** Owns the kinds of values that settings have: what is accepted, and what a fault says was expected. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';

/** Whose forwarding headers are believed, as Fastify takes it. */
export type TrustProxy = boolean | number | string[];

/** A whole number in plain decimal from `min` to `max`. */
export const wholeNumber = (min: number, max: number) => {
  const expected = `a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,10}$/, expected)
    .transform(Number)
    .refine((value) => value >= min && value <= max, expected);
};

const parsedUrl = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);

/** A well-formed URL with one of `protocols` (each with its colon); `expected` says so in a fault. */
export const url = (protocols: readonly string[], expected: string) =>
  z.string().refine((text) => protocols.includes(parsedUrl(text)?.protocol ?? ''), expected);

/** How a fault names a web address. */
export const webUrlExpected = 'an http:// or https:// URL';
/** An http or https URL. A password in one could not be used, and would be told to every client and log. */
export const webUrl = url(['http:', 'https:'], webUrlExpected).refine((text) => {
  const { username = '', password = '' } = parsedUrl(text) ?? {};
  return username === '' && password === '';
}, 'a URL without a user or password');

const origin = (text: string): string | undefined => {
  const parsed = parsedUrl(text);
  const isOrigin = /^https?:$/.test(parsed?.protocol ?? '') && /^https?:\/\/[^/?#@]+\/?$/i.test(text);
  return isOrigin ? parsed?.origin : undefined;
};

const list = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** Origins separated by commas, each once and as a browser sends it. */
export const corsOrigins = z
  .string()
  .refine(
    (text) => list(text).every((item) => origin(item) !== undefined),
    'origins such as https://book.example.com, separated by commas',
  )
  .transform((text) => [...new Set(list(text).map((item) => origin(item) ?? item))]);

const isProxyAddress = (text: string): boolean => {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
};

/** More hops than any real chain of proxies has. */
const proxyHopsMax = 32;

/** Whose forwarding headers are believed: yes, no, a number of hops, or addresses and networks. */
export const trustProxy = z
  .string()
  .refine((text) => {
    if (text === 'true' || text === 'false') return true;
    if (/^\d+$/.test(text)) return Number(text) <= proxyHopsMax;
    return list(text).length > 0 && list(text).every(isProxyAddress);
  }, `true, false, a number of proxies (0 to ${proxyHopsMax}), or addresses and networks separated by commas`)
  .transform((text): TrustProxy => {
    if (text === 'true' || text === 'false') return text === 'true';
    if (/^\d+$/.test(text)) return Number(text) === 0 ? false : Number(text);
    return list(text);
  });

const isPrivateKey = (pem: string): boolean => /PRIVATE KEY/.test(pem);

const publicKeyOf = (pem: string): KeyObject | undefined => {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
};

const isKeyForTokens = (key: KeyObject | undefined): boolean => {
  const details = key?.asymmetricKeyDetails;
  if (key?.asymmetricKeyType === 'rsa') return (details?.modulusLength ?? 0) >= 2048;
  if (key?.asymmetricKeyType === 'ec') return details?.namedCurve === 'prime256v1';
  return key?.asymmetricKeyType === 'ed25519';
};

/** A public key (or certificate) in PEM that tokens can be verified with; the output is SPKI PEM. */
export const publicKeyPem = z
  .string()
  // A .env file often carries a PEM on one line with \n written out.
  .transform((text) => text.replaceAll('\\n', '\n'))
  // Node would take a private key too and derive the public one: a private key does not belong here.
  .refine((text) => !isPrivateKey(text), 'a public key, not a private one')
  .refine(
    (text) => isPrivateKey(text) || isKeyForTokens(publicKeyOf(text)),
    'a public key in PEM: RSA of at least 2048 bits, EC P-256 or Ed25519',
  )
  // A text that was refused above comes by here too.
  .transform((text) => publicKeyOf(text)?.export({ type: 'spki', format: 'pem' }).toString() ?? '');
