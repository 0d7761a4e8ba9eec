import { createHmac } from 'node:crypto';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  goodClaims,
  hmacToken,
  inSeconds,
  joinToken,
  keyPair,
  keyToken,
  pemOf,
  testSecret,
  unixSeconds,
} from '../helpers/tokens.ts';
import { type BareOptions, startBareApp } from './bare.ts';

/** The token with another last sign, which differs in bits only that mean nothing. */
function nextSign(token: string): string {
  const signs = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return `${token.slice(0, -1)}${signs[signs.indexOf(token.slice(-1)) + 1]}`;
}

const read = { scopes: ['ROOM_MANAGEMENT:READ'] };

async function ask(
  token: string | undefined,
  options: BareOptions = {},
  headers: Record<string, string | string[]> = {},
) {
  const { app } = await startBareApp(options);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await app.inject({
    method: 'GET',
    url: '/things/5',
    headers: { ...authorization, ...headers },
  });
  return {
    status: answer.statusCode,
    code: answer.json().code,
    challenge: answer.headers['www-authenticate'],
    body: answer.json(),
  };
}

const invalid = { status: 401, code: 'credentials-invalid', challenge: 'Bearer' };
const missing = { status: 401, code: 'credentials-missing', challenge: 'Bearer' };

describe('the Authorization header', () => {
  const token = hmacToken(goodClaims(read));

  test.each([
    ['no header', {}, missing],
    ['an empty header', { authorization: '' }, missing],
    ['another scheme', { authorization: 'Basic dGVzdDp0ZXN0' }, missing],
    ['the token without a scheme', { authorization: token }, missing],
    ['a scheme that begins alike', { authorization: `Bearers ${token}` }, missing],
    ['the scheme alone', { authorization: 'Bearer' }, invalid],
    ['the scheme and a space', { authorization: 'Bearer ' }, invalid],
    ['two tokens', { authorization: `Bearer ${token} ${token}` }, invalid],
    ['a comma after the token', { authorization: `Bearer ${token},` }, invalid],
    ['two headers', { authorization: [`Bearer ${token}`, `Bearer ${token}`] }, invalid],
    ['two headers, the first of another scheme', { authorization: ['Basic x', `Bearer ${token}`] }, invalid],
  ] as [string, Record<string, string | string[]>, object][])(
    '401 for %s',
    async (_what, headers, expected) => {
      expect(await ask(undefined, {}, headers)).toMatchObject(expected);
    },
  );

  test.each(['Bearer', 'bearer', 'BEARER'])('the scheme %s is taken', async (scheme) => {
    expect(await ask(undefined, {}, { authorization: `${scheme} ${token}` })).toMatchObject({ status: 200 });
    expect(await ask(undefined, {}, { authorization: `${scheme}   ${token}` })).toMatchObject({
      status: 200,
    });
  });

  test('a token in the query or a cookie is none', async () => {
    expect(await ask(undefined, {}, { cookie: `token=${token}` })).toMatchObject(missing);
  });
});

