import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { KeySetTimes } from '../../src/http/key-set.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { until } from '../helpers/connections.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { keysAnswer, published, startKeySetServer } from '../helpers/key-set-server.ts';
import { makeRooms } from '../helpers/property.ts';
import { goodClaims, inSeconds, joinToken, keyPair, keyToken } from '../helpers/tokens.ts';
import { audience, type Issuer, type IssuerKey, issuerKey, startIssuer } from './issuer.ts';

let database: TestDatabase;
let maker: TestApp;
beforeAll(async () => {
  database = await createTestDatabase();
  maker = await startTestApp({ database });
});
afterAll(async () => {
  await maker.close();
  await database.drop();
});

/** A server that takes the tokens of this issuer; how it answers a look at the rooms. */
async function startFor(jwksUrl: string, issuerUrl: string, keySet: Partial<KeySetTimes> = {}) {
  const env = { JWT_SECRET: '', JWT_JWKS_URL: jwksUrl, JWT_ISSUER: issuerUrl, JWT_AUDIENCE: audience };
  const server = await startTestApp({ database, env, times: { keySet } });
  onTestFinished(server.close);
  const ask = async (token: string) => {
    const { status, body } = await server.call('GET', '/room-types', { token });
    return status === 200 ? 200 : `${status} ${body.code}`;
  };
  return { server, ask };
}

const start = (issuer: Issuer, keySet?: Partial<KeySetTimes>) => startFor(issuer.jwksUrl, issuer.url, keySet);

const scope = 'ROOM_HOLD:WRITE';

/** A token as the issuer would sign it, made without asking it. */
const signed = (key: IssuerKey, issuer: Pick<Issuer, 'url'>, claims: Record<string, unknown> = {}) =>
  keyToken(
    goodClaims({ scope, iss: issuer.url, aud: audience, jti: String(Math.random()), ...claims }),
    key.privateKey,
    { kid: key.kid },
  );

const invalid = '401 credentials-invalid';
const unavailable = '503 dependency-unavailable';

describe('an OpenID provider', () => {
  test.each(['RS256', 'ES256', 'EdDSA'] as const)(
    'its %s access token places a hold for its client',
    async (alg) => {
      const issuer = await startIssuer(issuerKey('first', alg));
      const { server } = await start(issuer);
      const [room] = await makeRooms(maker, 1);
      const answer = await server.call('POST', '/rooms/hold', {
        token: await issuer.token(scope),
        body: { room_ids: [room?.room_id] },
      });
      expect(answer).toMatchObject({
        status: 201,
        body: { holder: 'booking-frontend', created_by: 'booking-frontend' },
      });
    },
  );

  test('a scope that it did not grant is not there', async () => {
    const issuer = await startIssuer(issuerKey('first'));
    const { ask } = await start(issuer);
    expect(await ask(await issuer.token('ROOM_MANAGEMENT:READ'))).toBe(200);
    const other = await startIssuer(issuerKey('first'));
    expect(await ask(await other.token(scope))).toBe(invalid);
  });

  test('its keys are exchanged: new tokens are taken at once, old ones while their key is published', async () => {
    const [first, second] = [issuerKey('first'), issuerKey('second', 'ES256')];
    const issuer = await startIssuer(first);
    const { ask } = await start(issuer, { freshMs: 0 });
    const old = await issuer.token(scope);
    expect(await ask(old)).toBe(200);
    issuer.publish(second, first);
    expect(await ask(await issuer.token(scope))).toBe(200);
    expect(await ask(signed(first, issuer))).toBe(200);
    issuer.publish(second);
    expect(await ask(await issuer.token(scope))).toBe(200);
    await until(async () => expect(await ask(signed(first, issuer))).toBe(invalid));
  });

  test('the same key id for another key: the new one is taken, the old one refused', async () => {
    const [first, second] = [issuerKey('same'), issuerKey('same')];
    const issuer = await startIssuer(first);
    const { ask } = await start(issuer, { freshMs: 0 });
    expect(await ask(await issuer.token(scope))).toBe(200);
    issuer.publish(second);
    await until(async () => expect(await ask(await issuer.token(scope))).toBe(200));
    expect(await ask(signed(first, issuer))).toBe(invalid);
  });

  const stranger = (n: number) => joinToken({ alg: 'RS256', kid: `unknown ${n}` }, goodClaims(), 'AAAA');

  test('1,000 unknown key ids, one after another and at once: at most 2 fetches, known keys go on', async () => {
    const issuer = await startIssuer(issuerKey('first'));
    const { ask } = await start(issuer);
    expect(await ask(await issuer.token(scope))).toBe(200);
    for (let n = 0; n < 100; n += 1) expect(await ask(stranger(n))).toBe(invalid);
    const others = Array.from({ length: 900 }, (_, n) => ask(stranger(100 + n)));
    expect(new Set(await Promise.all(others))).toEqual(new Set([invalid]));
    expect(issuer.askedCount()).toBeLessThanOrEqual(2);
    expect(await ask(await issuer.token(scope))).toBe(200);
  });

  test('a key that is exchanged while strangers ask is found after the pause', async () => {
    const issuer = await startIssuer(issuerKey('first'));
    const { ask } = await start(issuer, { unknownPauseMs: 300 });
    expect(await ask(stranger(0))).toBe(invalid);
    issuer.publish(issuerKey('second'));
    const fresh = await issuer.token(scope);
    await until(async () => {
      expect(await ask(stranger(1))).toBe(invalid);
      expect(await ask(fresh)).toBe(200);
    });
  });
});

