/** Owns JSON made up from a JSON Schema: values that fit it, values that nearly fit it, and values that nobody expects. */
import fc from 'fast-check';

/** A JSON Schema, as far as the document of the server uses it. */
export type Schema = Readonly<{
  type?: string | readonly string[];
  enum?: readonly unknown[];
  anyOf?: readonly Schema[];
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  items?: Schema;
  format?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}>;

/** Whether a value fits its schema for certain, or may be anything. */
export type Mood = 'good' | 'bent';

/** Names a thing that an earlier answer told of; see `Seen`. */
export type SeenKind = 'room' | 'roomType' | 'hold' | 'cursor' | 'etag' | 'sub';

/** A sign that stands for the nth thing of a kind, whichever that is when the request is sent. */
export const seenMark = (kind: SeenKind, nth: number): string => `⟦${kind} ${nth}⟧`;
export const seenMarks = /⟦(\w+) (\d+)⟧/g;

const seenByName: Readonly<Record<string, SeenKind>> = {
  room_id: 'room',
  room_ids: 'room',
  entity_id: 'room',
  room_type_id: 'roomType',
  hold_id: 'hold',
  cursor: 'cursor',
  holder: 'sub',
  actor: 'sub',
};

/** The value with this probability, `none` otherwise. */
export function sometimes<Value, None>(
  arbitrary: fc.Arbitrary<Value>,
  probability: number,
  none: None,
): fc.Arbitrary<Value | None> {
  const weight = Math.round(100 * probability);
  return fc.oneof({ weight, arbitrary }, { weight: 100 - weight, arbitrary: fc.constant(none) });
}

/** Few, so that the same words meet again: taken names, filters that find something, keys used twice. */
const words = ['A', 'B', '101', '102', 'B-1', 'CLEANING', 'cart', '1', ' ', '😀'];

const unknownHoldId = '0192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6e';

const hostileTexts = [
  ...[
    '',
    '\0',
    'a\0b',
    '\ud800',
    '\udc00\ud800',
    '\u200b',
    '\ufeff',
    '\u202e',
    'e\u0301',
    "'; DROP TABLE room; --",
  ],
  ...[
    '__proto__',
    'constructor',
    'null',
    'undefined',
    '<script>',
    '%s%n',
    '{{7*7}}',
    '../..',
    '\\',
    '"',
    '\r\nX: y',
  ],
  ...[
    'x'.repeat(51),
    '😀'.repeat(256),
    ' '.repeat(501),
    'NaN',
    '1e400',
    '2147483648',
    '-1',
    '0x10',
    '9'.repeat(100),
  ],
];

const hostileJson = [
  ...[
    'null',
    'true',
    '0',
    '-0',
    '1.0',
    '1e0',
    '1.5',
    '-1',
    '1e400',
    '-1e400',
    '1e-400',
    '9007199254740993',
    '2147483648',
  ],
  ...[
    '""',
    '"1"',
    '"\\u0000"',
    '"\\ud800"',
    '"\\ud83d\\ude00"',
    '[]',
    '[[]]',
    '{}',
    '{"__proto__":1}',
    '{"a":{"b":[{}]}}',
  ],
  ...[
    `${'['.repeat(500)}${']'.repeat(500)}`,
    `[${Array(3000).fill('1').join(',')}]`,
    `"${'x'.repeat(60_000)}"`,
  ],
];

/** What is no JSON at all. */
export const brokenJson = [
  ...[
    '{',
    '}',
    '[1,]',
    "{'a':1}",
    '{"a":1}}',
    'NaN',
    'undefined',
    '{"a":01}',
    '"a\nb"',
    '\0',
    '//',
    '',
    ' ',
    '{"a":"',
    '\ufeff\ufeff{}',
  ],
];

const plainText = (min: number, max: number): fc.Arbitrary<string> =>
  fc
    .string({ unit: 'binary', minLength: min, maxLength: Math.max(min, Math.min(max, 20)) })
    .map((text) => text.replaceAll('\0', '0'));

