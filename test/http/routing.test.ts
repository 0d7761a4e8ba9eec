import { describe, expect, test } from 'vitest';
import { tokenFor } from '../helpers/tokens.ts';
import { startBareApp } from './bare.ts';

const reader = { authorization: `Bearer ${tokenFor('reader', 'ROOM_MANAGEMENT:READ')}` };

describe('route check', () => {
  test.each([
    ['GET', '/nothing'],
    ['POST', '/nothing'],
    ['HEAD', '/nothing'],
    ['OPTIONS', '/nothing'],
    ['PROPFIND', '/nothing'],
    ['GET', '/things/'],
    ['GET', '/things/5/'],
    ['GET', '//things'],
    ['GET', '/THINGS'],
    ['DELETE', '/things/'],
  ] as const)('404 route-not-found for %s %s, without a token', async (method, url) => {
    const { app } = await startBareApp();
    const answer = await app.inject({ method: method as 'GET', url });
    expect(answer.statusCode).toBe(404);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    if (method !== 'HEAD') expect(answer.json()).toMatchObject({ code: 'route-not-found', instance: url });
  });

  test('404 comes before what is wrong with the body', async () => {
    const { app } = await startBareApp();
    const answer = await app.inject({
      method: 'POST',
      url: '/nothing?x=%ff',
      payload: '{',
      headers: { 'content-type': 'nonsense' },
    });
    expect(answer.json()).toMatchObject({ status: 404, code: 'route-not-found', instance: '/nothing' });
  });

  test.each([
    ['PUT', '/things', 'GET, HEAD, OPTIONS, POST'],
    ['DELETE', '/things/summary', 'GET, HEAD, OPTIONS'],
    ['POST', '/things/5', 'DELETE, GET, HEAD, OPTIONS'],
    ['TRACE', '/things', 'GET, HEAD, OPTIONS, POST'],
    ['QUERY', '/things', 'GET, HEAD, OPTIONS, POST'],
    ['PURGE', '/things/5', 'DELETE, GET, HEAD, OPTIONS'],
    ['GET', '/things/5/touch', 'OPTIONS, POST'],
  ])('405 with Allow for %s %s, without a token and before the body', async (method, url, allow) => {
    const { app } = await startBareApp();
    const payload = method === 'TRACE' || method === 'GET' ? {} : { payload: '{' };
    const answer = await app.inject({ method: method as 'GET', url, ...payload });
    expect(answer.statusCode).toBe(405);
    expect(answer.headers.allow).toBe(allow);
    expect(answer.json()).toMatchObject({ code: 'method-not-allowed', allow: allow.split(', ') });
  });

  test('HEAD where there is no GET is 405 without a body', async () => {
    const { app } = await startBareApp();
    const answer = await app.inject({ method: 'HEAD', url: '/things/5/touch' });
    expect([answer.statusCode, answer.headers.allow, answer.body]).toEqual([405, 'OPTIONS, POST', '']);
  });

  test('HEAD answers what GET answers, without the body', async () => {
    const { app } = await startBareApp();
    const get = await app.inject({ method: 'GET', url: '/things/5', headers: reader });
    const head = await app.inject({ method: 'HEAD', url: '/things/5', headers: reader });
    expect(head.statusCode).toBe(200);
    expect(head.body).toBe('');
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
    expect((await app.inject({ method: 'HEAD', url: '/things/5' })).statusCode).toBe(401);
    expect((await app.inject({ method: 'HEAD', url: '/things/x', headers: reader })).statusCode).toBe(400);
  });

  test('OPTIONS is 204 with Allow on every known path, without a token', async () => {
    const { app } = await startBareApp();
    for (const [pattern, methods] of app.patterns) {
      const answer = await app.inject({ method: 'OPTIONS', url: pattern.replaceAll(/:[a-z_]+/g, '5') });
      expect([pattern, answer.statusCode, answer.body]).toEqual([pattern, 204, '']);
      expect(answer.headers.allow).toBe([...methods, 'OPTIONS'].sort().join(', '));
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
    expect(app.patterns.size).toBeGreaterThan(5);
  });

  test('OPTIONS takes any query and any body', async () => {
    const { app } = await startBareApp();
    const answer = await app.inject({ method: 'OPTIONS', url: '/things?x=1' });
    expect(answer.statusCode).toBe(204);
  });

  test('400 url-malformed for bad percent-encoding in the path', async () => {
    const { app } = await startBareApp();
    for (const url of ['/things/%zz', '/things/%ff', '/%', '/things/%e0%a4']) {
      const answer = await app.inject({ method: 'GET', url });
      expect(answer.json()).toMatchObject({ status: 400, code: 'url-malformed', instance: url });
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.headers['x-request-id']).toBe(answer.json().request_id);
    }
  });

  test('414 url-too-long past 8 KiB, before the route and also when it is malformed', async () => {
    const { app } = await startBareApp();
    for (const url of [
      `/things?q=${'x'.repeat(8192)}`,
      `/nothing/${'x'.repeat(8192)}`,
      `/${'x'.repeat(8192)}%zz`,
    ]) {
      const answer = await app.inject({ method: 'GET', url });
      expect(answer.json()).toMatchObject({ status: 414, code: 'url-too-long' });
    }
    const fitting = await app.inject({ method: 'GET', url: `/things/${'1'.repeat(8184)}`, headers: reader });
    expect(fitting.json()).toMatchObject({ status: 400, code: 'request-invalid' });
  });

  test.each([
    '0',
    '-1',
    '+5',
    '05',
    '5.0',
    '5e0',
    ' 5',
    '5 ',
    '0x5',
    '2147483648',
    '99999999999999999999',
    'abc',
    '٥',
    '5\0',
  ])('400 request-invalid for the id %j in a path', async (id) => {
    const { app } = await startBareApp();
    const answer = await app.inject({
      method: 'GET',
      url: `/things/${encodeURIComponent(id)}`,
      headers: reader,
    });
    expect(answer.json()).toMatchObject({
      status: 400,
      code: 'request-invalid',
      errors: [{ path: 'thing_id' }],
    });
  });

  test('the largest id is taken', async () => {
    const { app } = await startBareApp();
    const answer = await app.inject({ method: 'GET', url: '/things/2147483647', headers: reader });
    expect(answer.json()).toMatchObject({ thing_id: 2147483647 });
  });

  test('a route that declares neither a permission nor that it is public stops the start', async () => {
    await expect(
      startBareApp({ extraRoutes: async (app) => void app.get('/naked', async () => ({})) }),
    ).rejects.toThrow('GET /naked must declare either config.anyOf or config.public');
  });
});

