/** Owns the zod building blocks of the wire: text, ids, numbers, instants, cursors and list limits. */
import { z } from 'zod';

const INT32_MAX = 2_147_483_647;

function codePointCount(value: string): number {
  let count = 0;
  for (const _ of value) count += 1;
  return count;
}

/** Tells whether Postgres keeps `value` to the byte: no NUL, no lone surrogate. */
export function isStorableText(value: string): boolean {
  return value.isWellFormed() && !value.includes('\0');
}

/**
 * Text of `lengthMin` to `lengthMax` Unicode code points, kept as it is: nothing is trimmed.
 * NUL and lone surrogates are refused, because Postgres and UTF-8 cannot keep them.
 */
export function text(lengthMin: number, lengthMax: number): z.ZodType<string, string> {
  return z
    .string()
    .superRefine((value, context) => {
      if (!isStorableText(value)) {
        context.addIssue({ code: 'custom', message: 'must not contain NUL or a lone surrogate' });
        return;
      }
      const length = codePointCount(value);
      if (length < lengthMin || length > lengthMax) {
        context.addIssue({
          code: 'custom',
          message:
            lengthMin === 0
              ? `must have at most ${lengthMax} characters, not ${length}`
              : `must have ${lengthMin} to ${lengthMax} characters, not ${length}`,
        });
      }
    })
    .meta(lengthMin === 0 ? { maxLength: lengthMax } : { minLength: lengthMin, maxLength: lengthMax });
}

/** A body field that may be left out: `null` counts as absent. */
export function optional<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** A whole JSON number of `min` to `max` in a body; 1.0 is 1. */
export function integer(min: number, max: number): z.ZodInt {
  const message = `must be a whole number from ${min} to ${max}`;
  return z.int(message).min(min, message).max(max, message);
}

/** The id of a room or room type in a body or an answer: a positive 32-bit integer. */
export const int32Id = integer(1, INT32_MAX);

function decimal(min: number, max: number) {
  const message = `must be a plain decimal number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^(?:0|[1-9]\d{0,15})$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
    .meta({ type: 'integer', minimum: min, maximum: max });
}

/** The id of a room or room type in a path: plain decimal, so neither `+5` nor `05` nor `5.0`. */
export const idParam = decimal(1, INT32_MAX);

/** The id of a room or room type in a query, written as in a path. */
export const queryId = decimal(1, INT32_MAX);

/** A whole number of `min` to `max` in a query, plain decimal. */
export function queryInt(min: number, max: number) {
  return decimal(min, max);
}

/** `true` or `false` in a query, in lower case. */
export const queryBoolean = z
  .enum(['true', 'false'], 'must be true or false')
  .transform((value) => value === 'true')
  .meta({ type: 'boolean', enum: [true, false] });

/** A query parameter that may be repeated: always an array, in the order given. */
export function oneOrMany<Schema extends z.ZodType>(schema: Schema, countMax = 50) {
  return z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(schema).max(countMax, `may be repeated at most ${countMax} times`),
  );
}

/**
 * An instant in a query: RFC 3339 with a zone, in the years 0001 to 9999, as an ISO string in UTC with
 * milliseconds. Finer fractions are cut, as every instant of the wire has milliseconds.
 */
export const instant = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time such as 2026-11-22T17:05:56.383Z' })
  .transform((value, context) => {
    const milliseconds = Date.parse(value);
    const iso = Number.isNaN(milliseconds) ? '' : new Date(milliseconds).toISOString();
    if (!/^(?!0000)\d{4}-/.test(iso)) {
      context.addIssue({ code: 'custom', message: 'must be a time in the years 0001 to 9999' });
      return z.NEVER;
    }
    return iso;
  })
  .meta({ type: 'string', format: 'date-time' });

/** The opaque place in a list that `next_cursor` gave; what it means is the list's own business. */
export const cursor = z
  .string()
  .meta({ description: '`next_cursor` of the page before; it belongs to its filter and sort' });

/** How many rows a list answers: 1 to 200, by default 50. */
export const limit = queryInt(1, 200)
  .default(50)
  .meta({ type: 'integer', minimum: 1, maximum: 200, description: 'rows in one page; 50 when absent' });

/** Marks a body schema in the OpenAPI generator's input as one that may be left out. */
export const optionalBodyMark = 'x-optional-body';

/** A body that may be left out: no body, an empty one and `null` are the empty object. */
export function optionalBody<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => value ?? {}, schema).meta({ [optionalBodyMark]: true });
}

/** An instant in an answer. */
export const timestamp = z.iso.datetime({ precision: 3 }).meta({ format: 'date-time' });

/** The id of a hold in a path or a query, as answers write it: a UUID in lower case. */
export const holdId = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be a UUID in lower case')
  .meta({ format: 'uuid' });
