import { createHash } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { tokenFor } from '../helpers/tokens.ts';
import { requestBytes } from '../helpers/wire-request.ts';
import { headersOf, openProperty, type Row, testRows } from './property.ts';

const property = await openProperty();
afterAll(() => property.server.close());
const { as } = property.server;
const { rooms, holds } = property;

const admin = `Authorization: Bearer ${as.admin}`;
const json = 'Content-Type: application/json';
const create = '{"name":"smuggled"}';

/** Lines of a request as they are, each ended by CRLF, an empty one behind them, and then the body. */
const lines =
  (...all: string[]) =>
  (body = '') =>
    Buffer.from(`${all.join('\r\n')}\r\n\r\n${body}`, 'latin1');

/** A call that would make a room type, with these lines besides, and this body. */
const post = (more: readonly string[], body = create) =>
  lines('POST /room-types HTTP/1.1', 'Host: x', admin, json, 'Connection: close', ...more)(body);

const length = `Content-Length: ${create.length}`;
const chunked = 'Transfer-Encoding: chunked';
const inChunks = `${create.length.toString(16)}\r\n${create}\r\n0\r\n\r\n`;

const row = (name: string, request: Buffer, status: number, code?: string): Row => ({
  name,
  request,
  status,
  code,
});
const invalid = [400, 'request-invalid'] as const;

describe('a request whose length can be read in two ways', () => {
  testRows(property, [
    row('Content-Length and Transfer-Encoding', post([length, chunked], inChunks), ...invalid),
    row('Transfer-Encoding and Content-Length', post([chunked, length], inChunks), ...invalid),
    row('two Content-Lengths', post([length, 'Content-Length: 0']), ...invalid),
    row('the same Content-Length twice', post([length, length]), ...invalid),
    row('a list of Content-Lengths', post([`${length}, ${create.length}`]), ...invalid),
    ...[
      '+19',
      '-1',
      '0x13',
      '19.0',
      '1e1',
      '19 ',
      '"19"',
      '１９',
      'abc',
      '',
      '99999999999999999999',
      '18446744073709551635',
    ].map((text) =>
      text === '19 '
        ? row('a Content-Length with words behind', post(['Content-Length: 19 19']), ...invalid)
        : row(`Content-Length: ${text}`, post([`Content-Length: ${text}`]), ...invalid),
    ),
    ...[
      'gzip',
      'identity',
      'chunked, gzip',
      'gzip, chunked, identity',
      'chunked;q=1',
      'xchunked',
      'chunked x',
      '"chunked"',
      'chunked, chunked',
    ].map((text) =>
      row(`Transfer-Encoding: ${text}`, post([`Transfer-Encoding: ${text}`], inChunks), ...invalid),
    ),
    row('two Transfer-Encodings', post([chunked, 'Transfer-Encoding: identity'], inChunks), ...invalid),
    row(
      'a space before the colon of Transfer-Encoding',
      post(['Transfer-Encoding : chunked'], inChunks),
      ...invalid,
    ),
    row(
      'a space before the colon of Content-Length',
      post([`Content-Length : ${create.length}`]),
      ...invalid,
    ),
    row('a space before Content-Length', post([` ${length}`]), ...invalid),
    row('a folded Transfer-Encoding', post(['Transfer-Encoding:', ' chunked'], inChunks), ...invalid),
    row('a tab in the name Transfer-Encoding', post(['Transfer\tEncoding: chunked'], inChunks), ...invalid),
    row('a vertical tab before chunked', post(['Transfer-Encoding: \x0bchunked'], inChunks), ...invalid),
    row('a NUL in a header', post([length, 'X: a\0b']), ...invalid),
    row('a bare CR in a header', post([length, 'X: a\rContent-Length: 0']), ...invalid),
    row(
      'a bare LF that would end a header',
      Buffer.from(post([length, 'X: a\n Transfer-Encoding: chunked'])),
      ...invalid,
    ),
    row('a header without a name', post([length, ': x']), ...invalid),
    row('a header without a colon', post([length, 'nonsense']), ...invalid),
    row('a sign past ASCII in a header name', post([length, 'X\xe9: 1']), ...invalid),
  ]);
});

