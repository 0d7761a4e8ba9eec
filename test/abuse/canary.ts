/** Owns the canary: a text that is put into every place of a request, and must not be sung by the log or the metrics. */
import { goodClaims, hmacToken, tokenFor } from '../helpers/tokens.ts';

/** A part that every canary has. */
export const song = 'Kanarienvogel';

/** What a place does with a canary: the bytes of a whole request, on a connection of its own. */
export type Place = readonly [name: string, bytes: (canary: string, roomId: number) => Buffer];

type Parts = {
  token?: string;
  headers?: Record<string, string>;
  body?: string | Buffer | object | undefined;
};

/** A request as bytes, with nothing checked or encoded. */
export function requestBytes(method: string, target: string, parts: Parts = {}): Buffer {
  const { token, headers = {}, body } = parts;
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'object' ? JSON.stringify(body) : (body ?? ''));
  const all: Record<string, string> = {
    Host: 'x',
    Connection: 'close',
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(bytes.length === 0
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(bytes.length) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`), bytes]);
}

const admin = tokenFor('admin', 'ROOM_MANAGEMENT:WRITE');
const frontend = tokenFor('frontend', 'ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE');
const someHold = '01932b1e-0000-7000-8000-000000000000';

const post = (target: string, body: Parts['body'], token = admin) =>
  requestBytes('POST', target, { token, body });
const get = (target: string, headers: Record<string, string> = {}, token = admin) =>
  requestBytes('GET', target, { token, headers });

const inBodies: Place[] = [
  ['the name of a room type', (canary) => post('/room-types', { name: canary })],
  [
    'the name of a room type that Postgres refuses',
    (canary) => post('/room-types', { name: `${canary} refused` }),
  ],
  ['a room number', (canary) => post('/rooms', { room_no: canary, room_type_id: 1 })],
  ['a floor', (canary) => requestBytes('PATCH', '/rooms/1', { token: admin, body: { floor: canary } })],
  ['a reason in words', (canary) => post('/rooms/1/freeze', { freeze_reason: canary })],
  ['a note', (canary) => post('/rooms/1/freeze', { freeze_reason: 'CLEANING', freeze_note: canary })],
  ['a reference', (canary, room) => post('/rooms/hold', { room_ids: [room], reference: canary }, frontend)],
  ['a holder', (canary, room) => post('/rooms/hold', { room_ids: [room], holder: canary }, frontend)],
  [
    'a reference that Postgres refuses',
    (canary, room) => post('/rooms/hold', { room_ids: [room], reference: `${canary} refused` }, frontend),
  ],
  ['a booking reference', (canary) => post(`/rooms/hold/${someHold}/confirm`, { booking_reference: canary })],
  ['an unknown field', (canary) => post('/room-types', { [canary]: 1 })],
  ['the value of an unknown field', (canary) => post('/room-types', { name: 'x', other: canary })],
  ['a value of the wrong type', (canary) => post('/rooms/hold', { room_ids: canary }, frontend)],
  ['a field that is too long', (canary) => post('/room-types', { name: canary.repeat(10) })],
  ['JSON that is cut', (canary) => post('/room-types', `{"name":"${canary}`)],
  ['what is no JSON', (canary) => post('/room-types', canary)],
  ['what is no UTF-8', (canary) => post('/room-types', Buffer.from(`{"name":"${canary}\xff"}`, 'latin1'))],
  ['a NUL', (canary) => post('/room-types', { name: `${canary}\0` })],
  ['a body that is too large', (canary) => post('/room-types', canary.repeat(5000))],
  [
    'a body of another type',
    (canary) =>
      requestBytes('POST', '/room-types', {
        token: admin,
        headers: { 'Content-Type': 'text/plain' },
        body: canary,
      }),
  ],
  [
    'a body where there is none',
    (canary) => requestBytes('DELETE', '/rooms/1/freeze', { token: admin, body: { canary } }),
  ],
];

const inTokens: Place[] = [
  ['a token', (canary) => get('/rooms', {}, canary)],
  ['a token of three parts', (canary) => get('/rooms', {}, `${canary}.${canary}.${canary}`)],
  [
    'the claims of a good token',
    (canary) =>
      get('/rooms', {}, hmacToken(goodClaims({ sub: 'x', scopes: ['ROOM_MANAGEMENT:READ'], email: canary }))),
  ],
  [
    'the claims of a forged token',
    (canary) => get('/rooms', {}, hmacToken(goodClaims({ sub: canary }), 'another-secret-of-the-tests')),
  ],
  [
    'the key id of a token',
    (canary) =>
      get('/rooms', {}, hmacToken(goodClaims({ sub: 'x' }), undefined, { kid: canary, crit: [canary] })),
  ],
  ['a permission', (canary) => get('/rooms', {}, tokenFor('x', canary))],
  [
    'another scheme',
    (canary) => requestBytes('GET', '/rooms', { headers: { Authorization: `Basic ${canary}` } }),
  ],
  ['a cookie', (canary) => get('/rooms', { Cookie: `token=${canary}` })],
];

const inHeaders: Place[] = [
  'X-Request-Id',
  'User-Agent',
  'Referer',
  'Origin',
  'Accept',
  'X-Forwarded-For',
  'Forwarded',
  'If-None-Match',
  'Idempotency-Key',
  'Content-Type',
  'Content-Encoding',
  'Expect',
  'Upgrade',
  'Last-Event-ID',
  'Host',
  song,
].map((name) => [
  `the header ${name}`,
  (canary) =>
    requestBytes('POST', '/rooms/hold', {
      token: frontend,
      headers: { [name]: canary },
      body: { room_ids: [2_147_483_647] },
    }),
]);

const inTargets: Place[] = [
  ['a path', (canary) => get(`/${canary}`)],
  ['the id of a room', (canary) => get(`/rooms/${canary}`)],
  ['the id of a hold', (canary) => get(`/rooms/hold/${canary}`)],
  ['a path below a hold', (canary) => get(`/rooms/hold/${someHold}/${canary}`)],
  ['a path below a room, without a token', (canary) => requestBytes('DELETE', `/rooms/${canary}/freeze`)],
  ['a path of no UTF-8', (canary) => get(`/rooms/${canary}%ff`)],
  ['a long path', (canary) => get(`/rooms/${canary.repeat(600)}`)],
  ['an absolute target', (canary) => get(`http://${canary}/rooms`)],
  ['the name of a query parameter', (canary) => get(`/rooms?${canary}=1`)],
  ['a query parameter', (canary) => get(`/rooms?room_no=${canary}`)],
  ['an unknown query parameter', (canary) => get(`/rooms?token=${canary}`)],
  ['a cursor', (canary) => get(`/audit?cursor=${canary}`)],
  ['a filter by holder', (canary) => get(`/rooms/hold?holder=${canary}&reference=${canary}`)],
  ['a filter by actor', (canary) => get(`/audit?actor=${canary}`)],
  ['a query of no UTF-8', (canary) => get(`/rooms?room_no=${canary}%ff`)],
  ['a public path', (canary) => get(`/livez?${canary}`)],
];

const inBrokenHttp: Place[] = [
  ['a request line', (canary) => Buffer.from(`${canary}\r\n\r\n`)],
  ['a method', (canary) => Buffer.from(`${canary.toUpperCase()} /rooms HTTP/1.1\r\nHost: x\r\n\r\n`)],
  ['a header without a colon', (canary) => Buffer.from(`GET /rooms HTTP/1.1\r\n${canary}\r\n\r\n`)],
  ['headers that are too large', (canary) => get('/rooms', { 'X-Long': canary.repeat(1000) })],
  [
    'a bad Content-Length',
    (canary) => requestBytes('POST', '/rooms', { headers: { 'Content-Length': canary } }),
  ],
  [
    'a bad chunk',
    (canary) =>
      Buffer.from(`POST /rooms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${canary}\r\n`),
  ],
  ['a tunnel', (canary) => Buffer.from(`CONNECT ${canary}:443 HTTP/1.1\r\nHost: x\r\n\r\n`)],
  ['raw bytes in a target', (canary) => Buffer.from(`GET /${canary}\xff HTTP/1.1\r\n\r\n`, 'latin1')],
];

/** Every place of a request that a client fills. */
export const places: readonly Place[] = [
  ...inBodies,
  ...inTokens,
  ...inHeaders,
  ...inTargets,
  ...inBrokenHttp,
];

/** What of a canary must not be found, in whatever way it is written. */
export function singing(text: string): string[] {
  const forms = [
    song,
    ...[0, 1, 2].map((shift) =>
      Buffer.from(`${'x'.repeat(shift)}${song}`)
        .toString('base64url')
        .slice(shift === 0 ? 0 : 4, -2),
    ),
    Buffer.from(song).toString('hex'),
  ];
  return forms.filter((form) => text.toLowerCase().includes(form.toLowerCase()));
}
