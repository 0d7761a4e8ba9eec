/** Owns the question who calls: the bearer token of a request, verified, as `request.caller`. */
import { createPublicKey } from 'node:crypto';
import fastifyJwt, { type FastifyJWTOptions } from '@fastify/jwt';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { LRUCache } from 'lru-cache';
import type { KeySetting } from '../config.ts';
import { Problem } from '../problems.ts';
import { headerValues } from './body-parser.ts';
import { type Caller, callerOfClaims, type Permission } from './caller.ts';
import { algorithmOf, type KeySetTimes, openKeySet, publicKeyAlgorithms } from './key-set.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls; undefined on a public route. Routes ask `callerOf(request)`. */
    caller: Caller | undefined;
    /** Why the token was refused; answered once the rate limit has counted the try. */
    refusal: Problem | undefined;
  }
  interface FastifyInstance {
    /** Who was found behind this very Authorization header before, while that is good by this server's clock. */
    rememberedCaller: (header: string) => Caller | undefined;
  }
  interface FastifyContextConfig {
    /** The route needs a token with one of these. */
    anyOf?: readonly Permission[];
    /** The route needs no token. */
    public?: true;
  }
}

/** Which keys verify tokens, and what else a token must say. */
export type AuthenticationOptions = {
  keys: KeySetting;
  issuer?: string | undefined;
  audience?: string | undefined;
  keySetTimes?: Partial<KeySetTimes>;
};

/** Clocks of issuers and of this server may differ this much, both ways. */
const leewayMs = 2000;

/** Verified tokens that are remembered; at some KiB each this stays small. */
const verifiedCountMax = 5000;

/** A longer header is verified anew each time. */
const rememberedHeaderLength = 2048;

/** A key that is taken out of the key set is honoured this much longer, at most. */
const verifiedKeySetMs = 30_000;

function keyOptions(app: FastifyInstance, options: AuthenticationOptions) {
  const { keys, keySetTimes } = options;
  if (keys.kind === 'secret') return { secret: { public: keys.secret }, algorithms: ['HS256' as const] };
  if (keys.kind === 'public-key') {
    const algorithm = algorithmOf(createPublicKey(keys.publicKeyPem));
    if (algorithm === undefined) throw new Error('the public key is neither RSA, EC P-256 nor Ed25519');
    return { secret: { public: keys.publicKeyPem }, algorithms: [algorithm] };
  }
  const keySet = openKeySet(keys.jwksUrl, app.log, keySetTimes);
  const find = async ({ header }: { header: { kid?: unknown; alg?: unknown } }): Promise<string> => {
    const { kid, alg } = header;
    if ((kid !== undefined && typeof kid !== 'string') || typeof alg !== 'string')
      throw new Error('bad header');
    const pem = await keySet.find(kid, alg);
    if (pem === undefined) throw new Error('no key of the set fits');
    return pem;
  };
  return { secret: { public: find }, algorithms: [...publicKeyAlgorithms] };
}

function jwtOptions(app: FastifyInstance, options: AuthenticationOptions): FastifyJWTOptions {
  const { secret, ...verify } = keyOptions(app, options);
  const { issuer, audience } = options;
  return {
    secret,
    verify: {
      ...verify,
      // The library judges a claim only where it is there: what must be there is named here.
      requiredClaims: ['sub', 'exp', ...(issuer ? ['iss'] : []), ...(audience ? ['aud'] : [])],
      ...(issuer ? { allowedIss: issuer } : {}),
      ...(audience ? { allowedAud: audience } : {}),
      clockTolerance: leewayMs,
    },
  };
}

function refused(): Problem {
  return new Problem('credentials-invalid', 'The bearer token is not valid.');
}

/** The token of the one Authorization header; throws `credentials-missing` or `credentials-invalid`. */
export function bearerTokenOf(request: FastifyRequest): string {
  const [header = '', ...more] = headerValues(request, 'authorization');
  if (more.length > 0) throw new Problem('credentials-invalid', 'Send one Authorization header only.');
  const [, scheme = '', token] = /^([^ \t]*)(?:[ \t]+(.*))?$/.exec(header.trim()) ?? [];
  if (scheme.toLowerCase() !== 'bearer') {
    throw new Problem('credentials-missing', 'Send Authorization: Bearer with a token.');
  }
  if (token === undefined || token === '') throw refused();
  return token;
}

/**
 * The last sign of a signature has bits to spare, which the verifier does not look at. A token in which they are set was
 * tampered with all the same.
 */
function hasSpareBits(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1);
  return Buffer.from(signature, 'base64url').toString('base64url') !== signature;
}

