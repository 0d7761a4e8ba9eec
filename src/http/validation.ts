/** Owns the judgement of params, query and body by their zod schemas, and the form of what is wrong with them. */
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';
import fp from 'fastify-plugin';
import { type ZodType, z } from 'zod';
import { Problem } from '../problems.ts';
import { isMalformedQuery } from './query-string.ts';

/** One thing that is wrong: `path` as in `room_ids[0]`, empty for the whole. */
export type FieldError = { path: string; message: string };

/** More than anybody reads; a body of 64 KiB could otherwise be answered by megabytes. */
const errorCountMax = 50;

type Issue = z.core.$ZodIssue;

function fieldPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  // A name that the client chose may be half a sign, and so may be what is left of a long one.
  return text.slice(0, 200).toWellFormed();
}

function fieldErrors(issue: Issue, before: readonly PropertyKey[]): FieldError[] {
  const path = [...before, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: fieldPath([...path, key]), message: 'is not known here' }));
  }
  if (issue.code === 'invalid_union') {
    // The branch with the fewest faults is the one that was meant.
    const [nearest] = [...issue.errors].sort((one, other) => one.length - other.length);
    if (nearest !== undefined && nearest.length > 0)
      return nearest.flatMap((inner) => fieldErrors(inner, path));
  }
  return [{ path: fieldPath(path), message: issue.message }];
}

const typeWords: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'a JSON object',
};

/** Messages of zod's own that would name its types; what a schema says by itself wins over them. */
function plainMessage(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    if (issue.input === undefined) return 'is required';
    if (Array.isArray(issue.input) && issue.expected === 'string') return 'must be given once, as text';
    return `must be ${typeWords[issue.expected] ?? issue.expected}`;
  }
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  return undefined;
}

/** The 400 that names every fault of a request in `errors`. */
export function requestInvalid(errors: readonly FieldError[]): Problem {
  const [first] = errors;
  const detail =
    first === undefined ? 'The request is not valid.' : `${first.path || 'The request'}: ${first.message}.`;
  return new Problem('request-invalid', detail, { errors: errors.slice(0, errorCountMax) });
}

/** `data` as `schema` sees it; throws `request-invalid` with every fault. */
export function parseOrRefuse<Schema extends ZodType>(schema: Schema, data: unknown): z.output<Schema> {
  const result = schema.safeParse(data, { error: plainMessage });
  if (result.success) return result.data;
  throw requestInvalid(result.error.issues.flatMap((issue) => fieldErrors(issue, [])));
}

/** What a query says to a schema: for the same object the same, which nobody changes. */
function queryJudge(schema: ZodType): (query: object) => unknown {
  const judged = new WeakMap<object, unknown>();
  return (query) => {
    const known = judged.get(query);
    if (known !== undefined) return known;
    if (isMalformedQuery(query)) {
      throw requestInvalid([{ path: '', message: 'the query must be percent-encoded UTF-8 without NUL' }]);
    }
    const value = Object.freeze(parseOrRefuse(schema, query));
    judged.set(query, value);
    return value;
  };
}

/** The validator of every route; a fault is a `request-invalid` in our form. */
export const validatorCompiler: FastifySchemaCompiler<ZodType> = ({ schema, httpPart }) => {
  const judge =
    httpPart === 'querystring'
      ? queryJudge(schema)
      : (data: unknown) => parseOrRefuse(schema, httpPart === 'body' ? (data ?? undefined) : data);
  return (data) => {
    try {
      return { value: judge(data) };
    } catch (error) {
      if (error instanceof Problem) return { error };
      throw error;
    }
  };
};

/** Refuses query parameters on every route that declares none. Install it before any route. */
export const queryCheck = fp(
  async (app: FastifyInstance) => {
    app.addHook('onRoute', (route) => {
      if (route.config?.allow !== undefined || route.schema?.querystring !== undefined) return;
      route.schema = { ...route.schema, querystring: z.strictObject({}) };
    });
  },
  { name: 'query-check' },
);
