import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { dial, exchange, listen, type RawAnswer } from '../helpers/raw-http.ts';
import { type BareOptions, startBareApp } from './bare.ts';

async function start(options: BareOptions = {}) {
  const { app, lines } = await startBareApp(options);
  return { app, lines, port: await listen(app) };
}

function expectProblem(answer: RawAnswer | undefined, status: number, code: string): void {
  if (answer === undefined) throw new Error('no answer');
  const body = JSON.parse(answer.body);
  expect({ status: answer.status, code: body.code, type: answer.headers['content-type'] }).toEqual({
    status,
    code,
    type: 'application/problem+json',
  });
  expect(body).toMatchObject({ type: `/docs/problems#${code}`, status });
  expect(body.title).toBeTypeOf('string');
  expect(body.detail).toBeTypeOf('string');
  expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(body.request_id).toBe(answer.headers['x-request-id']);
}

const close = 'Connection: close\r\n\r\n';

test.each([
  ['a broken request line', 'nonsense\r\n\r\n'],
  ['another protocol', 'GET /things HTCPCP/1.0\r\n\r\n'],
  ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a bad Content-Length', `POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n${close}`],
  ['a negative Content-Length', `POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n${close}`],
  [
    'two Content-Lengths',
    `POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n${close}`,
  ],
  [
    'Content-Length and Transfer-Encoding',
    `POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n${close}0\r\n\r\n`,
  ],
  ['an unknown Transfer-Encoding', `POST /things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n${close}`],
  ['a header without a colon', `GET /things HTTP/1.1\r\nHost x\r\n${close}`],
  ['a space before the colon', `GET /things HTTP/1.1\r\nHost : x\r\n${close}`],
  ['a NUL in a header', `GET /things HTTP/1.1\r\nHost: x\0y\r\n${close}`],
  ['a folded header', `GET /things HTTP/1.1\r\nHost: x\r\n y\r\n${close}`],
  ['TLS on a plain port', Buffer.from('16030100c8010000c40303', 'hex')],
])('400 request-invalid for %s', async (_what, bytes) => {
  const { port } = await start();
  const [answer, ...more] = await exchange(port, bytes);
  expectProblem(answer, 400, 'request-invalid');
  expect(answer?.headers.connection).toBe('close');
  expect(JSON.parse(answer?.body ?? '').errors).toHaveLength(1);
  expect(more).toEqual([]);
});