describe('chunks that are none', () => {
  const chunks = (body: string) => post([chunked], body);
  testRows(property, [
    row('a size that is no number', chunks('zz\r\n'), ...invalid),
    row('a negative size', chunks('-1\r\nx'), ...invalid),
    row('a size with a sign', chunks(`+13\r\n${create}\r\n0\r\n\r\n`), ...invalid),
    row('a size in decimal and hexadecimal', chunks(`0x13\r\n${create}\r\n0\r\n\r\n`), ...invalid),
    row('a size past 64 bits', chunks(`fffffffffffffffff\r\n${create}`), ...invalid),
    row('a chunk longer than it says', chunks(`5\r\n${create}\r\n0\r\n\r\n`), ...invalid),
    row('a chunk without its line break', chunks(`13\r\n${create}0\r\n\r\n`), ...invalid),
    row('bare line feeds', chunks(`13\n${create}\n0\n\n`), ...invalid),
    row('spaces behind the size', chunks(`13  \r\n${create}\r\n0\r\n\r\n`), ...invalid),
    row(
      'more than 64 KiB in chunks',
      chunks(`10001\r\n${' '.repeat(65_537)}\r\n0\r\n\r\n`),
      413,
      'body-too-large',
    ),
    row(
      'extensions of 20,000 bytes',
      chunks(`13;${'x'.repeat(20_000)}\r\n${create}\r\n0\r\n\r\n`),
      413,
      'body-too-large',
    ),
  ]);
});

/** What comes behind a request that is refused is a request of its own, or is not read at all; never a part of both. */
describe('a request hidden behind another', () => {
  const hidden = `POST /room-types HTTP/1.1\r\nHost: x\r\n${json}\r\n${length}\r\nConnection: close\r\n\r\n${create}`;
  const open = (...more: string[]) => lines('POST /room-types HTTP/1.1', 'Host: x', admin, json, ...more);
  testRows(property, [
    row('in a body of no length', open()(hidden), 401, 'credentials-missing'),
    row('in a body of length 0', open('Content-Length: 0')(hidden), 401, 'credentials-missing'),
    row(
      'in the body of a GET',
      lines(
        'GET /livez HTTP/1.1',
        'Host: x',
        `Content-Length: ${hidden.length}`,
        'Connection: close',
      )(hidden),
      200,
    ),
    row(
      'in the body of a path that there is not',
      lines(
        'POST /nothing HTTP/1.1',
        'Host: x',
        `Content-Length: ${hidden.length}`,
        'Connection: close',
      )(hidden),
      404,
      'route-not-found',
    ),
    row('behind a last chunk', open(chunked)(`0\r\n\r\n${hidden}`), 401, 'credentials-missing'),
    row(
      'in a trailer',
      open(chunked, 'Connection: close')(`2\r\n{}\r\n0\r\n${admin}\r\n${length}\r\n\r\n`),
      ...invalid,
    ),
    row(
      'behind an upgrade to h2c',
      lines(
        'GET /livez HTTP/1.1',
        'Host: x',
        'Connection: Upgrade, HTTP2-Settings, close',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
      )(hidden),
      200,
    ),
    row(
      'behind an upgrade to a web socket',
      lines(
        'GET /livez HTTP/1.1',
        'Host: x',
        'Connection: Upgrade, close',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      )(hidden),
      200,
    ),
    row(
      'behind a CONNECT',
      lines('CONNECT x:443 HTTP/1.1', 'Host: x:443')(hidden),
      405,
      'method-not-allowed',
    ),
    row(
      'behind an expectation',
      open('Expect: 100-continue', 'Content-Length: 2')(`{}${hidden}`),
      401,
      'credentials-missing',
    ),
  ]);
});

