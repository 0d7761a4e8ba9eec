/** Owns the proof of tracing: spans of requests and batches that know of each other, with nothing secret in them. */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { roles, startTestApp, type TestApp } from '../helpers/app.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { makeRooms, openSession, untilBlocked } from '../helpers/property.ts';
import { dial, listen } from '../helpers/raw-http.ts';
import { startProgram, startServer } from '../helpers/server-process.ts';
import { testSecret } from '../helpers/tokens.ts';
import { type ReceivedSpan, startTraceReceiver } from '../helpers/trace-receiver.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const callerTrace = '0af7651916cd43dd8448eb211c80319c';
const callerSpan = 'b7ad6b7169203331';

/** The spans of what `work` makes a traced server do; closing the platform sends the last of them. */
async function spansOf(work: (server: TestApp) => Promise<void>, env: Record<string, string> = {}) {
  const receiver = await startTraceReceiver();
  const server = await startTestApp({
    database,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', ...env },
  });
  try {
    await work(server);
  } finally {
    await server.close();
  }
  return receiver;
}

const named = (spans: readonly ReceivedSpan[], name: string) => spans.filter((span) => span.name === name);

test('a request is one span, below that of its caller, with route and status and without the query', async () => {
  const { spans, posts } = await spansOf(async ({ call }) => {
    await call('GET', '/rooms?room_no=private', {
      token: roles.operations,
      headers: { traceparent: `00-${callerTrace}-${callerSpan}-01` },
    });
  });
  expect(posts.map(({ path }) => path)).toContain('/v1/traces');
  const [span, ...more] = named(spans, 'GET /rooms');
  expect(more).toEqual([]);
  expect(span).toMatchObject({
    kind: 2,
    traceId: callerTrace,
    parentSpanId: callerSpan,
    status: { code: 0 },
    attributes: {
      'http.request.method': 'GET',
      'http.route': '/rooms',
      'http.response.status_code': 200,
      'url.path': '/rooms',
    },
    resource: { 'service.name': 'holdfast' },
  });
  expect(span?.attributes['holdfast.request_id']).toMatch(/^[0-9a-f-]{36}$/);
  const [read] = named(spans, 'read');
  expect(read).toMatchObject({ kind: 3, traceId: callerTrace, parentSpanId: span?.spanId });
});

