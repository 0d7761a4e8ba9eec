/** Owns requests made up from the OpenAPI document: every operation, good and bent, as every kind of caller. */
import fc from 'fast-check';
import { roles } from '../helpers/app.ts';
import { forgedToken, goodClaims, hmacToken, inSeconds } from '../helpers/tokens.ts';
import type { HeaderLine, WireRequest } from '../helpers/wire-request.ts';
import {
  brokenJson,
  jsonFor,
  type Mood,
  numberFor,
  type Schema,
  type SeenKind,
  seenMark,
  seenMarks,
  sometimes,
  textFor,
} from './json-values.ts';

type Parameter = Readonly<{ in: string; name: string; required?: boolean; schema: Schema }>;
type Described = Readonly<{
  description?: string;
  parameters?: readonly Parameter[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses?: Readonly<Record<string, { content?: Readonly<Record<string, unknown>> }>>;
}>;

/** The part of the document that requests are made of. */
export type Document = Readonly<{ paths: Readonly<Record<string, Readonly<Record<string, Described>>>> }>;

/** What earlier answers told of, newest last; what is asked for is taken round and round. */
export type Seen = Readonly<Record<SeenKind, string[]>>;

/** A request in which marks stand for what will have been seen; or, instead, time that passes for a hold. */
export type Step = Readonly<{ name: string; request: WireRequest } | { name: string; expires: string }>;

const tokens: Readonly<Record<string, string | undefined>> = {
  ...roles,
  none: undefined,
  forged: forgedToken('other-key'),
  unsigned: forgedToken('none'),
  expired: hmacToken(goodClaims({ sub: 'admin', scopes: ['ROOM_MANAGEMENT:WRITE'], exp: inSeconds(-60) })),
  system: hmacToken(goodClaims({ sub: 'system', scopes: ['ROOM_MANAGEMENT:WRITE'] })),
  'delegate alone': hmacToken(goodClaims({ sub: 'delegate', scopes: ['ROOM_HOLD:DELEGATE'] })),
  junk: 'a.b.c',
};

/** Who may make a call, by the permission that its description names. */
const callersByPermission: readonly [permission: string, callers: readonly string[]][] = [
  ['ROOM_HOLD:WRITE', ['frontend', 'frontend', 'frontend', 'frontend2', 'delegate', 'admin']],
  ['ROOM_MANAGEMENT:READ', ['operations', 'admin']],
  ['ROOM_MANAGEMENT:WRITE', ['admin']],
];

function callersFor({ description = '' }: Described, mood: Mood): fc.Arbitrary<string> {
  const able = callersByPermission.flatMap(([permission, callers]) =>
    description.includes(permission) ? callers : [],
  );
  const good = able.length > 0 ? fc.constantFrom(...able) : fc.constantFrom('none', 'admin', 'nobody');
  if (mood === 'good') return good;
  return fc.oneof(
    { weight: 3, arbitrary: good },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(tokens)) },
  );
}

/** What stands in a target for this value; marks stay as they are. */
function encoded(text: string): string {
  const parts = text.split(/(⟦\w+ \d+⟧)/);
  return parts.map((part, n) => (n % 2 === 1 ? part : encodeURIComponent(part.toWellFormed()))).join('');
}

const brokenEncodings = [
  '%',
  '%zz',
  '%ff',
  '%00',
  '%ed%a0%80',
  '%c0%80',
  '',
  '.',
  '..',
  '%2e%2e',
  '%2F',
  ';',
  '1%0a',
];

function parameterFor({ name, schema }: Parameter, mood: Mood): fc.Arbitrary<string> {
  const { type } = schema;
  if (type === 'array') return parameterFor({ in: 'query', name, schema: schema.items ?? {} }, mood);
  const text = type === 'integer' ? numberFor(name, schema, mood) : textFor(name, schema, mood);
  const value = text.map(encoded);
  return mood === 'good'
    ? value
    : fc.oneof(
        { weight: 12, arbitrary: value },
        { weight: 1, arbitrary: fc.constantFrom(...brokenEncodings) },
      );
}

function queryFor(parameters: readonly Parameter[], mood: Mood): fc.Arbitrary<string> {
  const pairs = parameters
    .filter((parameter) => parameter.in === 'query')
    .map((parameter) =>
      // A cursor fits a list only without the filters of another.
      sometimes(
        parameterFor(parameter, mood).map((value) => `${parameter.name}=${value}`),
        parameter.name === 'cursor' ? 0.1 : 0.2,
        '',
      ),
    );
  const strange = fc.constantFrom(
    '',
    '',
    '',
    '',
    'unknown=1',
    'limit',
    '=',
    '&&',
    '__proto__=1',
    'limit=1&limit=2',
    '%zz',
    'a[b]=1',
    '?',
  );
  return fc.tuple(...pairs.map((pair) => pair), ...(mood === 'good' ? [] : [strange])).map((all) => {
    const text = all.filter((pair) => pair !== '').join('&');
    return text === '' ? '' : `?${text}`;
  });
}

