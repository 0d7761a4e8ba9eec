import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { type Route, routesOf } from '../helpers/route-calls.ts';
import { forgedToken } from '../helpers/tokens.ts';
import type { HeaderLine } from '../helpers/wire-request.ts';
import { headersOf, openProperty, type Row, testRows } from './property.ts';

/** Every rule here holds on every route that there is, a new one included. */
const property = await openProperty();
afterAll(() => property.server.close());
const { as } = property.server;
const routes = routesOf(property.server.app);

type Body = string | Buffer | undefined;
type Bent = Readonly<{
  name: string;
  target?: string;
  body?: Body;
  headers?: readonly HeaderLine[];
  status: number;
  code?: string;
}>;

/** The good call of a route, bent in one place. */
function rowOf({ key, method, call }: Route, bent: Bent): Row {
  const target = bent.target ?? call.target(property.subject);
  const good = call.body === undefined ? undefined : JSON.stringify(call.body(property.subject));
  const body = 'body' in bent ? bent.body : good;
  const headers = bent.headers ?? headersOf(call.isPublic ? undefined : as.admin, body !== undefined);
  return {
    name: `${key}, ${bent.name}`,
    request: { method, target, headers, body },
    status: bent.status,
    code: bent.code,
  };
}

const invalid = { status: 400, code: 'request-invalid' } as const;
const malformed = { status: 400, code: 'body-malformed' } as const;
const unsupported = { status: 415, code: 'media-type-unsupported' } as const;
const nested = (open: string, close: string, count: number) => open.repeat(count) + close.repeat(count);

