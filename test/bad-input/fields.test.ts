import { afterAll, describe } from 'vitest';
import { headersOf, openProperty, type Row, testRows } from './property.ts';

const property = await openProperty();
afterAll(() => property.server.close());
const { as } = property.server;
const { rooms, subject, holds } = property;

const invalid = { status: 400, code: 'request-invalid' } as const;

/** A call whose body is this text; of its JSON nothing is lost on the way, not even `1.0`. */
function row(
  method: string,
  target: string,
  body: string,
  refusal: Pick<Row, 'status' | 'code'>,
  token: string = as.admin,
): Row {
  const shown = body.length > 80 ? `${body.slice(0, 60)}… (${body.length} characters)` : body;
  return {
    name: `${method} ${target.replace(/[0-9a-f-]{36}/, '{hold_id}')} ${shown}`,
    request: { method, target, body, headers: headersOf(token, true) },
    ...refusal,
  };
}

/** What a whole number in a body cannot be, between these bounds. */
const notIntegers = (min: number, max: number): string[] => [
  ...[
    'null',
    '""',
    '"1"',
    'true',
    '[]',
    '[1]',
    '{}',
    '1.5',
    '-1',
    '-0.5',
    '1e400',
    '-1e400',
    '1e-5',
    '9007199254740993',
    '2147483648',
  ],
  ...['4294967297', '99999999999999999999', String(min - 1), String(max + 1)],
];

/** What a text of `min` to `max` signs cannot be. */
const notTexts = (min: number, max: number): string[] => [
  ...[
    '5',
    'true',
    '[]',
    '["a"]',
    '{}',
    '{"toString":"a"}',
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"a\\udc00"',
    '"\\udc00\\ud800"',
  ],
  ...[
    JSON.stringify('x'.repeat(max + 1)),
    JSON.stringify('😀'.repeat(max + 1)),
    JSON.stringify(' '.repeat(max + 1)),
  ],
  ...(min > 0 ? ['""'] : []),
];

const notBooleans = ['"true"', '"yes"', '0', '1', '[]', '{}', '[true]'];

/** Rows of one field, the others being good. `null` is what an optional field may be. */
function ofField(
  method: string,
  target: string,
  others: Record<string, unknown>,
  field: string,
  values: readonly string[],
  isOptional = true,
): Row[] {
  const rest = JSON.stringify(others).slice(1, -1);
  return values
    .filter((value) => !isOptional || value !== 'null')
    .map((value) => row(method, target, `{${rest}${rest === '' ? '' : ','}"${field}":${value}}`, invalid));
}

const room = `/rooms/${rooms.available}`;
const type = subject.roomTypeId;
const hold = `/rooms/hold/${holds.ACTIVE.hold_id}`;
const ids = notIntegers(1, 2_147_483_647);

describe('rooms', () => {
  testRows(property, [
    ...ofField(
      'POST',
      '/rooms',
      { room_type_id: type },
      'room_no',
      [...notTexts(1, 50), 'null', '" "', '"\\t\\r\\n\\u00a0\\u3000"'],
      false,
    ),
    ...ofField('POST', '/rooms', { room_no: 'new' }, 'room_type_id', ids, false),
    ...ofField('POST', '/rooms', { room_no: 'new', room_type_id: type }, 'floor', notTexts(0, 50)),
    ...ofField('PATCH', room, {}, 'room_no', [...notTexts(1, 50), '"  "']),
    ...ofField('PATCH', room, {}, 'room_type_id', ids),
    ...ofField('PATCH', room, {}, 'floor', notTexts(0, 50)),
    ...ofField('PATCH', room, {}, 'room_status', [
      '"HELD"',
      '"FROZEN"',
      '"available"',
      '"AVAILABLE "',
      '""',
      '0',
      '[]',
      '["BOOKED"]',
      '{}',
    ]),
    ...[
      'room_id',
      'fence',
      'hold_id',
      'freeze_reason',
      'booking_reference',
      'is_deleted',
      'created_at',
      'Floor',
      'ROOM_NO',
      'floor ',
    ].map((field) => row('PATCH', room, `{"${field}":1}`, invalid)),
    // Of duplicate keys the last counts, the bad as the good.
    row('POST', '/rooms', `{"room_no":"new","room_type_id":${type},"room_no":""}`, invalid),
    row('PATCH', room, '{"room_status":"BOOKED","room_status":"HELD"}', invalid),
    row('POST', '/rooms', `{"room_no":"new","room_type_id":${type},"__proto__":null}`, invalid),
    row('POST', '/rooms', '{"room_no":"new","room_type_id":2147483647}', {
      status: 404,
      code: 'room-type-not-found',
    }),
    row('PATCH', room, '{"room_type_id":2147483647}', { status: 404, code: 'room-type-not-found' }),
    row('PATCH', '/rooms/2147483647', '{"floor":"1"}', { status: 404, code: 'room-not-found' }),
    row('PATCH', `/rooms/${rooms.deleted}`, '{"floor":"1"}', { status: 404, code: 'room-not-found' }),
    row('PATCH', `/rooms/${rooms.frozen}`, '{"floor":"9","room_status":"AVAILABLE"}', {
      status: 409,
      code: 'room-frozen',
    }),
    row('PATCH', `/rooms/${rooms.held}`, '{"floor":"9","room_status":"BOOKED"}', {
      status: 409,
      code: 'room-held',
    }),
    row('DELETE', `/rooms/${rooms.frozen}`, '', { status: 409, code: 'room-frozen' }),
    row('DELETE', `/rooms/${rooms.held}`, '', { status: 409, code: 'room-held' }),
    row('DELETE', `/rooms/${rooms.booked}`, '', { status: 409, code: 'room-booked' }),
    row('DELETE', `/rooms/${rooms.deleted}`, '', { status: 404, code: 'room-not-found' }),
  ]);
});

