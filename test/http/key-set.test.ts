import { describe, expect, test } from 'vitest';
import type { KeySetTimes } from '../../src/http/key-set.ts';
import { keysAnswer, published, startKeySetServer } from '../helpers/key-set-server.ts';
import { goodClaims, hmacToken, joinToken, keyPair, keyToken, pemOf } from '../helpers/tokens.ts';
import { startBareApp } from './bare.ts';

const rsa = keyPair('rsa');
const ec = keyPair('ec');
const ed = keyPair('ed25519');
const claims = goodClaims({ scopes: ['ROOM_MANAGEMENT:READ'] });

async function startWith(url: string, keySet: Partial<KeySetTimes> = {}) {
  const { app } = await startBareApp({ keys: { kind: 'jwks', jwksUrl: url }, times: { keySet } });
  return async (token: string) => {
    const answer = await app.inject({
      method: 'GET',
      url: '/things/5',
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: answer.statusCode, code: answer.json().code, retryAfter: answer.headers['retry-after'] };
  };
}

const ok = { status: 200 };
const invalid = { status: 401, code: 'credentials-invalid' };
const unavailable = { status: 503, code: 'dependency-unavailable', retryAfter: '1' };

describe('a key set', () => {
  test('verifies RS256, ES256 and EdDSA by the key id, with one fetch', async () => {
    const server = await startKeySetServer(
      keysAnswer(
        published(rsa.publicKey, { kid: 'r', alg: 'RS256', use: 'sig' }),
        published(ec.publicKey, { kid: 'e', key_ops: ['verify'] }),
        published(ed.publicKey, { kid: 'd', alg: 'Ed25519' }),
      ),
    );
    const ask = await startWith(server.url);
    expect(await ask(keyToken(claims, rsa.privateKey, { kid: 'r' }))).toMatchObject(ok);
    expect(await ask(keyToken(claims, ec.privateKey, { kid: 'e' }))).toMatchObject(ok);
    expect(await ask(keyToken(claims, ed.privateKey, { kid: 'd' }))).toMatchObject(ok);
    expect(await ask(keyToken(claims, rsa.privateKey))).toMatchObject(ok);
    expect(server.askedCount).toBe(1);
  });

  test('refuses what its keys did not sign', async () => {
    const server = await startKeySetServer(
      keysAnswer(published(rsa.publicKey, { kid: 'r' }), published(ec.publicKey, { kid: 'e' })),
    );
    const ask = await startWith(server.url);
    for (const token of [
      keyToken(claims, keyPair('rsa').privateKey, { kid: 'r' }),
      keyToken(claims, rsa.privateKey, { kid: 'e' }),
      keyToken(claims, ec.privateKey, { kid: 'r' }),
      keyToken(claims, ec.privateKey, { kid: 'e', alg: 'RS256' }),
      keyToken(claims, rsa.privateKey, { kid: 'r', alg: 'RS384' }),
      keyToken(claims, rsa.privateKey, { kid: 5 }),
      keyToken(claims, rsa.privateKey, { kid: 'r', jku: 'http://127.0.0.1:1/keys' }).replace(/.$/, ''),
      hmacToken(claims, pemOf(rsa.publicKey), { kid: 'r' }),
      joinToken({ alg: 'none', kid: 'r' }, claims, ''),
      joinToken({ kid: 'r' }, claims, 'AAAA'),
    ]) {
      expect(await ask(token)).toMatchObject(invalid);
    }
  });

  test('takes no key that is for something else, too weak, or of another algorithm', async () => {
    const server = await startKeySetServer(
      keysAnswer(
        published(rsa.publicKey, { kid: 'enc', use: 'enc' }),
        published(rsa.publicKey, { kid: 'ops', key_ops: ['encrypt'] }),
        published(rsa.publicKey, { kid: 'alg', alg: 'RS512' }),
        published(ec.publicKey, { kid: 'mixed', alg: 'RS256' }),
        {
          kty: 'oct',
          kid: 'oct',
          k: Buffer.from('a-secret-that-somebody-published-by-mistake').toString('base64url'),
        },
        { kty: 'RSA', kid: 'broken', n: '!', e: 'AQAB' },
        { kid: 'r' },
      ),
    );
    const ask = await startWith(server.url);
    for (const kid of ['enc', 'ops', 'alg', 'mixed', 'broken', 'r']) {
      expect(await ask(keyToken(claims, rsa.privateKey, { kid }))).toMatchObject(invalid);
    }
    expect(await ask(keyToken(claims, ec.privateKey, { kid: 'mixed' }))).toMatchObject(invalid);
    const oct = hmacToken(claims, 'a-secret-that-somebody-published-by-mistake', { kid: 'oct' });
    expect(await ask(oct)).toMatchObject(invalid);
  });

  test('a token without a key id is refused when two keys fit', async () => {
    const server = await startKeySetServer(
      keysAnswer(published(rsa.publicKey, { kid: 'a' }), published(keyPair('rsa').publicKey, { kid: 'b' })),
    );
    const ask = await startWith(server.url);
    expect(await ask(keyToken(claims, rsa.privateKey))).toMatchObject(invalid);
  });

  test('1,000 unknown key ids cost at most 2 fetches, one after another or at once', async () => {
    const server = await startKeySetServer(keysAnswer(published(rsa.publicKey, { kid: 'r' })));
    const ask = await startWith(server.url);
    for (let i = 0; i < 100; i += 1) {
      expect(await ask(keyToken(claims, ec.privateKey, { kid: `unknown-${i}` }))).toMatchObject(invalid);
    }
    const tokens = Array.from({ length: 900 }, (_, i) =>
      joinToken({ alg: 'RS256', kid: `x${i}` }, claims, 'AAAA'),
    );
    const answers = await Promise.all(tokens.map(ask));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([401]));
    expect(server.askedCount).toBeLessThanOrEqual(2);
    expect(await ask(keyToken(claims, rsa.privateKey, { kid: 'r' }))).toMatchObject(ok);
  });

  test('a new key is found at its first token', async () => {
    const server = await startKeySetServer(keysAnswer(published(rsa.publicKey, { kid: 'old' })));
    const ask = await startWith(server.url);
    expect(await ask(keyToken(claims, rsa.privateKey, { kid: 'old' }))).toMatchObject(ok);
    server.answer = keysAnswer(published(ec.publicKey, { kid: 'new' }));
    expect(await ask(keyToken(claims, ec.privateKey, { kid: 'new' }))).toMatchObject(ok);
    expect(server.askedCount).toBe(2);
    const other = keyToken({ ...claims, jti: 'other' }, rsa.privateKey, { kid: 'old' });
    expect(await ask(other)).toMatchObject(invalid);
  });

  test('a key that is no longer published is dropped once the keys are not fresh', async () => {
    const server = await startKeySetServer(keysAnswer(published(rsa.publicKey, { kid: 'r' })));
    const ask = await startWith(server.url, { freshMs: 0 });
    expect(await ask(keyToken(claims, rsa.privateKey, { kid: 'r' }))).toMatchObject(ok);
    server.answer = keysAnswer();
    let count = 0;
    const fresh = () => {
      count += 1;
      return ask(keyToken({ ...claims, jti: String(count) }, rsa.privateKey, { kid: 'r' }));
    };
    await expect.poll(fresh, { interval: 10 }).toMatchObject(invalid);
  });

  test.each([
    ['answers 500', (response) => response.writeHead(500).end()],
    ['answers garbage', (response) => response.end('<html>')],
    ['answers another document', (response) => response.end('{"error":"no"}')],
    ['hangs', () => {}],
    ['hangs in the middle', (response) => response.write('{"keys":[')],
    ['breaks the connection', (response) => response.destroy()],
    ['floods', (response) => response.end('x'.repeat(2_000_000))],
  ] as [string, Parameters<typeof startKeySetServer>[0]][])(
    '503 dependency-unavailable, not 401, while it %s',
    async (_what, answer) => {
      const server = await startKeySetServer(answer);
      const ask = await startWith(server.url, { fetchTimeoutMs: 50, failurePauseMs: 0 });
      const token = keyToken(claims, rsa.privateKey, { kid: 'r' });
      expect(await ask(token)).toMatchObject(unavailable);
      server.answer = keysAnswer(published(rsa.publicKey, { kid: 'r' }));
      expect(await ask(token)).toMatchObject(ok);
    },
  );

  test('a set that is out of reach is asked once in a while only', async () => {
    const server = await startKeySetServer((response) => response.writeHead(500).end());
    const ask = await startWith(server.url);
    for (let i = 0; i < 50; i += 1) await ask(keyToken(claims, rsa.privateKey, { kid: 'r' }));
    expect(server.askedCount).toBeLessThanOrEqual(2);
  });

  test('keys that are known go on while it is out of reach, unknown ones are 503', async () => {
    const server = await startKeySetServer(keysAnswer(published(rsa.publicKey, { kid: 'r' })));
    const ask = await startWith(server.url, { freshMs: 0, failurePauseMs: 0, unknownPauseMs: 0 });
    expect(await ask(keyToken(claims, rsa.privateKey, { kid: 'r' }))).toMatchObject(ok);
    server.answer = (response) => response.writeHead(500).end();
    expect(await ask(keyToken(claims, ec.privateKey, { kid: 'new' }))).toMatchObject(unavailable);
    expect(await ask(keyToken({ ...claims, jti: 'again' }, rsa.privateKey, { kid: 'r' }))).toMatchObject(ok);
  });

  test('nothing is fetched before a token comes, nor for one without a bearer', async () => {
    const server = await startKeySetServer(keysAnswer());
    const ask = await startWith(server.url);
    expect(server.askedCount).toBe(0);
    expect(await ask('')).toMatchObject(invalid);
    expect(server.askedCount).toBe(0);
  });
});