/** Text for a string of this schema, not yet quoted. */
export function textFor(name: string, schema: Schema, mood: Mood): fc.Arbitrary<string> {
  const { minLength = 0, maxLength = 300 } = schema;
  const kind = seenByName[name];
  const good: fc.WeightedArbitrary<string>[] = [];
  if (schema.enum !== undefined)
    good.push({ weight: 5, arbitrary: fc.constantFrom(...schema.enum.map(String)) });
  else if (schema.format === 'date-time') {
    const instants = fc.date({
      min: new Date('0001-01-02'),
      max: new Date('9999-12-30'),
      noInvalidDate: true,
    });
    good.push({ weight: 5, arbitrary: instants.map((date) => date.toISOString()) });
  } else if (kind !== undefined)
    good.push({ weight: 8, arbitrary: fc.nat(9).map((nth) => seenMark(kind, nth)) });
  else {
    const fitting = words.filter((word) => word.length >= minLength && word.length <= maxLength);
    good.push({ weight: 4, arbitrary: fc.constantFrom(...fitting) });
    good.push({ weight: 2, arbitrary: plainText(minLength, maxLength) });
    good.push({ weight: 1, arbitrary: fc.constantFrom('x', '😀').map((sign) => sign.repeat(maxLength)) });
  }
  if (mood === 'good') return fc.oneof(...good);
  return fc.oneof(
    ...good,
    { weight: 2, arbitrary: fc.constantFrom(...hostileTexts, unknownHoldId) },
    { weight: 1, arbitrary: fc.constantFrom('x', '😀').map((sign) => sign.repeat(maxLength + 1)) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  );
}

/** A number of this schema, as it is written. */
export function numberFor(name: string, schema: Schema, mood: Mood): fc.Arbitrary<string> {
  const { minimum = 0, maximum = 2_147_483_647 } = schema;
  const kind = seenByName[name];
  const good: fc.WeightedArbitrary<string>[] = [
    { weight: 2, arbitrary: fc.integer({ min: minimum, max: Math.min(maximum, minimum + 3) }).map(String) },
    { weight: 1, arbitrary: fc.constantFrom(minimum, maximum).map(String) },
    { weight: 1, arbitrary: fc.integer({ min: minimum, max: maximum }).map(String) },
  ];
  if (kind !== undefined) good.push({ weight: 20, arbitrary: fc.nat(9).map((nth) => seenMark(kind, nth)) });
  if (mood === 'good') return fc.oneof(...good);
  return fc.oneof(...good, {
    weight: 2,
    arbitrary: fc.oneof(
      fc.constantFrom(minimum - 1, maximum + 1, minimum + 0.5).map(String),
      fc.constantFrom('1e400', '9007199254740993', '-0', '01', '+1', '1e1', '', '٣'),
      fc.double().map(String),
    ),
  });
}

const quoted = (text: string): string => JSON.stringify(text);

function arrayFor(name: string, schema: Schema, mood: Mood): fc.Arbitrary<string> {
  const { minItems = 0, maxItems = 5, items = {} } = schema;
  const few = { minLength: minItems, maxLength: Math.min(maxItems, 4) };
  const many = { minLength: maxItems, maxLength: maxItems + 1 };
  const list = (lengths: typeof few) =>
    fc.array(jsonFor(name, items, mood), lengths).map((all) => `[${all.join(',')}]`);
  if (mood === 'good')
    return fc.uniqueArray(jsonFor(name, items, mood), few).map((all) => `[${all.join(',')}]`);
  return fc.oneof({ weight: 6, arbitrary: list(few) }, { weight: 1, arbitrary: list(many) });
}

function objectFor(schema: Schema, mood: Mood): fc.Arbitrary<string> {
  const { properties = {}, required = [] } = schema;
  const fields = Object.entries(properties).map(([name, of]) => {
    const value = jsonFor(name, of, mood).map((json) => `${quoted(name)}:${json}`);
    const isNeeded = required.includes(name) && mood === 'good';
    return isNeeded ? value : sometimes(value, required.includes(name) ? 0.95 : 0.4, '');
  });
  const strange = fc.constantFrom(
    '',
    '',
    '',
    '"unknown":1',
    '"__proto__":{"a":1}',
    '"constructor":1',
    '"":0',
    '"Room_No":"1"',
  );
  const twice = fc.constantFrom('', '', ...Object.keys(properties).map((name) => `${quoted(name)}:null`));
  const extra = mood === 'good' ? [] : [strange, twice];
  return fc.tuple(...fields, ...extra).map((all) => `{${all.filter((field) => field !== '').join(',')}}`);
}

/** JSON text for a value of this schema; `name` is that of its field. Marks of what was seen are still in it. */
export function jsonFor(name: string, schema: Schema, mood: Mood): fc.Arbitrary<string> {
  const types = [schema.type ?? 'object'].flat();
  const of = (type: string): fc.Arbitrary<string> => {
    if (type === 'null') return fc.constant('null');
    if (type === 'boolean') return fc.constantFrom('true', 'false');
    if (type === 'integer' || type === 'number') return numberFor(name, schema, mood);
    if (type === 'array') return arrayFor(name, schema, mood);
    if (type === 'string') return textFor(name, schema, mood).map(quoted);
    return objectFor(schema, mood);
  };
  const good =
    schema.anyOf === undefined
      ? fc.oneof(...types.map(of))
      : fc.oneof(
          ...schema.anyOf.map((branch, n) => ({
            weight: n === 0 ? 5 : 1,
            arbitrary: jsonFor(name, branch, mood),
          })),
        );
  if (mood === 'good') return good;
  return fc.oneof(
    { weight: 12, arbitrary: good },
    { weight: 1, arbitrary: fc.constantFrom(...hostileJson) },
    { weight: 1, arbitrary: fc.json({ maxDepth: 2 }) },
  );
}