describe('claims', () => {
  test.each([
    ['no sub', { sub: undefined }],
    ['an empty sub', { sub: '' }],
    ['sub system', { sub: 'system' }],
    ['a sub of 256 characters', { sub: 'x'.repeat(256) }],
    ['a sub with NUL', { sub: 'a\0b' }],
    ['a sub with a lone surrogate', { sub: 'a\ud800' }],
    ['a numeric sub', { sub: 5 }],
    ['a list as sub', { sub: ['tester'] }],
    ['no exp', { exp: undefined }],
    ['a textual exp', { exp: String(inSeconds(3600)) }],
    ['exp null', { exp: null }],
    ['an expired token', { exp: inSeconds(-4) }],
    ['exp 0', { exp: 0 }],
    ['a negative exp past all dates', { exp: -1e300 }],
    ['a token that is not yet valid', { nbf: inSeconds(60) }],
    ['a textual nbf', { nbf: 'now' }],
    ['scopes that are text', { scopes: 'ROOM_MANAGEMENT:READ' }],
    ['scopes with a number', { scopes: ['ROOM_MANAGEMENT:READ', 5] }],
    ['scope as a list', { scope: ['ROOM_MANAGEMENT:READ'] }],
  ])('401 credentials-invalid for %s', async (_what, claims) => {
    expect(await ask(hmacToken(goodClaims({ ...read, ...claims })))).toMatchObject(invalid);
  });

  test('exp that is no finite number is refused', async () => {
    const payload = `{"sub":"tester","scopes":["ROOM_MANAGEMENT:READ"],"exp":1e999}`;
    const signed = `${joinToken({ alg: 'HS256' }, payload, '').slice(0, -1)}`;
    const signature = createHmac('sha256', testSecret).update(signed).digest('base64url');
    expect(await ask(`${signed}.${signature}`)).toMatchObject(invalid);
  });

  /** From here to the end of the test the clock stands at `ms` of Unix time. */
  function stopClockAt(ms: number): void {
    vi.useFakeTimers({ toFake: ['Date'], now: ms });
    onTestFinished(() => void vi.useRealTimers());
  }

  test('2 seconds of leeway, both ways', async () => {
    const now = unixSeconds();
    stopClockAt(now * 1000);
    const statusOf = async (claims: object) =>
      (await ask(hmacToken(goodClaims({ ...read, ...claims })))).status;
    expect(await statusOf({ exp: now - 1.9 })).toBe(200);
    expect(await statusOf({ exp: now - 2.1 })).toBe(401);
    expect(await statusOf({ nbf: now + 1.9 })).toBe(200);
    expect(await statusOf({ nbf: now + 2.1 })).toBe(401);
  });

  test('a token that was good ends with its exp, remembered or not', async () => {
    const { app } = await startBareApp();
    const exp = inSeconds(60);
    const authorization = `Bearer ${hmacToken(goodClaims({ ...read, exp }))}`;
    const get = async () =>
      (await app.inject({ method: 'GET', url: '/things/5', headers: { authorization } })).statusCode;
    stopClockAt((exp + 2) * 1000 - 1);
    expect([await get(), await get()]).toEqual([200, 200]);
    vi.setSystemTime((exp + 2) * 1000 + 1);
    expect(await get()).toBe(401);
  });

  test('a token that was not yet good becomes good, although it was refused before', async () => {
    const { app } = await startBareApp();
    const nbf = inSeconds(60);
    const authorization = `Bearer ${hmacToken(goodClaims({ ...read, nbf }))}`;
    const get = async () =>
      (await app.inject({ method: 'GET', url: '/things/5', headers: { authorization } })).statusCode;
    stopClockAt((nbf - 2) * 1000 - 1);
    expect(await get()).toBe(401);
    vi.setSystemTime((nbf - 2) * 1000);
    expect(await get()).toBe(200);
  });

  test('a sub is kept to the byte, up to 255 code points', async () => {
    const sub = ` ${'😀'.repeat(253)} `;
    expect((await ask(hmacToken(goodClaims({ ...read, sub })))).body.sub).toBe(sub);
  });
});

describe('permissions', () => {
  const all = ['ROOM_MANAGEMENT:READ', 'ROOM_MANAGEMENT:WRITE', 'ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE'];

  test.each([
    [{ scopes: ['ROOM_MANAGEMENT:READ'] }, ['ROOM_MANAGEMENT:READ']],
    [{ scope: 'ROOM_MANAGEMENT:READ' }, ['ROOM_MANAGEMENT:READ']],
    [
      { scopes: ['ROOM_HOLD:WRITE'], scope: 'openid ROOM_MANAGEMENT:READ' },
      ['ROOM_MANAGEMENT:READ', 'ROOM_HOLD:WRITE'],
    ],
    [{ scopes: ['ROOM_MANAGEMENT:WRITE'] }, all],
    [{ scope: 'ROOM_MANAGEMENT:WRITE' }, all],
  ])('%j gives %j', async (claims, permissions) => {
    expect((await ask(hmacToken(goodClaims(claims)))).body.permissions).toEqual(permissions);
  });

  test.each([
    [{}],
    [{ scopes: [] }],
    [{ scopes: ['room_management:read'] }],
    [{ scopes: ['ROOM_MANAGEMENT:READ ROOM_HOLD:WRITE'] }],
    [{ scopes: ['ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE'] }],
    [{ scope: 'ROOM_MANAGEMENT:READX' }],
    [{ scope: 'ROOM_MANAGEMENT:READ,ROOM_HOLD:WRITE' }],
  ])('403 permission-denied that names the permission for %j', async (claims) => {
    const answer = await ask(hmacToken(goodClaims(claims)));
    expect(answer).toMatchObject({ status: 403, code: 'permission-denied' });
    expect(answer.body).toMatchObject({ permissions: ['ROOM_MANAGEMENT:READ'] });
    expect(answer.body.detail).toContain('ROOM_MANAGEMENT:READ');
  });

  test('permission comes before what is wrong with the path or query', async () => {
    const { app } = await startBareApp();
    const authorization = `Bearer ${hmacToken(goodClaims())}`;
    const answer = await app.inject({ method: 'GET', url: '/things/x?y=1', headers: { authorization } });
    expect(answer.statusCode).toBe(403);
  });
});

describe('issuer and audience', () => {
  const config = { jwtIssuer: 'https://issuer.example', jwtAudience: 'holdfast' };
  const good = { ...read, iss: config.jwtIssuer, aud: config.jwtAudience };

  test.each([
    ['none', { iss: undefined, aud: undefined }],
    ['another issuer', { iss: 'https://other.example' }],
    ['an issuer that begins alike', { iss: 'https://issuer.example.evil' }],
    ['a list of issuers', { iss: [config.jwtIssuer] }],
    ['another audience', { aud: 'other' }],
    ['other audiences', { aud: ['other', 'more'] }],
    ['no audience', { aud: undefined }],
    ['no issuer', { iss: undefined }],
    ['an empty list of audiences', { aud: [] }],
  ])('401 with %s', async (_what, claims) => {
    expect(await ask(hmacToken(goodClaims({ ...good, ...claims })), { config })).toMatchObject(invalid);
  });

  test('200 when both fit, the audience also as one of many', async () => {
    expect(await ask(hmacToken(goodClaims(good)), { config })).toMatchObject({ status: 200 });
    const many = hmacToken(goodClaims({ ...good, aud: ['other', 'holdfast'] }));
    expect(await ask(many, { config })).toMatchObject({ status: 200 });
  });
});