/** Who was behind a header, and until when (of the monotonic clock, milliseconds) the key that said so is believed. */
type Verified = Readonly<{ caller: Caller; goodUntilMs: number }>;

/** The Problem inside an error of the verifier, which wraps what the key set threw. */
function problemWithin(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  const inner = error instanceof Error && 'originalError' in error ? error.originalError : undefined;
  return inner instanceof Problem ? inner : undefined;
}

/** Puts `request.caller` on every request of a route that is not public; a refusal is kept for `permissionCheck`. */
export const authentication = fp<AuthenticationOptions>(
  async (app: FastifyInstance, options) => {
    await app.register(fastifyJwt, jwtOptions(app, options));
    app.decorateRequest('caller', undefined);
    app.decorateRequest('refusal', undefined);
    // By the one Authorization header, to the letter. Refusals are not remembered: a token may become valid (nbf), a key
    // may be published.
    const callers = new LRUCache<string, Verified>({ max: verifiedCountMax });
    const verifiedMs = options.keys.kind === 'jwks' ? verifiedKeySetMs : Number.POSITIVE_INFINITY;

    app.decorate('rememberedCaller', (header: string): Caller | undefined => {
      const known = callers.get(header);
      if (known === undefined) return undefined;
      const isGood =
        Date.now() < known.caller.expiresAt * 1000 + leewayMs && performance.now() < known.goodUntilMs;
      return isGood ? known.caller : undefined;
    });

    async function authenticate(request: FastifyRequest): Promise<Caller> {
      const token = bearerTokenOf(request);
      if (hasSpareBits(token)) throw refused();
      let claims: object;
      try {
        claims = await app.jwt.verify<object>(token);
      } catch (error) {
        throw problemWithin(error) ?? refused();
      }
      const caller = callerOfClaims(claims);
      if (caller === undefined) throw refused();
      const [header = ''] = headerValues(request, 'authorization');
      if (header.length <= rememberedHeaderLength) {
        callers.set(header, { caller, goodUntilMs: performance.now() + verifiedMs });
      }
      return caller;
    }

    app.addHook('onRoute', ({ url, method, config }) => {
      const isPublic = config?.public === true;
      const isGuarded = config?.anyOf !== undefined && config.anyOf.length > 0;
      if (url === '*' || isPublic !== isGuarded) return;
      throw new Error(`${method} ${url} must declare either config.anyOf or config.public`);
    });
    app.addHook('onRequest', (request, _reply, done) => {
      if (request.routeOptions.config.public === true) return done();
      const [header = '', ...more] = headerValues(request, 'authorization');
      if (more.length === 0) request.caller = app.rememberedCaller(header);
      if (request.caller !== undefined) return done();
      authenticate(request).then(
        (caller) => {
          request.caller = caller;
          done();
        },
        (error: Error) => {
          const isRefusal = error instanceof Problem && error.status === 401;
          if (isRefusal) request.refusal = error;
          done(isRefusal ? undefined : error);
        },
      );
    });
  },
  { name: 'authentication' },
);

/** Answers 401 for a refused token and 403 for one without the permission that the route asks. */
export const permissionCheck = fp(
  async (app: FastifyInstance) => {
    app.addHook('onRequest', (request, _reply, done) => {
      if (request.refusal !== undefined) return done(request.refusal);
      const { anyOf } = request.routeOptions.config;
      if (anyOf === undefined || anyOf.some((permission) => request.caller?.permissions.has(permission)))
        return done();
      const detail = `The token needs ${anyOf.join(' or ')}.`;
      done(new Problem('permission-denied', detail, { permissions: anyOf }));
    });
  },
  { name: 'permission-check', dependencies: ['authentication'] },
);

/** Who calls. Throws where the route is public: there nobody is known. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === undefined) throw new Error('a public route has no caller');
  return request.caller;
}

/**
 * For how many milliseconds an answer to this caller may go on. A token that was taken within the leeway behind its own
 * end is good until that is over, so that a client which comes back with it at once is not sent away at once.
 */
export function tokenMsLeft({ expiresAt }: Caller): number {
  const msLeft = expiresAt * 1000 - Date.now();
  // Timers know no more than 24 days: then the answer ends early.
  return Math.min(msLeft > 0 ? msLeft : msLeft + leewayMs, 2 ** 31 - 1);
}

/** Who asks, for the audit: the token's `sub`, and the request's id. */
export function askerOf(request: FastifyRequest): { actor: string; request_id: string } {
  return { actor: callerOf(request).sub, request_id: request.id };
}