function pathFor(template: string, parameters: readonly Parameter[], mood: Mood): fc.Arbitrary<string> {
  const steps = template.split('/').map((step) => {
    const parameter = parameters.find(({ in: place, name }) => place === 'path' && `{${name}}` === step);
    return parameter === undefined ? fc.constant(step) : parameterFor(parameter, mood);
  });
  const path = fc.tuple(...steps).map((all) => all.join('/'));
  if (mood === 'good') return path;
  const spoilt = fc.constantFrom(
    (p: string) => `${p}/`,
    (p: string) => `/${p}`,
    (p: string) => p.toUpperCase(),
    (p: string) => `${p}%20`,
    (p: string) => `${p}/x`,
  );
  return fc.oneof(
    { weight: 15, arbitrary: path },
    { weight: 1, arbitrary: fc.tuple(path, spoilt).map(([p, spoil]) => spoil(p)) },
  );
}

/** What a schema cannot say: a hold wants certain rooms or a number of a type, and never both. */
const wantedRooms = fc.oneof(
  fc
    .uniqueArray(fc.nat(8), { minLength: 1, maxLength: 3 })
    .map((all) => ({ room_ids: all.map((nth) => seenMark('room', nth)) })),
  fc.record({
    room_type_id: fc.nat(2).map((nth) => seenMark('roomType', nth)),
    quantity: fc.integer({ min: 1, max: 3 }),
  }),
);
const knownBodies: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'post /rooms/hold': fc
    .tuple(
      wantedRooms,
      fc.constantFrom({}, {}, { ttl_seconds: 30 }, { reference: 'cart' }, { holder: 'a guest' }),
    )
    .map((parts) => JSON.stringify(Object.assign({}, ...parts)).replaceAll(/"(⟦\w+ \d+⟧)"/g, '$1')),
};

type Body = Readonly<{ body?: string; headers: readonly HeaderLine[] }>;
const json: HeaderLine = ['Content-Type', 'application/json'];

const mediaTypes: readonly HeaderLine[] = [
  'text/plain',
  'application/json; charset=utf-8',
  'application/json;charset=latin1',
  'multipart/form-data',
  '',
  'a',
  'application/xml',
].map((type) => ['Content-Type', type]);

function bodyFor(operation: string, described: Described, mood: Mood): fc.Arbitrary<Body> {
  const { requestBody } = described;
  const schema = requestBody?.content['application/json']?.schema;
  const none = fc.constant<Body>({ headers: [] });
  const of = (text: fc.Arbitrary<string>) => text.map((body): Body => ({ body, headers: [json] }));
  const good =
    schema === undefined
      ? none
      : of(
          fc.oneof(
            ...[knownBodies[operation] ?? [], knownBodies[operation] ?? [], jsonFor('', schema, mood)].flat(),
          ),
        );
  const usual =
    schema !== undefined && requestBody?.required !== true
      ? fc.oneof({ weight: 4, arbitrary: good }, none)
      : good;
  if (mood === 'good') return usual;
  const typed = fc
    .tuple(good, fc.constantFrom(...mediaTypes))
    .map(([body, type]): Body => ({ ...body, headers: [type] }));
  const packed = good.map((body): Body => ({ ...body, headers: [json, ['Content-Encoding', 'gzip']] }));
  return fc.oneof(
    { weight: 14, arbitrary: usual },
    { weight: 1, arbitrary: of(fc.constantFrom(...brokenJson)) },
    { weight: 1, arbitrary: of(fc.json({ maxDepth: 3 })) },
    { weight: 1, arbitrary: fc.oneof(typed, packed, none) },
  );
}

const keys = fc.constantFrom('k1', 'k2', '"k1"');
const strangeKeys = fc.constantFrom('', '""', 'a b', 'x'.repeat(256), 'é', '"', 'k1, k2');
const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code === 0x7f ? 0x20 : code)),
  maxLength: 20,
});