describe('room types', () => {
  testRows(property, [
    ...ofField('POST', '/room-types', {}, 'name', [...notTexts(1, 100), 'null'], false),
    ...ofField('PATCH', `/room-types/${type}`, {}, 'name', notTexts(1, 100)),
    row('PATCH', '/room-types/2147483647', '{"name":"x"}', { status: 404, code: 'room-type-not-found' }),
    row('DELETE', '/room-types/2147483647', '', { status: 404, code: 'room-type-not-found' }),
    row('DELETE', `/room-types/${type}`, '', { status: 409, code: 'room-type-in-use' }),
  ]);
});

describe('freezes', () => {
  const freeze = `${room}/freeze`;
  testRows(property, [
    ...ofField('POST', freeze, {}, 'freeze_reason', [...notTexts(0, 500), '"NONE"']),
    ...ofField('POST', freeze, {}, 'freeze_note', notTexts(0, 500)),
    ...ofField('POST', freeze, {}, 'expires_in_seconds', notIntegers(60, 31_536_000)),
    ...ofField('POST', freeze, {}, 'supersede_hold', notBooleans),
    ...['cleaning', ' CLEANING', 'CLEANING ', 'ＣＬＥＡＮＩＮＧ', 'a leak'].map((reason) =>
      row('POST', freeze, JSON.stringify({ freeze_reason: reason, freeze_note: 'a note' }), invalid),
    ),
    row('POST', `/rooms/${rooms.held}/freeze`, '{}', { status: 409, code: 'room-held' }),
    row('POST', `/rooms/${rooms.held}/freeze`, '{"supersede_hold":false}', {
      status: 409,
      code: 'room-held',
    }),
    row('POST', `/rooms/${rooms.booked}/freeze`, '{"supersede_hold":true}', {
      status: 409,
      code: 'room-booked',
    }),
    row('POST', `/rooms/${rooms.deleted}/freeze`, '', { status: 404, code: 'room-not-found' }),
    row('DELETE', `/rooms/${rooms.deleted}/freeze`, '', { status: 404, code: 'room-not-found' }),
    ...[rooms.available, rooms.maintenance, rooms.held, rooms.booked].map((id) =>
      row('DELETE', `/rooms/${id}/freeze`, '', { status: 409, code: 'room-not-frozen' }),
    ),
  ]);
});