describe('signatures', () => {
  const claims = goodClaims(read);
  const pairs = { rsa: keyPair('rsa'), ec: keyPair('ec'), ed25519: keyPair('ed25519') } as const;
  const kinds = ['rsa', 'ec', 'ed25519'] as const;
  const keysOf = (kind: (typeof kinds)[number]) => ({
    keys: { kind: 'public-key', publicKeyPem: pemOf(pairs[kind].publicKey) } as const,
  });

  test.each([
    ['alg none', joinToken({ alg: 'none' }, claims, '')],
    ['alg None with a signature', joinToken({ alg: 'None' }, claims, 'AAAA')],
    ['no alg', hmacToken(claims, testSecret, { alg: undefined })],
    ['another secret', hmacToken(claims, 'another-secret-of-the-tests-that-is-long')],
    ['an empty secret', hmacToken(claims, '')],
    ['HS512 in the header', hmacToken(claims, testSecret, { alg: 'HS512' })],
    ['RS256 in the header', hmacToken(claims, testSecret, { alg: 'RS256' })],
    ['an RSA signature', keyToken(claims, pairs.rsa.privateKey)],
    ['a signature that is cut', hmacToken(claims).slice(0, -2)],
    ['a signature whose last sign is another', nextSign(hmacToken(claims))],
    ['no signature', `${hmacToken(claims).split('.').slice(0, 2).join('.')}.`],
    ['two parts', hmacToken(claims).split('.').slice(0, 2).join('.')],
    ['four parts', `${hmacToken(claims)}.x`],
    ['padding', `${hmacToken(claims)}=`],
    ['a critical extension', hmacToken(claims, testSecret, { crit: ['exp'] })],
    ['an unknown critical extension', hmacToken(claims, testSecret, { crit: ['b64'], b64: false })],
    ['a payload that is no object', hmacToken([] as unknown as Record<string, unknown>)],
    ['a payload that is no JSON', joinToken({ alg: 'HS256' }, 'x', 'AAAA')],
    ['nothing', '..'],
    [
      'a key in the header',
      keyToken(claims, pairs.rsa.privateKey, { jwk: pairs.rsa.publicKey.export({ format: 'jwk' }) }),
    ],
  ])('401 with a secret for %s', async (_what, token) => {
    expect(await ask(token)).toMatchObject(invalid);
  });

  test.each(kinds)('200 for a token signed with the %s key', async (kind) => {
    expect(await ask(keyToken(claims, pairs[kind].privateKey), keysOf(kind))).toMatchObject({ status: 200 });
  });

  test.each(kinds)('401 with the %s key for what another key or algorithm signed', async (kind) => {
    const { publicKey } = pairs[kind];
    const pem = pemOf(publicKey);
    const der = publicKey.export({ type: 'spki', format: 'der' });
    const forged = [
      hmacToken(claims, pem),
      hmacToken(claims, pem.trim()),
      hmacToken(claims, der),
      hmacToken(claims, testSecret),
      joinToken({ alg: 'none' }, claims, ''),
      keyToken(claims, keyPair(kind).privateKey),
      ...kinds.filter((other) => other !== kind).map((other) => keyToken(claims, pairs[other].privateKey)),
      keyToken(claims, pairs[kind].privateKey, { alg: 'HS256' }),
      keyToken(claims, pairs[kind].privateKey, { alg: 'RS512' }),
    ];
    const { app } = await startBareApp(keysOf(kind));
    for (const token of forged) {
      const answer = await app.inject({
        method: 'GET',
        url: '/things/5',
        headers: { authorization: `Bearer ${token}` },
      });
      expect(answer.json()).toMatchObject({ status: 401, code: 'credentials-invalid' });
    }
  });

  test('no token, key or claim is logged', async () => {
    const { app, lines } = await startBareApp();
    const token = hmacToken(goodClaims({ ...read, note: 'secret-claim' }));
    for (const authorization of [`Bearer ${token}`, `Bearer ${token}x`, 'Basic c2VjcmV0']) {
      await app.inject({
        method: 'GET',
        url: '/things/5',
        headers: { authorization, cookie: 'secret-cookie' },
      });
    }
    const text = JSON.stringify(lines);
    expect(lines.filter((line) => line.msg === 'request')).toHaveLength(3);
    for (const secret of [token, 'secret', 'c2VjcmV0', testSecret]) expect(text).not.toContain(secret);
  });
});
