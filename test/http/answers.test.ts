import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { responses } from '../../src/http/openapi.ts';
import { Problem } from '../../src/problems.ts';
import { tokenFor } from '../helpers/tokens.ts';
import { type BareOptions, startBareApp } from './bare.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A public route at /made that does what a test says. */
function routeThat(act: () => unknown): BareOptions {
  return {
    extraRoutes: async (app) => void app.get('/made', { config: { public: true } }, async () => act()),
  };
}

describe('a problem', () => {
  test('has the standard members, then its facts, which never replace one', async () => {
    const { app } = await startBareApp(
      routeThat(() => {
        throw new Problem('room-held', 'Room 5 is held.', {
          hold_expires_at: 'then',
          code: 'x',
          status: 1,
          detail: 'x',
        });
      }),
    );
    const answer = await app.inject({ url: '/made' });
    expect(answer.json()).toEqual({
      type: '/docs/problems#room-held',
      title: 'The room is held',
      status: 409,
      detail: 'Room 5 is held.',
      instance: '/made',
      code: 'room-held',
      request_id: answer.headers['x-request-id'],
      hold_expires_at: 'then',
    });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    });
    expect(answer.headers['content-length']).toBe(String(answer.rawPayload.length));
  });

  test('has a type under PUBLIC_URL', async () => {
    for (const publicUrl of ['https://rooms.example/api', 'https://rooms.example/api/']) {
      const { app } = await startBareApp({ config: { publicUrl } });
      const answer = await app.inject({ url: '/nothing' });
      expect(answer.json().type).toBe('https://rooms.example/api/docs/problems#route-not-found');
    }
  });

  test('of 429 and 503 carries Retry-After in whole seconds, at least 1', async () => {
    for (const [retryAfterSeconds, expected] of [
      [undefined, '1'],
      [0, '1'],
      [0.2, '1'],
      [1.2, '2'],
      [30, '30'],
    ] as const) {
      for (const code of ['overloaded', 'hold-limit-reached'] as const) {
        const options = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
        const { app } = await startBareApp(
          routeThat(() => {
            throw new Problem(code, 'Later.', {}, options);
          }),
        );
        expect((await app.inject({ url: '/made' })).headers['retry-after']).toBe(expected);
      }
    }
  });

  test('takes back the headers that belonged to the answer that was meant', async () => {
    const { app } = await startBareApp({
      extraRoutes: async (scope) =>
        void scope.get('/made', { config: { public: true } }, async (_request, reply) => {
          reply.headers({
            etag: '"1"',
            'cache-control': 'private, no-cache',
            'content-type': 'text/event-stream',
          });
          throw new Problem('room-not-found', 'No.');
        }),
    });
    const answer = await app.inject({ url: '/made' });
    expect(answer.headers).not.toHaveProperty('etag');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    });
  });
});

describe('a bug', () => {
  test.each([
    [
      'an error',
      () => {
        throw new Error('secret at /srv/app.ts');
      },
    ],
    [
      'an error with a status of its own',
      () => {
        throw Object.assign(new Error('secret'), { statusCode: 418 });
      },
    ],
    [
      'a thrown text',
      () => {
        throw 'secret';
      },
    ],
    [
      'a thrown nothing',
      () => {
        throw undefined;
      },
    ],
    [
      'a reset of a connection of our own',
      () => {
        throw Object.assign(new Error('secret'), { code: 'ECONNRESET' });
      },
    ],
    ['an answer that no JSON can hold', () => ({ secret: 5n })],
  ])('is 500 internal-error that says nothing, and logged with its request id: %s', async (_what, act) => {
    const { app, lines } = await startBareApp(routeThat(act));
    const answer = await app.inject({ url: '/made' });
    expect(answer.json()).toMatchObject({ status: 500, code: 'internal-error', instance: '/made' });
    expect(answer.body).not.toMatch(/secret|\.ts|Error/);
    const logged = lines.filter((line) => line.level === 50);
    expect(logged).toHaveLength(1);
    expect(logged[0]?.request_id).toBe(answer.headers['x-request-id']);
  });

  test('a Problem with a cause is logged as a warning, without its cause in the answer', async () => {
    const { app, lines } = await startBareApp(
      routeThat(() => {
        throw new Problem(
          'dependency-unavailable',
          'The database is out of reach.',
          {},
          { cause: new Error('secret') },
        );
      }),
    );
    const answer = await app.inject({ url: '/made' });
    expect([answer.statusCode, answer.body.includes('secret')]).toEqual([503, false]);
    expect(lines.filter((line) => Number(line.level) >= 40)).toHaveLength(1);
  });
});