test('400 request-invalid for a bad chunk, after the request had begun', async () => {
  const { port } = await start();
  const [answer] = await exchange(
    port,
    'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  );
  expectProblem(answer, 400, 'request-invalid');
});

test('an unknown method is 405 on a known path and 404 on an unknown one', async () => {
  const { port } = await start();
  const [known] = await exchange(port, `FROB /things/summary?x=1 HTTP/1.1\r\nHost: x\r\n${close}`);
  expectProblem(known, 405, 'method-not-allowed');
  expect(known?.headers.allow).toBe('GET, HEAD, OPTIONS');
  expect(JSON.parse(known?.body ?? '').instance).toBe('/things/summary');
  const [lower] = await exchange(port, `get /things/5 HTTP/1.1\r\nHost: x\r\n${close}`);
  expect([lower?.status, lower?.headers.allow]).toEqual([405, 'DELETE, GET, HEAD, OPTIONS']);
  const [unknown] = await exchange(port, `FROB /nothing HTTP/1.1\r\nHost: x\r\n${close}`);
  expectProblem(unknown, 404, 'route-not-found');
});

test('405 for TRACE and CONNECT', async () => {
  const { port } = await start();
  const [trace] = await exchange(port, `TRACE /things HTTP/1.1\r\nHost: x\r\n${close}`);
  expectProblem(trace, 405, 'method-not-allowed');
  const [connect] = await exchange(port, 'CONNECT example:443 HTTP/1.1\r\nHost: example:443\r\n\r\n');
  expectProblem(connect, 405, 'method-not-allowed');
  expect(connect?.headers.allow).toContain('GET');
});

test('431 headers-too-large when URL and headers pass 16 KiB together', async () => {
  const { port } = await start();
  const header = (length: number) => `X-Long: ${'x'.repeat(length)}\r\n`;
  const [large] = await exchange(port, `GET /things HTTP/1.1\r\nHost: x\r\n${header(17_000)}${close}`);
  expectProblem(large, 431, 'headers-too-large');
  const url = `/things/${'x'.repeat(8000)}`;
  const [together] = await exchange(port, `GET ${url} HTTP/1.1\r\nHost: x\r\n${header(9000)}${close}`);
  expectProblem(together, 431, 'headers-too-large');
  const [endless] = await exchange(port, `GET /${'x'.repeat(70_000)} HTTP/1.1\r\nHost: x\r\n${close}`);
  expectProblem(endless, 431, 'headers-too-large');
  const [fitting] = await exchange(port, `GET /things HTTP/1.1\r\nHost: x\r\n${header(15_000)}${close}`);
  expect(fitting?.status).toBe(200);
});

test('414 url-too-long for a URL over 8 KiB within the 16', async () => {
  const { port } = await start();
  const [answer] = await exchange(port, `GET /things/${'1'.repeat(9000)} HTTP/1.1\r\nHost: x\r\n${close}`);
  expectProblem(answer, 414, 'url-too-long');
});

const quick = { times: { requestTimeoutMs: 200, connectionsCheckMs: 20 } };

test.each([
  ['headers that never end', 'GET /things HTTP/1.1\r\nHost: x\r\n'],
  [
    'a body that stalls',
    'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{',
  ],
  [
    'a chunk that stalls',
    'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{',
  ],
  ['a connection that says nothing', ''],
])('408 request-timeout for %s', async (_what, bytes) => {
  const { port, lines } = await start(quick);
  const [answer, ...more] = await exchange(port, bytes);
  expectProblem(answer, 408, 'request-timeout');
  expect(more).toEqual([]);
  expect(lines.filter((line) => Number(line.level) >= 40)).toEqual([]);
});

test('the 408 of a request that was routed carries its id and path', async () => {
  const { port, lines } = await start(quick);
  const [answer] = await exchange(
    port,
    'POST /things?x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  );
  const body = JSON.parse(answer?.body ?? '');
  expect(body.instance).toBe('/things');
  const ofRequest = () => lines.filter((line) => line.request_id === body.request_id).map((line) => line.msg);
  await expect.poll(ofRequest).toContain('request');
  expect(ofRequest()).toContain('request not parsed');
});

test('a body that trickles is cut all the same', async () => {
  const { port } = await start(quick);
  const socket = await dial(port);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.write(
    'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n',
  );
  const trickle = setInterval(() => socket.write(' '), 10);
  onTestFinished(() => clearInterval(trickle));
  await once(socket, 'close');
  expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 408 /);
});

test('an idle connection after an answer hears no 408', async () => {
  const { port } = await start(quick);
  const socket = await dial(port);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.write('GET /things/summary HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  const bystander = await exchange(port, 'GET /things HTTP/1.1\r\n');
  expect(bystander[0]?.status).toBe(408);
  socket.write(`GET /things/summary HTTP/1.1\r\nHost: x\r\n${close}`);
  await once(socket, 'close');
  expect(
    Buffer.concat(chunks)
      .toString()
      .match(/HTTP\/1\.1 \d+/g),
  ).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
});

test('an answer already given to a stalled body is not followed by a second one', async () => {
  const { port } = await start(quick);
  const answers = await exchange(port, 'POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{');
  expect(answers.map((answer) => answer.status)).toEqual([404]);
});

test('a missing Host is accepted', async () => {
  const { port } = await start();
  for (const version of ['1.1', '1.0']) {
    const [answer] = await exchange(port, `GET /things/summary HTTP/${version}\r\n${close}`);
    expect(answer?.status).toBe(200);
  }
});

test('an unknown expectation is passed over, 100-continue is met', async () => {
  const { port } = await start();
  const [unknown] = await exchange(port, `GET /things/summary HTTP/1.1\r\nHost: x\r\nExpect: x\r\n${close}`);
  expect(unknown?.status).toBe(200);
  const [first, second] = await exchange(
    port,
    `POST /things HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 12\r\n${close}{"name":"a"}`,
  );
  expect([first?.status, second?.status]).toEqual([100, 200]);
});

test('a wish to upgrade is passed over', async () => {
  const { port } = await start();
  for (const protocol of ['websocket', 'h2c']) {
    const [answer] = await exchange(
      port,
      `GET /things/summary HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: ${protocol}\r\n\r\n`,
    );
    expect(answer?.status).toBe(200);
  }
});

test('the absolute form of a request target is taken, and told as its path', async () => {
  const { port } = await start();
  const [answer] = await exchange(port, `GET http://x/things/summary HTTP/1.1\r\nHost: x\r\n${close}`);
  expect(answer?.status).toBe(200);
  const [refused] = await exchange(port, `GET http://x:80/things/5?y HTTP/1.1\r\nHost: x\r\n${close}`);
  expectProblem(refused, 401, 'credentials-missing');
  expect(JSON.parse(refused?.body ?? '').instance).toBe('/things/5');
});

test('404 for a request target that is no path', async () => {
  const { port } = await start();
  for (const target of ['*', '/*', '/.', 'http://x']) {
    const [answer] = await exchange(port, `OPTIONS ${target} HTTP/1.1\r\nHost: x\r\n${close}`);
    expectProblem(answer, 404, 'route-not-found');
  }
});

test('400 url-malformed for raw bytes past ASCII in a URL', async () => {
  const { port } = await start();
  for (const target of ['/things?q=é', '/thïngs']) {
    const [answer] = await exchange(port, `GET ${target} HTTP/1.1\r\nHost: x\r\n${close}`);
    expectProblem(answer, 400, 'url-malformed');
  }
});

test('pipelined requests are answered in order, up to the one that is no request', async () => {
  const { port } = await start();
  const get = 'GET /things/summary HTTP/1.1\r\nHost: x\r\n\r\n';
  const answers = await exchange(port, `${get}${get}nonsense\r\n\r\n`);
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 400]);
  const others = await exchange(port, `${get}FROB /nothing HTTP/1.1\r\n\r\n`);
  expect(others.map((answer) => answer.status)).toEqual([200, 404]);
});