describe('CORS', () => {
  const headers = { origin: 'https://book.example', 'access-control-request-method': 'DELETE' };

  test('is closed without CORS_ORIGINS', async () => {
    const { app } = await startBareApp();
    const answer = await app.inject({ method: 'OPTIONS', url: '/things/5', headers });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('answers a listed origin, and no other', async () => {
    const { app } = await startBareApp({ config: { corsOrigins: ['https://book.example'] } });
    const preflight = await app.inject({ method: 'OPTIONS', url: '/things/5', headers });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe('https://book.example');
    expect(preflight.headers['access-control-allow-methods']).toContain('DELETE');
    const refused = await app.inject({ method: 'GET', url: '/things/5', headers });
    expect([refused.statusCode, refused.headers['access-control-allow-origin']]).toEqual([
      401,
      'https://book.example',
    ]);
    const other = await app.inject({
      method: 'OPTIONS',
      url: '/things/5',
      headers: { ...headers, origin: 'https://evil.example' },
    });
    expect(other.headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('leaves an unknown path unknown', async () => {
    const { app } = await startBareApp({ config: { corsOrigins: ['https://book.example'] } });
    for (const one of [headers, {}]) {
      const answer = await app.inject({ method: 'OPTIONS', url: '/nothing', headers: one });
      expect(answer.json()).toMatchObject({ status: 404, code: 'route-not-found' });
    }
  });
});