test('a batch is one span, linked with the requests in it, and they with it', async () => {
  const { spans } = await spansOf(async (server) => {
    const [first = 0, ...rest] = (await makeRooms(server, 4)).map(({ room_id }) => room_id);
    const place = (roomId: number) =>
      server.call('POST', '/rooms/hold', { token: roles.frontend, body: { room_ids: [roomId] } });
    const session = await openSession(server.database);
    await session.query('BEGIN');
    await session.query('SELECT FROM room WHERE room_id = $1 FOR UPDATE', [first]);
    const placed = [place(first)];
    await untilBlocked(server.database);
    placed.push(...rest.map(place));
    await session.query('COMMIT');
    expect((await Promise.all(placed)).map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  });
  const requests = named(spans, 'POST /rooms/hold');
  const batches = named(spans, 'batch hold_place');
  expect(requests).toHaveLength(4);
  const idOf = ({ traceId, spanId }: { traceId: string; spanId: string }) => `${traceId} ${spanId}`;
  expect(batches.flatMap(({ links }) => links.map(idOf)).sort()).toEqual(requests.map(idOf).sort());
  for (const batch of batches) {
    expect(batch).toMatchObject({ kind: 3, attributes: { 'db.system.name': 'postgresql' } });
    expect(batch.attributes['db.operation.batch.size']).toBe(batch.links.length);
    expect(batch.parentSpanId).toBeUndefined();
  }
  for (const request of requests) {
    expect(request.links.map(idOf)).toEqual([expect.toBeOneOf(batches.map(idOf))]);
  }
});

test('a request whose body comes late is known to its batch all the same', async () => {
  const { spans } = await spansOf(async ({ app }) => {
    const socket = await dial(await listen(app));
    const body = JSON.stringify({ name: 'late' });
    const head = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n`;
    const arrived = once(app.server, 'request');
    socket.write(
      `POST /room-types HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${roles.admin}\r\n${head}\r\n`,
    );
    await arrived;
    // The hooks of the request are over before the socket is read again.
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(body);
    socket.resume();
    await once(socket, 'close');
  });
  const [{ traceId = '', spanId = '' } = {}] = named(spans, 'POST /room-types');
  expect(named(spans, 'batch room_type_create')).toMatchObject([{ links: [{ traceId, spanId }] }]);
});

test('no token, key, note, query or body is in any span', async () => {
  const { posts, spans } = await spansOf(async (server) => {
    const [{ room_id = 0 } = {}] = await makeRooms(server, 1);
    await server.call('POST', '/rooms/hold?x=in-query', {
      token: roles.frontend,
      body: { room_ids: [room_id], reference: 'in-body' },
      headers: { 'idempotency-key': 'in-key' },
    });
    await server.call('POST', '/rooms/hold', {
      token: roles.frontend,
      body: { room_ids: [room_id], reference: 'in-body', holder: 'in-body' },
    });
    await server.call('POST', '/rooms/hold', {
      token: roles.frontend,
      body: { room_ids: [room_id], reference: 'in-body' },
      headers: { 'idempotency-key': 'in-key' },
    });
    await server.call('POST', `/rooms/${room_id}/freeze`, {
      token: roles.admin,
      body: { freeze_note: 'in-note', supersede_hold: true },
    });
    await server.call('GET', `/rooms?floor=in-query&room_no=in-query`, { token: roles.admin });
    await server.call('GET', `/rooms/hold?reference=in-query`, { token: roles.admin });
  });
  expect(spans.length).toBeGreaterThan(6);
  const sent = posts.map(({ body }) => body.toString()).join('\n');
  expect(sent).toContain('batch hold_place');
  expect(sent).not.toMatch(/in-(query|body|key|note)|eyJ|Bearer|frontend/);
});

test('a server error is an error of its span; a refusal is not; probes are not traced', async () => {
  const { spans } = await spansOf(async (server) => {
    await server.call('GET', '/rooms/2000000000', { token: roles.admin });
    await server.call('GET', '/livez');
    await server.call('GET', '/nothing/here');
    await server.platform.database.client.$executeRawUnsafe('ALTER FUNCTION room_create RENAME TO away');
    const body = { room_no: 'x', room_type_id: 1 };
    expect(await server.call('POST', '/rooms', { token: roles.admin, body })).toMatchObject({ status: 503 });
    await server.platform.database.client.$executeRawUnsafe('ALTER FUNCTION away RENAME TO room_create');
  });
  expect(named(spans, 'GET /rooms/{room_id}')).toMatchObject([{ status: { code: 0 } }]);
  expect(named(spans, 'GET')).toMatchObject([{ attributes: { 'http.response.status_code': 404 } }]);
  expect(spans.filter(({ attributes }) => attributes['url.path'] === '/livez')).toEqual([]);
  const failed = { status: { code: 2 }, attributes: { 'error.type': '503' } };
  expect(named(spans, 'POST /rooms')).toMatchObject([failed]);
  const problem = { status: { code: 2 }, attributes: { 'error.type': 'dependency-unavailable' } };
  expect(named(spans, 'batch room_create')).toMatchObject([problem]);
  expect(spans.flatMap(({ events }) => events)).toEqual([]);
});

test('the sampler that is set decides: none, or what the caller decided', async () => {
  const ask = async ({ call }: TestApp) => void (await call('GET', '/rooms', { token: roles.admin }));
  expect((await spansOf(ask, { OTEL_TRACES_SAMPLER: 'always_off' })).posts).toEqual([]);
  const unsampled = async ({ call }: TestApp) =>
    void (await call('GET', '/rooms', {
      token: roles.admin,
      headers: { traceparent: `00-${callerTrace}-${callerSpan}-00` },
    }));
  expect(named((await spansOf(unsampled)).spans, 'GET /rooms')).toEqual([]);
});

test('by default spans go out as protobuf, under the name that is set', async () => {
  const receiver = await startTraceReceiver();
  const server = await startTestApp({
    database,
    env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/here`, OTEL_SERVICE_NAME: 'night-desk' },
  });
  await server.call('GET', '/rooms', { token: roles.admin });
  await server.close();
  expect(receiver.posts).toMatchObject([{ path: '/here', contentType: 'application/x-protobuf' }]);
  const text = receiver.posts[0]?.body.toString('latin1');
  expect(text).toContain('night-desk');
  expect(text).toContain('GET /rooms');
});