/** Bodies that no route takes, whatever it does. */
const badBodies: readonly [
  name: string,
  body: string | Buffer,
  refusal: typeof invalid | typeof malformed,
][] = [
  ['an open brace', '{', malformed],
  ['JSON cut in a string', '{"room_no":"10', malformed],
  ['JSON cut in a number', '{"room_type_id":-', malformed],
  ['white space', ' \r\n\t', malformed],
  ['a trailing comma', '{"floor":"1",}', malformed],
  ['single quotes', "{'floor':'1'}", malformed],
  ['a comment', '{"floor":"1"}//', malformed],
  ['NaN', '{"room_type_id":NaN}', malformed],
  ['a number that begins with zero', '{"room_type_id":01}', malformed],
  ['a hexadecimal number', '{"room_type_id":0x1}', malformed],
  ['two values', '{}{}', malformed],
  ['a form', 'room_no=10&floor=1', malformed],
  ['a byte order mark and nothing else', Buffer.from('efbbbf', 'hex'), malformed],
  ['two byte order marks', Buffer.from('efbbbfefbbbf7b7d', 'hex'), malformed],
  ['UTF-16', Buffer.from('{"floor":"1"}', 'utf16le'), malformed],
  ['a byte that is no UTF-8', Buffer.from('7b22666c6f6f72223a22ff227d', 'hex'), malformed],
  ['an overlong encoding of NUL', Buffer.from('7b22666c6f6f72223a22c080227d', 'hex'), malformed],
  ['a surrogate encoded as UTF-8', Buffer.from('7b22666c6f6f72223a22eda080227d', 'hex'), malformed],
  ['a sign cut short', Buffer.from('7b22666c6f6f72223a22f09f98227d', 'hex'), malformed],
  ['a NUL in the text', '{"floor":"\0"}', malformed],
  ['a line break in the text', '{"floor":"a\nb"}', malformed],
  ['a lone NUL', '\0', malformed],
  ['30,000 brackets that never close', '['.repeat(30_000), malformed],
  ['30,000 nested arrays', nested('[', ']', 30_000), invalid],
  ['10,000 nested objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, invalid],
  ['an array', '[{}]', invalid],
  ['a text', '"floor"', invalid],
  ['a number', '5', invalid],
  ['true', 'true', invalid],
  ['unknown fields', '{"unknown":1}', invalid],
  ['__proto__ as a field', '{"__proto__":{"room_no":"10","name":"x"}}', invalid],
  ['constructor as a field', '{"constructor":{"prototype":{"isAdmin":true}}}', invalid],
  [
    '10,000 unknown fields',
    `{${Array.from({ length: 5_000 }, (_, n) => `"f${n}":${n % 9}`).join(',')}}`,
    invalid,
  ],
];

const badMediaTypes: readonly [name: string, headers: readonly HeaderLine[]][] = [
  ['no Content-Type', []],
  ['an empty Content-Type', [['Content-Type', '']]],
  ['text/plain', [['Content-Type', 'text/plain']]],
  ['a form', [['Content-Type', 'application/x-www-form-urlencoded']]],
  ['multipart', [['Content-Type', 'multipart/form-data; boundary=x']]],
  ['a type that begins alike', [['Content-Type', 'application/jsonp']]],
  ['a type made on JSON', [['Content-Type', 'application/vnd.api+json']]],
  ['JSON in Latin-1', [['Content-Type', 'application/json; charset=iso-8859-1']]],
  ['JSON in UTF-16', [['Content-Type', 'application/json; charset=utf-16']]],
  ['a second charset', [['Content-Type', 'application/json; charset=utf-8; charset=utf-16']]],
  ['another parameter', [['Content-Type', 'application/json; version=1']]],
  ['two types in one line', [['Content-Type', 'application/json, text/plain']]],
  [
    'two Content-Types',
    [
      ['Content-Type', 'application/json'],
      ['Content-Type', 'text/plain'],
    ],
  ],
  [
    'the same Content-Type twice',
    [
      ['Content-Type', 'application/json'],
      ['Content-Type', 'application/json'],
    ],
  ],
  [
    'gzip',
    [
      ['Content-Type', 'application/json'],
      ['Content-Encoding', 'gzip'],
    ],
  ],
  [
    'brotli',
    [
      ['Content-Type', 'application/json'],
      ['Content-Encoding', 'br'],
    ],
  ],
  [
    'identity and gzip',
    [
      ['Content-Type', 'application/json'],
      ['Content-Encoding', 'identity, gzip'],
    ],
  ],
];

/** 20 MB of zeros in 20 KB: nobody unpacks it. */
const bomb = gzipSync(Buffer.alloc(20_000_000));

const withBody = routes.filter(({ method }) => method !== 'GET');

describe('a body that is not as it should be', () => {
  testRows(property, [
    ...withBody.flatMap((route) => [
      ...badBodies.map(([name, body, refusal]) => rowOf(route, { name, body, ...refusal })),
      ...badMediaTypes.map(([name, headers]) =>
        rowOf(route, { name, body: '{}', headers: [...headersOf(as.admin), ...headers], ...unsupported }),
      ),
      rowOf(route, {
        name: 'a gzip bomb',
        body: bomb,
        headers: [...headersOf(as.admin, true), ['Content-Encoding', 'gzip']],
        ...unsupported,
      }),
      rowOf(route, {
        name: '65,537 bytes',
        body: `{${' '.repeat(65_535)}}`,
        status: 413,
        code: 'body-too-large',
      }),
    ]),
    ...withBody
      .filter(({ call }) => call.body !== undefined && call.isBodyOptional === undefined)
      .flatMap((route) => [
        rowOf(route, { name: 'no body', body: undefined, ...invalid }),
        rowOf(route, { name: 'an empty body', body: '', ...invalid }),
        rowOf(route, { name: 'null', body: 'null', ...invalid }),
      ]),
  ]);
});

const badNumbers = [
  ...[
    '0',
    '-1',
    '+1',
    '1.5',
    '1.0',
    '1e3',
    '01',
    '0x10',
    '%221%22',
    '1%20',
    '%201',
    '1%0A',
    '1,000',
    '1_000',
    '١',
  ],
  ...[
    '2147483648',
    '4294967297',
    '9007199254740993',
    '1e400',
    '9'.repeat(400),
    'NaN',
    'Infinity',
    'null',
    'true',
  ],
  ...[
    '%00',
    '1%00',
    '1;DROP%20TABLE%20room',
    "1'--",
    '1%20OR%201=1',
    '%3Cscript%3E',
    '..',
    '%2e%2e',
    '1%2F2',
    '{room_id}',
    ':id',
  ],
].map((text) => encodeURI(text).replaceAll('%25', '%'));

const badUuids = [
  ...['1', '0', 'hold', '00000000-0000-0000-0000-00000000000', '00000000-0000-7000-8000-0000000000000'],
  ...[
    '0192D3B4-5F6A-7B8C-9D0E-1F2A3B4C5D6E',
    '0192d3b45f6a7b8c9d0e1f2a3b4c5d6e',
    '%7B0192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6e%7D',
  ],
  ...[
    '0192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6g',
    '0192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6e%0A',
    '%200192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6e',
  ],
  ...['urn:uuid:0192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6e', "'%20OR%20''='", '%00', 'x'.repeat(4000)],
];

/** The good target of a route with its parameter replaced. */
function targetWith({ pattern, call }: Route, value: string): string {
  const steps = call.target(property.subject).split('/');
  const at = pattern.split('/').findIndex((step) => step.startsWith(':'));
  return steps.map((step, n) => (n === at ? value : step)).join('/');
}

describe('an id that is none', () => {
  testRows(
    property,
    routes
      .filter(({ pattern }) => pattern.includes('/:'))
      .flatMap((route) => {
        const isHold = route.pattern.includes(':hold_id');
        return [
          ...(isHold ? badUuids : badNumbers).map((value) =>
            rowOf(route, { name: `id ${value.slice(0, 60)}`, target: targetWith(route, value), ...invalid }),
          ),
          ...['%', '%2', '%zz', '%ff', '%ed%a0%80', '%c0%80'].map((value) =>
            rowOf(route, {
              name: `id ${value}`,
              target: targetWith(route, value),
              status: 400,
              code: 'url-malformed',
            }),
          ),
          rowOf(route, {
            name: 'an empty id',
            target: targetWith(route, ''),
            status: 404,
            code: 'route-not-found',
          }),
          rowOf(route, {
            name: 'an id of 9,000 digits',
            target: targetWith(route, '1'.repeat(9_000)),
            status: 414,
            code: 'url-too-long',
          }),
        ];
      }),
  );
});

const isKnownPath = (target: string) => property.server.app.allowedMethods(target) !== undefined;

describe('a target that is not as it should be', () => {
  testRows(
    property,
    routes.flatMap((route) => {
      const good = route.call.target(property.subject);
      const elsewhere = [
        `${good}/`,
        `/${good}`,
        `${good.toUpperCase()}`,
        `/v1${good}`,
        `${good}/.`,
        `${good}%2F`,
        `/.${good}`,
        `${good};x`,
      ];
      const notFound = { status: 404, code: 'route-not-found' } as const;
      return [
        rowOf(route, { name: 'an unknown query parameter', target: `${good}?unknown=1`, ...invalid }),
        rowOf(route, { name: '__proto__ in the query', target: `${good}?__proto__=1`, ...invalid }),
        rowOf(route, { name: 'a query of bad encoding', target: `${good}?limit=%zz`, ...invalid }),
        rowOf(route, { name: 'a NUL in the query', target: `${good}?limit=%00`, ...invalid }),
        rowOf(route, {
          name: 'a token in the query',
          target: `${good}?access_token=${as.admin}`,
          ...invalid,
        }),
        rowOf(route, { name: 'a fragment', target: `${good}#x`, ...invalid }),
        rowOf(route, {
          name: 'a URL over 8 KiB',
          target: `${good}?x=${'x'.repeat(8200)}`,
          status: 414,
          code: 'url-too-long',
        }),
        // A path whose last step is an id takes any text there: that is above.
        ...elsewhere
          .filter((target) => !isKnownPath(target))
          .map((target) => rowOf(route, { name: `target ${target.slice(0, 60)}`, target, ...notFound })),
      ];
    }),
  );
});

describe('a method that is none of the path', () => {
  const paths = new Map(routes.map((route) => [route.pattern, route]));
  testRows(
    property,
    [...paths.values()].flatMap((route) => {
      const taken = new Set(
        routes.filter(({ pattern }) => pattern === route.pattern).map(({ method }) => method),
      );
      const others = [
        'GET',
        'HEAD',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'TRACE',
        'PROPFIND',
        'QUERY',
        'get',
        'Post',
        'FROB',
        'GET2',
      ];
      return others
        .filter((method) => !taken.has(method) && !(method === 'HEAD' && taken.has('GET')))
        .map((method) => {
          const { request, ...row } = rowOf(
            { ...route, method },
            { name: 'as it is', status: 405, code: 'method-not-allowed' },
          );
          // An answer to HEAD has no body, so no code either.
          return method === 'HEAD'
            ? { ...row, request, name: `HEAD ${route.pattern}`, code: undefined }
            : { ...row, request, name: `${method} ${route.pattern}` };
        });
    }),
  );
});

describe('whoever may not', () => {
  const guarded = routes.filter(({ call }) => call.isPublic === undefined);
  const headers = (authorization: string): HeaderLine[] => [
    ['Authorization', authorization],
    ['Content-Type', 'application/json'],
  ];
  const missing = { status: 401, code: 'credentials-missing' } as const;
  const refused = { status: 401, code: 'credentials-invalid' } as const;
  testRows(
    property,
    guarded.flatMap((route) => [
      rowOf(route, { name: 'no token', headers: [], ...missing }),
      rowOf(route, { name: 'Basic', headers: headers('Basic YWRtaW46YWRtaW4='), ...missing }),
      rowOf(route, {
        name: 'a token signed by nobody',
        headers: headers(`Bearer ${forgedToken('none')}`),
        ...refused,
      }),
      rowOf(route, {
        name: 'a token signed by somebody else',
        headers: headers(`Bearer ${forgedToken('other-key')}`),
        ...refused,
      }),
      rowOf(route, {
        name: 'no permission',
        headers: headers(`Bearer ${as.nobody}`),
        status: 403,
        code: 'permission-denied',
      }),
      // Who calls is judged before what is sent.
      rowOf(route, { name: 'no token, no JSON', headers: [], body: '{', ...missing }),
      rowOf(route, {
        name: 'no permission, no JSON',
        headers: headersOf(as.nobody),
        body: '{',
        status: 403,
        code: 'permission-denied',
      }),
    ]),
  );
});

test('the good calls that were bent are good', async () => {
  // Last, because they change things; DELETE of a room comes after everything that wants the room.
  const order = (route: Route) =>
    Number(route.method === 'DELETE') + Number(route.key === 'DELETE /rooms/:room_id');
  const inOrder = [...routes].sort((one, other) => order(one) - order(other));
  const seen: Record<string, number> = {};
  for (const route of inOrder) {
    const isFreeze = route.key === 'POST /rooms/:room_id/freeze';
    // What does not end is judged by its head.
    const { request } = rowOf(route.call.isStream ? { ...route, method: 'HEAD' } : route, {
      name: 'good',
      status: 200,
      ...(isFreeze ? { target: `/rooms/${property.rooms.other}/freeze` } : {}),
    });
    const [answer] = await property.wire.send(request);
    seen[route.key] = answer?.status ?? 0;
  }
  const refused = Object.entries(seen).filter(([, status]) => status >= 400);
  // The room is held by then, and the hold confirmed: that is known of these two, whose calls came so far.
  expect(refused).toEqual([
    ['DELETE /rooms/hold/:hold_id', 409],
    ['DELETE /rooms/:room_id', 409],
  ]);
});