describe('every answer', () => {
  test('carries an X-Request-Id made here', async () => {
    const { app } = await startBareApp();
    const mine = '11111111-1111-4111-8111-111111111111';
    const headers = { 'x-request-id': mine, 'request-id': mine };
    const ids = new Set<unknown>();
    for (const [method, url] of [
      ['GET', '/things'],
      ['HEAD', '/things'],
      ['OPTIONS', '/things'],
      ['PUT', '/things'],
      ['GET', '/nothing'],
      ['GET', '/things/5'],
      ['GET', '/things?x'],
      ['GET', '/%zz'],
      ['GET', '/bug'],
      ['GET', '/openapi.json'],
    ] as const) {
      const answer = await app.inject({ method, url, headers });
      expect(answer.headers['x-request-id']).toMatch(uuid);
      expect(JSON.stringify([answer.headers, answer.body])).not.toContain(mine);
      ids.add(answer.headers['x-request-id']);
    }
    expect(ids.size).toBe(10);
  });

  test('has the headers of helmet and tells nothing of the server', async () => {
    const { app } = await startBareApp();
    for (const url of ['/things', '/nothing', '/things/5']) {
      const { headers } = await app.inject({ url });
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' });
      expect(headers['strict-transport-security']).toMatch(/max-age=/);
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('server');
      // Those are for pages, which set their own.
      expect(headers).not.toHaveProperty('x-download-options');
      expect(headers).not.toHaveProperty('cross-origin-opener-policy');
    }
  });

  test('leaves one line in the log, without query and headers', async () => {
    const { app, lines } = await startBareApp();
    const authorization = `Bearer ${tokenFor('logged', 'ROOM_MANAGEMENT:READ')}`;
    const answer = await app.inject({ url: '/things/5?token=x', headers: { authorization } });
    const logged = lines.filter((line) => line.msg === 'request');
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatchObject({
      method: 'GET',
      path: '/things/5',
      route: '/things/:thing_id',
      status: 400,
      sub: 'logged',
      request_id: answer.headers['x-request-id'],
    });
    expect(logged[0]?.ms).toBeTypeOf('number');
    expect(JSON.stringify(lines)).not.toContain('token=x');
  });

  test('says in the log what each request was, whatever others of its route were', async () => {
    const { app, lines } = await startBareApp();
    const asked = [
      ['GET', '/things/5'],
      ['GET', '/things/6'],
      ['PURGE', '/things/5'],
      ['LOCK', '/things/6'],
      ['GET', '/things'],
      ['LOCK', '/things'],
      ['PURGE', '/things'],
    ] as const;
    for (const [method, url] of asked) await app.inject({ method: method as 'GET', url });
    const logged = lines.filter((line) => line.msg === 'request');
    expect(logged.map(({ method, path }) => [method, path])).toEqual(asked);
  });
});

test('a route may send ready-made JSON text and bytes', async () => {
  const { app } = await startBareApp({
    extraRoutes: async (scope) => {
      const schema = { response: responses({ 200: z.strictObject({ a: z.string() }) }) };
      scope.get('/text', { config: { public: true }, schema }, async (_request, reply) =>
        reply.type('application/json; charset=utf-8').send('{"a":"é"}'),
      );
      scope.get('/bytes', { config: { public: true }, schema }, async (_request, reply) =>
        reply.type('application/json; charset=utf-8').send(Buffer.from('{"a":"é"}')),
      );
    },
  });
  for (const url of ['/text', '/bytes']) expect((await app.inject({ url })).body).toBe('{"a":"é"}');
});