test('a receiver that never answers, or is not there, holds up neither requests nor the end', async () => {
  const silent = await startTraceReceiver({ isSilent: true });
  for (const url of [silent.url, 'http://127.0.0.1:9']) {
    const server = await startTestApp({ database, env: { OTEL_EXPORTER_OTLP_ENDPOINT: url } });
    expect(await server.call('GET', '/rooms', { token: roles.admin })).toMatchObject({ status: 200 });
    const startedAtMs = performance.now();
    await server.close();
    expect(performance.now() - startedAtMs).toBeLessThan(4_000);
  }
});

test('disabled, or without an endpoint, nothing is traced', async () => {
  const receiver = await startTraceReceiver();
  const off = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SDK_DISABLED: 'true' };
  for (const env of [{}, off, { ...off, OTEL_SDK_DISABLED: 'false', OTEL_TRACES_EXPORTER: 'none' }]) {
    const server = await startTestApp({ database, env });
    expect(server.platform.tracing.requests).toBeUndefined();
    await server.call('GET', '/rooms', { token: roles.admin });
    await server.close();
  }
  expect(receiver.posts).toEqual([]);
});

test('without an endpoint nothing of the SDK is loaded', async () => {
  const look = `
    import { createRequire } from 'node:module';
    import { openMetrics } from './src/metrics.ts';
    import { openTracing } from './src/tracing.ts';
    openMetrics();
    const loaded = () =>
      Object.keys(createRequire(import.meta.url).cache).filter((path) => /opentelemetry.(sdk|core|exporter)/.test(path));
    await openTracing(undefined);
    const before = loaded().length;
    const { tracing } = (await import('./src/config.ts')).readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }).config;
    await openTracing(tracing);
    console.log(before, loaded().length > 0);`;
  const program = startProgram(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', look], {});
  expect([await program.ended, program.errors()]).toEqual([0, '']);
  expect(program.output()).toBe('0 true\n');
});

test('a server that is told to stop sends the last spans first', async () => {
  const receiver = await startTraceReceiver();
  const server = await startServer({
    DATABASE_URL: database.url,
    JWT_SECRET: testSecret,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  });
  const headers = { authorization: `Bearer ${roles.admin}`, 'content-type': 'application/json' };
  expect((await fetch(`${server.url}/rooms`, { headers })).status).toBe(200);
  const body = JSON.stringify({ name: 'traced over a socket' });
  expect((await fetch(`${server.url}/room-types`, { method: 'POST', headers, body })).status).toBe(201);
  server.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  const resource = { 'deployment.environment.name': 'test', 'service.name': 'holdfast' };
  expect(named(receiver.spans, 'GET /rooms')).toMatchObject([{ resource }]);
  expect(named(receiver.spans, 'batch sweep')).not.toEqual([]);
  const [made] = named(receiver.spans, 'POST /room-types');
  const links = [{ traceId: made?.traceId, spanId: made?.spanId }];
  expect(named(receiver.spans, 'batch room_type_create')).toMatchObject([{ links }]);
});