describe('a request line that is none', () => {
  const line = (text: string) => lines(text, 'Host: x', admin, 'Connection: close')();
  testRows(property, [
    ...['nonsense', 'GET', 'GET /room-types HTTP/1.1 x'].map((text) => row(text, line(text), ...invalid)),
    ...[
      'GET /room-types HTTP/1.2',
      'GET /room-types HTTP/1.',
      'GET /room-types http/1.1',
      'GET /room-types XTTP/1.1',
      'PRI * HTTP/2.0',
    ].map((text) => row(text, line(text), ...invalid)),
    // What Node's parser lets pass: the request means one thing only, and is answered in HTTP/1.1.
    ...[
      'GET /room-types',
      'GET  /room-types HTTP/1.1',
      'GET /room-types HTTP/0.9',
      'GET /room-types HTTP/2.0',
    ].map((text) => row(text, line(text), 200)),
    row('a space in the target', line('GET /room types HTTP/1.1'), ...invalid),
    row('a tab for a space', line('GET\t/room-types\tHTTP/1.1'), ...invalid),
    row('a NUL in the target', line('GET /room-types\0 HTTP/1.1'), 400, 'url-malformed'),
    row('a byte past ASCII in the target', line('GET /room-types?x=\xe9 HTTP/1.1'), 400, 'url-malformed'),
    row('a target that is no path', line('GET room-types HTTP/1.1'), 400, 'url-malformed'),
    row('a target with another scheme', line('GET ftp://x/room-types HTTP/1.1'), 404, 'route-not-found'),
    row('an asterisk', line('GET * HTTP/1.1'), 404, 'route-not-found'),
    row('OPTIONS of an asterisk', line('OPTIONS * HTTP/1.1'), 404, 'route-not-found'),
    row('an authority', line('GET x:80 HTTP/1.1'), 400, 'url-malformed'),
    row('CONNECT', lines('CONNECT x:443 HTTP/1.1', 'Host: x')(), 405, 'method-not-allowed'),
    row('CONNECT to a path', lines('CONNECT /room-types HTTP/1.1', 'Host: x')(), 405, 'method-not-allowed'),
    row('TRACE', line('TRACE /room-types HTTP/1.1'), 405, 'method-not-allowed'),
    row('TLS', Buffer.from('16030100c8010000c40303', 'hex'), ...invalid),
    row('Redis', Buffer.from('*1\r\n$4\r\nPING\r\n'), ...invalid),
    row('a line break and nothing else', Buffer.from('\r\n\r\n\r\nx\r\n\r\n'), ...invalid),
  ]);
});