describe('placing a hold', () => {
  const one = rooms.available;
  const place = (
    body: string,
    refusal: Pick<Row, 'status' | 'code'> = invalid,
    token: string = as.frontend,
  ) => row('POST', '/rooms/hold', body, refusal, token);
  const many = Array.from({ length: 10_000 }, (_, n) => n + 1);
  testRows(property, [
    ...ofField('POST', '/rooms/hold', {}, 'room_ids', [
      '[]',
      '{}',
      '1',
      '"1"',
      'true',
      '[null]',
      '[[1]]',
      '[{}]',
      '["1"]',
      '{"0":1,"length":1}',
    ]),
    ...ids.map((id) => place(`{"room_ids":[${id}]}`)),
    ...ids.map((id) => place(`{"room_ids":[${one},${id}]}`)),
    place(`{"room_ids":[${one},${one}]}`),
    place(`{"room_ids":[${one},${one}.0]}`),
    place(`{"room_ids":[${one},${rooms.other},${one}e0]}`),
    place(JSON.stringify({ room_ids: many.slice(0, 21) })),
    place(JSON.stringify({ room_ids: many })),
    place(JSON.stringify({ room_ids: Array(10_000).fill(one) })),
    place(JSON.stringify({ room_ids: Array(12_000).fill('x') })),
    place(`{"room_ids":${'['.repeat(30_000)}${']'.repeat(30_000)}}`),
    place('{}'),
    place('{"ttl_seconds":60}'),
    place(`{"room_type_id":${type}}`),
    place('{"quantity":1}'),
    place(`{"room_ids":[${one}],"quantity":1}`),
    place(`{"room_ids":[${one}],"room_type_id":${type}}`),
    place(`{"room_ids":[${one}],"room_type_id":${type},"quantity":1}`),
    ...ofField('POST', '/rooms/hold', { quantity: 1 }, 'room_type_id', [...ids, 'null'], false),
    ...ofField(
      'POST',
      '/rooms/hold',
      { room_type_id: type },
      'quantity',
      [...notIntegers(1, 20), 'null'],
      false,
    ),
    ...ofField('POST', '/rooms/hold', { room_ids: [one] }, 'ttl_seconds', notIntegers(30, 7200)),
    ...ofField('POST', '/rooms/hold', { room_ids: [one] }, 'reference', notTexts(0, 200)),
    ...ofField('POST', '/rooms/hold', { room_ids: [one] }, 'holder', notTexts(1, 255)),
    ...[
      'created_by',
      'hold_id',
      'status',
      'fence',
      'expires_at',
      'holds_active_max',
      'changes_all',
      'actor',
      'is_patient',
    ].map((field) => place(`{"room_ids":[${one}],"${field}":1}`)),
    place(`{"room_ids":[2147483647]}`, { status: 404, code: 'room-not-found' }),
    place(`{"room_ids":[${one},2147483647]}`, { status: 404, code: 'room-not-found' }),
    place(`{"room_ids":[${one},${rooms.deleted}]}`, { status: 404, code: 'room-not-found' }),
    place('{"room_type_id":2147483647,"quantity":1}', { status: 404, code: 'room-type-not-found' }),
    ...[rooms.maintenance, rooms.frozen, rooms.booked, rooms.held].map((id) =>
      place(`{"room_ids":[${one},${id}]}`, { status: 409, code: 'room-unavailable' }),
    ),
    place(`{"room_type_id":${type},"quantity":20}`, { status: 409, code: 'not-enough-rooms' }),
    place(`{"room_ids":[${one}],"holder":"somebody else"}`, { status: 403, code: 'permission-denied' }),
    place(`{"room_ids":[${one}],"holder":"Frontend"}`, { status: 403, code: 'permission-denied' }),
    place(`{"room_ids":[${one}],"holder":"frontend "}`, { status: 403, code: 'permission-denied' }),
    ...['', '""', 'a b', '"', ' ', 'é', 'x'.repeat(256), 'a, b', '\u007f'].map((key): Row => {
      const { request, ...rest } = place(`{"room_ids":[${one}]}`);
      if (typeof request === 'string' || Buffer.isBuffer(request)) throw new Error('a row of its own');
      const isOne = key === '"';
      const headers = [...(request.headers ?? []), ['Idempotency-Key', isOne ? '"a b"' : key] as const];
      return {
        ...rest,
        name: `Idempotency-Key: ${JSON.stringify(key.slice(0, 20))}`,
        request: { ...request, headers },
      };
    }),
    {
      name: 'two Idempotency-Keys',
      request: {
        method: 'POST',
        target: '/rooms/hold',
        body: `{"room_ids":[${one}]}`,
        headers: [...headersOf(as.frontend, true), ['Idempotency-Key', 'a'], ['Idempotency-Key', 'b']],
      },
      ...invalid,
    },
  ]);
});

describe('verbs on a hold', () => {
  const confirm = `${hold}/confirm`;
  testRows(property, [
    ...ofField('PATCH', hold, {}, 'ttl_seconds', [...notIntegers(30, 7200), 'null'], false),
    ...ofField('POST', confirm, {}, 'booking_reference', notTexts(0, 200)),
    ...ofField('POST', confirm, {}, 'reacquire', notBooleans),
    row('PATCH', hold, '{"ttl_seconds":60,"expires_at":"2099-01-01T00:00:00.000Z"}', invalid),
    row('POST', confirm, '{"booking_reference":"B","status":"CONFIRMED"}', invalid),
    row('POST', confirm, '{"bookingReference":"B"}', invalid),
  ]);
});
