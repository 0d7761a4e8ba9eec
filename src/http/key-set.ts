/** Owns the public keys that an issuer publishes (JWKS): fetched seldom, kept for a while, never trusted blindly. */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { z } from 'zod';
import { Problem } from '../problems.ts';

/** The only algorithms that a public key verifies here. */
export const publicKeyAlgorithms = ['RS256', 'ES256', 'EdDSA'] as const;
export type PublicKeyAlgorithm = (typeof publicKeyAlgorithms)[number];

/** The one algorithm that fits a key, or undefined when the key is none that we take. */
export function algorithmOf(key: KeyObject): PublicKeyAlgorithm | undefined {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'rsa') return (details?.modulusLength ?? 0) >= 2048 ? 'RS256' : undefined;
  if (key.asymmetricKeyType === 'ec') return details?.namedCurve === 'prime256v1' ? 'ES256' : undefined;
  return key.asymmetricKeyType === 'ed25519' ? 'EdDSA' : undefined;
}

const publishedKeySchema = z.object({
  kty: z.string(),
  kid: z.string().optional(),
  use: z.string().optional(),
  alg: z.string().optional(),
  key_ops: z.array(z.string()).optional(),
  n: z.string().optional(),
  e: z.string().optional(),
  crv: z.string().optional(),
  x: z.string().optional(),
  y: z.string().optional(),
});

const keySetSchema = z.object({ keys: z.array(z.unknown()).max(1000) });

type VerifyingKey = { kid: string | undefined; algorithm: PublicKeyAlgorithm; pem: string };

function verifyingKeyOf(published: unknown): VerifyingKey[] {
  const parsed = publishedKeySchema.safeParse(published);
  if (!parsed.success) return [];
  const { kid, use, alg, key_ops, ...parts } = parsed.data;
  if (use !== undefined && use !== 'sig') return [];
  if (key_ops !== undefined && !key_ops.includes('verify')) return [];
  try {
    const jwk: JsonWebKey = JSON.parse(JSON.stringify(parts));
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const algorithm = algorithmOf(key);
    // RFC 9864 calls EdDSA over this curve by the curve's name.
    const declared = alg === 'Ed25519' ? 'EdDSA' : alg;
    if (algorithm === undefined || (declared !== undefined && declared !== algorithm)) return [];
    return [{ kid, algorithm, pem: key.export({ type: 'spki', format: 'pem' }).toString() }];
  } catch {
    return [];
  }
}

/** Times of a key set in milliseconds; a test shortens them. */
export type KeySetTimes = {
  /** A fetch that takes longer has failed. */
  fetchTimeoutMs: number;
  /** Keys this old are fetched anew, behind the request that notices. */
  freshMs: number;
  /** Keys this old are used no more, even when no newer ones are to be had. */
  staleMs: number;
  /** One fetch for unknown key ids in this time: a new key is found at once, a flood of ids costs nothing. */
  unknownPauseMs: number;
  /** After a failed fetch, this long none is tried. */
  failurePauseMs: number;
};

const defaultTimes: KeySetTimes = {
  fetchTimeoutMs: 3000,
  freshMs: 60_000,
  staleMs: 3_600_000,
  unknownPauseMs: 30_000,
  failurePauseMs: 1000,
};

/** A real key set has a few KiB; a megabyte is no key set. */
const bytesMax = 1_048_576;

async function fetchKeys(url: string, timeoutMs: number): Promise<VerifyingKey[]> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal: AbortSignal.timeout(timeoutMs),
    // Whoever can answer for the issuer with a redirect must not choose where keys come from, nor take the S off https.
    redirect: 'error',
  });
  if (!response.ok || response.body === null) throw new Error(`the key set answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of response.body) {
    byteCount += chunk.byteLength;
    if (byteCount > bytesMax) throw new Error('the key set is larger than 1 MiB');
    chunks.push(chunk);
  }
  const { keys } = keySetSchema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  return keys.flatMap(verifyingKeyOf);
}

/** The key that verifies a token of this header, as PEM; undefined when the issuer publishes none. */
export type KeySet = { find(kid: string | undefined, algorithm: string): Promise<string | undefined> };

/**
 * The keys at `url`. Nothing is fetched before the first token. `find` throws `dependency-unavailable` when the
 * set is out of reach and no key that is known fits.
 */
export function openKeySet(url: string, log: FastifyBaseLogger, times: Partial<KeySetTimes> = {}): KeySet {
  const { fetchTimeoutMs, freshMs, staleMs, unknownPauseMs, failurePauseMs } = { ...defaultTimes, ...times };
  let keys: VerifyingKey[] = [];
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  let failedAtMs = Number.NEGATIVE_INFINITY;
  let soughtAtMs = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;

  const ageMs = () => performance.now() - fetchedAtMs;
  const isOutOfReach = () => failedAtMs > fetchedAtMs;

  async function fetchOnce(): Promise<void> {
    if (performance.now() - failedAtMs < failurePauseMs) return;
    try {
      keys = await fetchKeys(url, fetchTimeoutMs);
      fetchedAtMs = performance.now();
    } catch (error) {
      failedAtMs = performance.now();
      log.warn({ err: error }, 'the key set is out of reach');
    }
  }

  function refresh(): Promise<void> {
    underWay ??= fetchOnce().finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  function known(kid: string | undefined, algorithm: string): string | undefined {
    if (ageMs() > staleMs) return undefined;
    const fitting = keys.filter(
      (key) => key.algorithm === algorithm && (kid === undefined || key.kid === kid),
    );
    // Without a kid the key must be plain: with two that fit, nothing says which was meant.
    return kid === undefined && fitting.length > 1 ? undefined : fitting[0]?.pem;
  }

  return {
    async find(kid, algorithm) {
      if (ageMs() > staleMs) await refresh();
      let pem = known(kid, algorithm);
      if (pem !== undefined) {
        if (ageMs() > freshMs) void refresh();
        return pem;
      }
      if (!isOutOfReach() && performance.now() - soughtAtMs >= unknownPauseMs) {
        soughtAtMs = performance.now();
        await refresh();
        pem = known(kid, algorithm);
      } else if (isOutOfReach() || underWay !== undefined) {
        await refresh();
        pem = known(kid, algorithm);
      }
      if (pem === undefined && isOutOfReach()) {
        throw new Problem('dependency-unavailable', 'The keys that verify tokens are out of reach.');
      }
      return pem;
    },
  };
}