describe('headers at their edges', () => {
  const get = (...more: string[]) =>
    lines('GET /room-types HTTP/1.1', 'Host: x', admin, 'Connection: close', ...more)();
  const target = (bytes: number) =>
    lines(`GET /livez?${'x'.repeat(bytes - '/livez?'.length)} HTTP/1.1`, 'Host: x', 'Connection: close')();
  testRows(property, [
    row('a header of 17,000 bytes', get(`X: ${'x'.repeat(17_000)}`), 431, 'headers-too-large'),
    row('a header name of 17,000 bytes', get(`${'X'.repeat(17_000)}: 1`), 431, 'headers-too-large'),
    row('5,000 headers', get(...Array(5_000).fill('a: b')), 431, 'headers-too-large'),
    row('1,000 headers', get(...Array(1_000).fill('a:')), 431, 'headers-too-large'),
    row('900 headers', get(...Array(900).fill('a: b')), 200),
    row(
      'a second Authorization behind 2,000 headers',
      get(...Array(2_000).fill('a:'), `Authorization: Bearer ${as.nobody}`),
      431,
      'headers-too-large',
    ),
    row(
      'an Idempotency-Key behind 2,000 headers',
      post([length, ...Array(2_000).fill('a:'), 'Idempotency-Key: k']),
      431,
      'headers-too-large',
    ),
    row('a header of 15,000 bytes', get(`X: ${'x'.repeat(15_000)}`), 200),
    row('a URL of 8,192 bytes', target(8_192), ...invalid),
    row('a URL of 8,193 bytes', target(8_193), 414, 'url-too-long'),
    row('a URL of 17,000 bytes', target(17_000), 431, 'headers-too-large'),
    row('no Host', lines('GET /room-types HTTP/1.1', admin, 'Connection: close')(), 200),
    row('two Hosts', get('Host: y'), 200),
    row(
      'a Host that is none',
      lines('GET /room-types HTTP/1.1', 'Host: <x>/../', admin, 'Connection: close')(),
      200,
    ),
    row('HTTP/1.0', lines('GET /room-types HTTP/1.0', admin)(), 200),
    row('an expectation that nobody knows', get('Expect: the-unexpected'), 200),
    row('a range', get('Range: bytes=0-1'), 200),
    row(
      'a method in a header',
      get('X-HTTP-Method-Override: DELETE', 'X-Method-Override: POST', '_method: DELETE'),
      200,
    ),
    row('If-Match of something else', get('If-Match: "x"'), 200),
    row('a date that is none', get('If-Modified-Since: yesterday', 'If-Unmodified-Since: 0'), 200),
    row(
      'If-None-Match of 5,000 tags',
      lines(
        'GET /rooms HTTP/1.1',
        'Host: x',
        admin,
        'Connection: close',
        `If-None-Match: ${'"a",'.repeat(3_500)}`,
      )(),
      200,
    ),
    row('an Origin', get('Origin: https://evil.example', 'Access-Control-Request-Method: DELETE'), 200),
    row(
      'forwarding',
      get(
        'X-Forwarded-For: 127.0.0.1',
        'Forwarded: for=127.0.0.1',
        'X-Forwarded-Proto: https',
        'X-Original-URL: /rooms',
      ),
      200,
    ),
  ]);

  test('a request’s own id is never taken over, and no Origin is let in', async () => {
    const [answer] = await property.wire.send(get('X-Request-Id: mine', 'Origin: https://evil.example'));
    expect(answer?.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(Object.keys(answer?.headers ?? {}).filter((name) => name.startsWith('access-control'))).toEqual(
      [],
    );
  });

  test('of twenty requests in one packet each is answered, in order', async () => {
    const one = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n${admin}\r\n\r\n`;
    const paths = Array.from({ length: 20 }, (_, n) =>
      n % 2 === 0 ? '/livez' : `/rooms/${rooms.available}?n=${n}`,
    );
    const all = paths
      .map(one)
      .join('')
      .replace(/\r\n\r\n$/, '\r\nConnection: close\r\n\r\n');
    const answers = await property.wire.send(all);
    expect(answers.map(({ status }) => status)).toEqual(paths.map((_, n) => (n % 2 === 0 ? 200 : 400)));
    expect(new Set(answers.map(({ headers }) => headers['x-request-id'])).size).toBe(20);
  });
});

describe('Authorization', () => {
  const get = (...more: string[]) =>
    lines('GET /room-types HTTP/1.1', 'Host: x', 'Connection: close', ...more)();
  const missing = [401, 'credentials-missing'] as const;
  const refused = [401, 'credentials-invalid'] as const;
  const [head = '', payload = '', signature = ''] = as.admin.split('.');
  const bearer = (token: string) => get(`Authorization: Bearer ${token}`);
  testRows(property, [
    row('two headers', get(admin, admin), ...refused),
    row('two headers in two cases', get(admin, admin.replace('Authorization', 'AUTHORIZATION')), ...refused),
    row('two callers', get(admin, `Authorization: Bearer ${as.nobody}`), ...refused),
    row('Basic and Bearer', get('Authorization: Basic eDp5', admin), ...refused),
    row('two in one header', get(`Authorization: Bearer ${as.admin}, Bearer ${as.nobody}`), ...refused),
    row('Basic', get('Authorization: Basic eDp5'), ...missing),
    row('Digest', get('Authorization: Digest username="x"'), ...missing),
    row('Token', get(`Authorization: Token ${as.admin}`), ...missing),
    row('an empty header', get('Authorization:'), ...missing),
    row('the token alone', get(`Authorization: ${as.admin}`), ...missing),
    row('Bearer alone', get('Authorization: Bearer'), ...refused),
    row('Bearer:', get(`Authorization: Bearer: ${as.admin}`), ...missing),
    row('Proxy-Authorization', get(`Proxy-Authorization: Bearer ${as.admin}`), ...missing),
    row('a cookie', get(`Cookie: token=${as.admin}; authorization=Bearer ${as.admin}`), ...missing),
    row('bearer in lower case', get(`authorization: bearer ${as.admin}`), 200),
    row('a tab behind Bearer', get(`Authorization: Bearer\t${as.admin}`), 200),
    ...[
      `${as.admin}=`,
      `${as.admin}!`,
      `${as.admin}.`,
      `.${as.admin}`,
      `${head}.${payload}.`,
      `${head}..${signature}`,
      `.${payload}.${signature}`,
    ].map((token, n) => row(`a token with something amiss, ${n}`, bearer(token), ...refused)),
    row('a token with a space in it', bearer(`${head}. ${payload}.${signature}`), ...refused),
    row('a token with a byte past ASCII', bearer(`${as.admin}\xe9`), ...refused),
    row('a token in quotes', bearer(`"${as.admin}"`), ...refused),
    row('a token of 15,000 bytes', bearer('x'.repeat(15_000)), ...refused),
    row('a token of 15,000 dots', bearer('.'.repeat(15_000)), ...refused),
    row('a token of two', bearer(`${head}.${tokenFor('nobody').split('.')[1]}.${signature}`), ...refused),
    row('the digest of a token', bearer(createHash('sha256').update(as.admin).digest('hex')), ...refused),
  ]);
});

describe('HEAD and OPTIONS', () => {
  const ask = (method: string, target: string, token?: string): Row => ({
    name: `${method} ${target}${token === undefined ? '' : ' with a token'}`,
    request: { method, target, headers: headersOf(token) },
    status: 0,
  });
  const at = (status: number, rows: readonly Row[]) => rows.map((each) => ({ ...each, status }));
  const paths = [
    '/rooms',
    '/rooms/summary',
    `/rooms/${rooms.available}`,
    '/room-types',
    '/rooms/hold',
    `/rooms/hold/${holds.ACTIVE.hold_id}`,
    '/audit',
    '/livez',
    '/openapi.json',
  ];
  testRows(property, [
    ...at(
      200,
      paths.map((path) => ask('HEAD', path, as.admin)),
    ),
    ...at(
      401,
      paths.slice(0, 7).map((path) => ask('HEAD', path)),
    ),
    ...at(
      403,
      paths.slice(0, 7).map((path) => ask('HEAD', path, as.nobody)),
    ),
    ...at(
      204,
      [...paths, '/rooms/1/freeze', '/rooms/x', '/room-types/0', `/rooms/hold/x/confirm`].map((path) =>
        ask('OPTIONS', path),
      ),
    ),
    ...at(
      405,
      ['/rooms/1/freeze', '/room-types/1', '/rooms/hold/x/confirm'].map((path) =>
        ask('HEAD', path, as.admin),
      ),
    ),
    ...at(
      404,
      ['/', '/nothing', '/rooms/', '/rooms//1', '/rooms/1/2', '/Rooms', '/rooms%2Fhold', '/console/x/y'].map(
        (path) => ask('HEAD', path, as.admin),
      ),
    ),
  ]);

  test('an answer to HEAD has the headers of the answer to GET and no body', async () => {
    for (const path of paths) {
      const asked = (method: string) => requestBytes({ method, target: path, headers: headersOf(as.admin) });
      const [get] = await property.wire.send(asked('GET'));
      const [head] = await property.wire.send(asked('HEAD'));
      const told = ({ headers }: { headers: Record<string, string> } = { headers: {} }) => {
        const { date: _, 'x-request-id': __, ...rest } = headers;
        return rest;
      };
      expect([path, head?.body, told(head)]).toEqual([path, '', told(get)]);
    }
  });
});