test('a client that hangs up is no 500 and no error in the log', async () => {
  const { app, port, lines } = await start();
  const socket = await dial(port);
  const arrived = once(app.server, 'request');
  socket.write(
    'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{',
  );
  await arrived;
  socket.resetAndDestroy();
  await expect.poll(() => lines.filter((line) => line.msg === 'request').length, { interval: 5 }).toBe(1);
  expect(lines.filter((line) => Number(line.level) >= 40)).toEqual([]);
  expect(lines.find((line) => line.msg === 'request')).toMatchObject({ is_cut: true });
});

test('HEAD errors have the headers of a problem and no body', async () => {
  const { port } = await start();
  const answers = await exchange(port, `HEAD /nothing HTTP/1.1\r\nHost: x\r\n${close}`).catch(() => []);
  // The answer has a Content-Length and no bytes after it.
  expect(answers).toHaveLength(1);
  expect([answers[0]?.status, answers[0]?.body, answers[0]?.headers['content-type']]).toEqual([
    404,
    '',
    'application/problem+json',
  ]);
});

test('413 body-too-large reaches a client that is still sending, whole or in chunks', async () => {
  const { port } = await start();
  const megabytes = ' '.repeat(4_000_000);
  const head = 'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  const next = `GET /things/summary HTTP/1.1\r\nHost: x\r\n${close}`;
  for (const request of [
    `${head}Content-Length: ${megabytes.length}\r\n\r\n${megabytes}`,
    `${head}Transfer-Encoding: chunked\r\n\r\n${megabytes.length.toString(16)}\r\n${megabytes}\r\n0\r\n\r\n`,
  ]) {
    const [answer, after] = await exchange(port, request + next);
    expectProblem(answer, 413, 'body-too-large');
    expect(after?.status).toBe(200);
  }
});

test('401 and 404 reach a client that sends a large body', async () => {
  const { port } = await start();
  const body = Buffer.alloc(1_000_000, ' ');
  for (const [path, status, code] of [
    ['/things/5', 401, 'credentials-missing'],
    ['/nothing', 404, 'route-not-found'],
  ] as const) {
    const head = `DELETE ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${close}`;
    const [answer] = await exchange(port, Buffer.concat([Buffer.from(head), body]));
    expectProblem(answer, status, code);
  }
});