describe('an issuer out of reach', () => {
  test('is 503 and not 401 for keys that are not known; known keys go on, and forgeries stay 401', async () => {
    const first = issuerKey('first');
    const issuer = await startIssuer(first);
    const { ask } = await start(issuer, { freshMs: 0, unknownPauseMs: 0, failurePauseMs: 0 });
    const token = await issuer.token(scope);
    expect(await ask(token)).toBe(200);
    await issuer.stop();
    expect(await ask(signed(issuerKey('second'), issuer))).toBe(unavailable);
    expect(await ask(token)).toBe(200);
    expect(await ask(signed(first, issuer))).toBe(200);
    expect(await ask(signed(issuerKey('first'), issuer))).toBe(invalid);
    expect(await ask(signed(first, issuer, { exp: inSeconds(-60) }))).toBe(invalid);
    expect(await ask(signed(first, { url: 'https://other.example' }))).toBe(invalid);
    expect(await ask('nonsense')).toBe(invalid);
  });

  test('known keys are not used for ever: once they are stale, 503', async () => {
    const first = issuerKey('first');
    const issuer = await startIssuer(first);
    const { ask } = await start(issuer, { freshMs: 0, staleMs: 300, failurePauseMs: 0 });
    expect(await ask(await issuer.token(scope))).toBe(200);
    await issuer.stop();
    await until(async () => expect(await ask(signed(first, issuer))).toBe(unavailable));
  });

  test('a server that starts without it answers 503, and takes tokens as soon as it is there', async () => {
    const key = keyPair('rsa');
    const server = await startKeySetServer((response) => response.destroy());
    const issuer = { url: 'https://issuer.example' };
    const { ask } = await startFor(server.url, issuer.url, { failurePauseMs: 0 });
    const token = () => signed({ kid: 'r', alg: 'RS256', privateKey: key.privateKey }, issuer);
    expect(await ask(token())).toBe(unavailable);
    server.answer = keysAnswer(published(key.publicKey, { kid: 'r' }));
    expect(await ask(token())).toBe(200);
  });
});

describe('an endpoint that is not what it should be', () => {
  const key = keyPair('rsa');
  const issuer = { url: 'https://issuer.example' };
  const token = () => signed({ kid: 'r', alg: 'RS256', privateKey: key.privateKey }, issuer);
  const keys = keysAnswer(published(key.publicKey, { kid: 'r' }));

  test.each([301, 302, 303, 307, 308])(
    'a redirect (%i) is not followed, wherever it leads',
    async (status) => {
      const other = await startKeySetServer(keys);
      const server = await startKeySetServer((response) =>
        response.writeHead(status, { location: other.url }).end(),
      );
      const { ask } = await startFor(server.url, issuer.url);
      expect(await ask(token())).toBe(unavailable);
      expect(other.askedCount).toBe(0);
    },
  );

  test('of an answer without end about a megabyte is read', async () => {
    let written = 0;
    const flood = (response: ServerResponse) => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, ' '))) written += 65_536;
      response.once('drain', () => flood(response));
    };
    const server = await startKeySetServer(flood);
    const { ask } = await startFor(server.url, issuer.url);
    expect(await ask(token())).toBe(unavailable);
    // What the system buffers on the way comes on top.
    expect(written).toBeLessThan(16_777_216);
  });

  test('of 100 that ask while it hangs none waits longer than for one fetch', async () => {
    const server = await startKeySetServer(() => {});
    const { ask } = await startFor(server.url, issuer.url, { fetchTimeoutMs: 300, failurePauseMs: 60_000 });
    const startedAtMs = performance.now();
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => ask(token()))))).toEqual(
      new Set([unavailable]),
    );
    expect(performance.now() - startedAtMs).toBeLessThan(3_000);
    expect(server.askedCount).toBe(1);
  });

  test('an answer that drips a byte at a time is cut like one that hangs', async () => {
    const server = await startKeySetServer((response) => {
      response.write('{"keys":[');
      const timer = setInterval(() => response.write(' '), 10);
      response.once('close', () => clearInterval(timer));
    });
    const { ask } = await startFor(server.url, issuer.url, { fetchTimeoutMs: 200 });
    expect(await ask(token())).toBe(unavailable);
  });
});