function headersFor(described: Described, mood: Mood): fc.Arbitrary<readonly HeaderLine[]> {
  const named = (name: string, value: fc.Arbitrary<string>, probability: number) =>
    sometimes(
      value.map((text): HeaderLine => [name, text]),
      probability,
      undefined,
    );
  const etags = fc.nat(5).map((nth) => seenMark('etag', nth));
  const lines = [named('If-None-Match', fc.oneof(etags, fc.constantFrom('*', '"x"', 'W/"x", "y"', '')), 0.2)];
  if (described.parameters?.some(({ in: place }) => place === 'header')) {
    lines.push(named('Idempotency-Key', mood === 'good' ? keys : fc.oneof(keys, strangeKeys), 0.4));
  }
  if (mood === 'bent') {
    lines.push(
      named('Accept', fc.constantFrom('text/html', '*/*', 'x', ''), 0.15),
      named('X-Forwarded-For', fc.constantFrom('127.0.0.1', '::1', 'x, y', ''), 0.1),
      named('Expect', fc.constantFrom('100-continue', 'x'), 0.05),
      named('Range', fc.constantFrom('bytes=0-1', 'x'), 0.05),
      named('Origin', fc.constantFrom('null', 'https://x.example'), 0.1),
      named('X-Request-Id', headerText, 0.1),
      named('Authorization', fc.constantFrom('Basic eDp5', `Bearer ${roles.admin}`, 'Bearer', ''), 0.03),
    );
  }
  return fc.tuple(...lines).map((all) => all.filter((line) => line !== undefined));
}

const otherMethods = [
  'GET',
  'HEAD',
  'OPTIONS',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'TRACE',
  'PROPFIND',
  'get',
  'FROB',
];

function methodFor(method: string, mood: Mood): fc.Arbitrary<string> {
  const own = method.toUpperCase();
  const head = own === 'GET' ? ['HEAD'] : [];
  if (mood === 'good') return fc.constantFrom(own, own, own, own, ...head);
  return fc.oneof(
    { weight: 12, arbitrary: fc.constant(own) },
    { weight: 1, arbitrary: fc.constantFrom(...otherMethods) },
  );
}

function requestFor(template: string, method: string, described: Described, mood: Mood): fc.Arbitrary<Step> {
  const { parameters = [] } = described;
  const isStream = described.responses?.['200']?.content?.['text/event-stream'] !== undefined;
  return fc
    .record({
      method: methodFor(method, mood),
      path: pathFor(template, parameters, mood),
      query: queryFor(parameters, mood),
      caller: callersFor(described, mood),
      headers: headersFor(described, mood),
      content: bodyFor(`${method} ${template}`, described, mood),
    })
    .map(({ method: wanted, path, query, caller, headers, content }) => {
      // An answer that never ends is judged by its head.
      const verb = wanted === 'GET' && isStream ? 'HEAD' : wanted;
      const token = tokens[caller];
      const authorization: readonly HeaderLine[] =
        token === undefined ? [] : [['Authorization', `Bearer ${token}`]];
      return {
        name: `${method.toUpperCase()} ${template}`,
        request: {
          method: verb,
          target: `${path}${query}`,
          headers: [...authorization, ...headers, ...content.headers],
          ...(content.body === undefined ? {} : { body: content.body }),
        },
      };
    });
}

/** Steps over every operation of the document; the one where time passes is rare. */
export function stepsOf(document: Document): fc.Arbitrary<Step> {
  const operations = Object.entries(document.paths).flatMap(([template, byMethod]) =>
    Object.entries(byMethod).map(([method, described]) => ({ template, method, described })),
  );
  // Most of what there is to do is done to holds and rooms; the pages without a body say the same each time.
  const weights = operations.map(({ template, described }) =>
    described.requestBody !== undefined || template.includes('{') ? 4 : template.startsWith('/rooms') ? 3 : 1,
  );
  const inMood = (mood: Mood) =>
    fc.oneof(
      ...operations.map(({ template, method, described }, n) => ({
        weight: weights[n] ?? 1,
        arbitrary: requestFor(template, method, described, mood),
      })),
    );
  return fc.oneof(
    { weight: 50, arbitrary: inMood('good') },
    { weight: 46, arbitrary: inMood('bent') },
    {
      weight: 4,
      arbitrary: fc.nat(9).map((nth): Step => ({ name: 'a hold is over', expires: seenMark('hold', nth) })),
    },
  );
}

/** The text with its marks replaced by what was seen, as `write` puts it. */
function filledIn(text: string, seen: Seen, write: (value: string) => string): string {
  return text.replaceAll(seenMarks, (_mark, kind: string, nth: string) => {
    const known = Object.entries(seen).find(([name]) => name === kind)?.[1] ?? [];
    return write(known[Number(nth) % Math.max(known.length, 1)] ?? '0');
  });
}

/** The hold that a step lets be over. */
export function holdIdOf(mark: string, seen: Seen): string {
  return filledIn(mark, seen, String);
}

/** The request with its marks replaced by what was seen. */
export function requestOf({ method, target, headers = [], body }: WireRequest, seen: Seen): WireRequest {
  return {
    method,
    target: filledIn(target, seen, encodeURIComponent),
    headers: headers.map(([name, value]) => [name, filledIn(value, seen, String)]),
    body: typeof body === 'string' ? filledIn(body, seen, String) : body,
  };
}
