/** Owns a real issuer for tests: an OpenID provider of its own on a free port, whose keys can be exchanged. */
import type { KeyObject } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import Provider from 'oidc-provider';
import { onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { keyPair } from '../helpers/tokens.ts';

/** What its tokens are for. */
export const audience = 'https://holdfast.example';

const clientId = 'booking-frontend';
const clientSecret = 'a-secret-of-the-frontend-that-is-long-enough';

/** A key pair as an issuer keeps it. */
export type IssuerKey = Readonly<{ kid: string; alg: 'RS256' | 'ES256' | 'EdDSA'; privateKey: KeyObject }>;

/** A new key of an issuer. */
export function issuerKey(kid: string, alg: IssuerKey['alg'] = 'RS256'): IssuerKey {
  const kinds = { RS256: 'rsa', ES256: 'ec', EdDSA: 'ed25519' } as const;
  return { kid, alg, privateKey: keyPair(kinds[alg]).privateKey };
}

/** The issuer. */
export type Issuer = Readonly<{
  url: string;
  jwksUrl: string;
  /** How often its keys were asked for. */
  askedCount(): number;
  /** Publishes these keys from now on; the first of them signs. */
  publish(...keys: IssuerKey[]): void;
  /** A new access token of the client with these scopes, by the client credentials grant. */
  token(scope: string): Promise<string>;
  /** Nobody answers any more; those who are connected are cut off. */
  stop(): Promise<void>;
}>;

const tokenAnswer = z.object({ access_token: z.string(), token_type: z.literal('Bearer') });

function provider(url: string, keys: readonly IssuerKey[]): RequestListener {
  const scope = 'ROOM_MANAGEMENT:READ ROOM_HOLD:WRITE';
  return new Provider(url, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: keys[0]?.alg,
        scope,
      },
    ],
    scopes: scope.split(' '),
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
    jwks: {
      keys: keys.map(({ kid, alg, privateKey }) => ({
        ...privateKey.export({ format: 'jwk' }),
        kid,
        alg,
        use: 'sig',
      })),
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({
          scope,
          audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 3600,
          jwt: { sign: { alg: keys[0]?.alg } },
        }),
      },
    },
    cookies: { keys: ['a-key-of-the-cookies-that-nobody-uses'] },
    ttl: { ClientCredentials: 3600 },
  }).callback();
}

/** Starts an issuer that publishes these keys. It ends with the test. */
export async function startIssuer(...keys: IssuerKey[]): Promise<Issuer> {
  let listener: RequestListener = (_request, response) => response.writeHead(503).end();
  let askedCount = 0;
  const server = createServer((request, response) => {
    if (request.url === '/jwks') askedCount += 1;
    return listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  const url = `http://127.0.0.1:${address.port}`;
  const publish = (...published: IssuerKey[]) => {
    // It warns that it keeps its grants in memory, which is what a test wants.
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    listener = provider(url, published);
    warnings.mockRestore();
  };
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  publish(...keys);
  onTestFinished(stop);
  return {
    url,
    jwksUrl: `${url}/jwks`,
    askedCount: () => askedCount,
    publish,
    token: async (scope) => {
      const answer = await fetch(`${url}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope, resource: audience }),
      });
      const body: unknown = await answer.json();
      return tokenAnswer.parse(body).access_token;
    },
    stop,
  };
}
