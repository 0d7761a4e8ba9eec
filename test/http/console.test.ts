import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { consoleRoutes } from '../../src/http/console.ts';
import { openSignInCodes } from '../../src/sign-in-codes.ts';
import { testSecret } from '../helpers/tokens.ts';
import { startBareApp } from './bare.ts';

const script = `export const text = '${'x'.repeat(2000)}';\n`;

/** A folder as the build leaves it, in miniature. */
const makeBuiltDir = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-console-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  await mkdir(join(dir, 'assets'));
  await writeFile(join(dir, 'index.html'), '<!doctype html><title>Holdfast</title>');
  await writeFile(join(dir, 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  await writeFile(join(dir, '.secret'), 'not to be seen');
  await writeFile(join(dir, 'assets', 'index-1a2b3c.js'), script);
  await writeFile(join(dir, 'assets', 'index-1a2b3c.js.gz'), gzipSync(script));
  return dir;
};

const startConsole = async (dir?: string, codes = openSignInCodes()) => {
  const { app } = await startBareApp({
    extraRoutes: consoleRoutes({
      config: { jwtIssuer: undefined, jwtAudience: undefined },
      signIn: { codes, secret: testSecret },
      dir: dir ?? (await makeBuiltDir()),
    }),
  });
  return app;
};

describe('the page', () => {
  test.each(['/console', '/console/'])(
    'is at %s, never kept without asking, under a policy of its own',
    async (url) => {
      const app = await startConsole();
      const answer = await app.inject({ url });
      expect([answer.statusCode, answer.body]).toEqual([200, '<!doctype html><title>Holdfast</title>']);
      expect(answer.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
      expect(String(answer.headers['content-security-policy']).split(';').sort()).toEqual([
        "base-uri 'none'",
        "connect-src 'self'",
        "default-src 'none'",
        "font-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "img-src 'self' data:",
        "require-trusted-types-for 'script'",
        "script-src 'self'",
        "style-src 'self'",
        'trusted-types default',
      ]);
      const again = await app.inject({ url, headers: { 'if-none-match': String(answer.headers.etag) } });
      expect([again.statusCode, again.body]).toEqual([304, '']);
      const head = await app.inject({ method: 'HEAD', url });
      expect([head.statusCode, head.body, head.headers['content-length']]).toEqual([
        200,
        '',
        answer.headers['content-length'],
      ]);
    },
  );

  test('has files beside it that are asked for anew, and assets that are kept for good', async () => {
    const app = await startConsole();
    const icon = await app.inject({ url: '/console/icon.svg' });
    expect([icon.statusCode, icon.headers['cache-control'], icon.headers['content-type']]).toEqual([
      200,
      'no-cache',
      'image/svg+xml',
    ]);
    const asset = await app.inject({ url: '/console/assets/index-1a2b3c.js' });
    expect([asset.statusCode, asset.body]).toEqual([200, script]);
    expect(asset.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': expect.stringContaining('javascript'),
    });
  });

  test('sends an asset compressed to whoever takes it', async () => {
    const app = await startConsole();
    const url = '/console/assets/index-1a2b3c.js';
    const zipped = await app.inject({ url, headers: { 'accept-encoding': 'gzip, br' } });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(zipped.headers.vary).toMatch(/accept-encoding/i);
    expect(zipped.rawPayload).toEqual(gzipSync(script));
    expect(zipped.headers['content-type']).toMatch(/javascript/);
    const plain = await app.inject({ url });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.headers.vary).toMatch(/accept-encoding/i);
  });

  test.each([
    '/console/none.js',
    '/console/assets',
    '/console/assets/',
    '/console/assets/none.js',
    '/console/.secret',
    '/console/assets/..%2F.secret',
    '/console/assets/..%2Findex.html',
    '/console/..%2F..%2Fpackage.json',
    '/console/%2Fetc%2Fpasswd',
    '/console/assets/..%5Cindex.html',
  ])('404 route-not-found for %s', async (url) => {
    const app = await startConsole();
    const answer = await app.inject({ url });
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ code: 'route-not-found', instance: url });
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).not.toContain('not to be seen');
  });

  test('405 with Allow for other methods, OPTIONS 204', async () => {
    const app = await startConsole();
    for (const url of ['/console', '/console/', '/console/icon.svg', '/console/assets/index-1a2b3c.js']) {
      const answer = await app.inject({ method: 'DELETE', url });
      expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
      expect((await app.inject({ method: 'OPTIONS', url })).statusCode).toBe(204);
    }
    expect((await app.inject({ url: '/console/sign-in' })).headers.allow).toBe('OPTIONS, POST');
  });

  test('400 for a query that nobody asked for', async () => {
    const app = await startConsole();
    expect((await app.inject({ url: '/console/?x=1' })).json()).toMatchObject({ code: 'request-invalid' });
  });

  test('says how to build it where it is not built, and is there once it is', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-console-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    const app = await startConsole(join(dir, 'not-yet'));
    for (const url of ['/console', '/console/']) {
      const answer = await app.inject({ url });
      expect(answer.statusCode).toBe(404);
      expect(answer.json().detail).toContain('npm run build');
    }
    await mkdir(join(dir, 'not-yet'));
    await writeFile(join(dir, 'not-yet', 'index.html'), 'now');
    expect((await app.inject({ url: '/console' })).body).toBe('now');
  });
});

describe('POST /console/sign-in', () => {
  const signIn = async (app: Awaited<ReturnType<typeof startConsole>>, code: unknown) =>
    app.inject({ method: 'POST', url: '/console/sign-in', payload: { code } });

  test('gives the admin’s token for the code that was issued, once', async () => {
    const codes = openSignInCodes();
    const app = await startConsole(undefined, codes);
    const code = codes.issue();
    const answer = await signIn(app, code);
    expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    const { token, expires_at } = answer.json();
    const seen = await app.inject({ url: '/things/5', headers: { authorization: `Bearer ${token}` } });
    expect(seen.json()).toMatchObject({
      sub: 'admin',
      permissions: expect.arrayContaining(['ROOM_MANAGEMENT:WRITE']),
    });
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
    expect(Math.abs(Date.parse(expires_at) / 1000 - exp)).toBeLessThanOrEqual(1);
    expect((await signIn(app, code)).statusCode).toBe(401);
  });

  test('401 credentials-invalid for a wrong code, and where none was issued', async () => {
    const codes = openSignInCodes();
    const app = await startConsole(undefined, codes);
    expect((await signIn(app, 'x')).json()).toMatchObject({ status: 401, code: 'credentials-invalid' });
    codes.issue();
    const wrong = await signIn(app, 'x');
    expect(wrong.json()).toMatchObject({ status: 401, code: 'credentials-invalid' });
    expect(wrong.headers['www-authenticate']).toBe('Bearer');
  });

  test('400 for what is no code', async () => {
    const app = await startConsole();
    for (const code of [undefined, '', 5, 'x'.repeat(201)]) {
      expect((await signIn(app, code)).json()).toMatchObject({ code: 'request-invalid' });
    }
  });

  test('no code is good where the key is configured', async () => {
    const { app } = await startBareApp({
      extraRoutes: consoleRoutes({
        config: { jwtIssuer: undefined, jwtAudience: undefined },
        signIn: undefined,
        dir: await makeBuiltDir(),
      }),
    });
    expect((await signIn(app, 'x')).statusCode).toBe(401);
  });
});
