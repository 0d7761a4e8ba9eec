/** Owns the problems of the OpenAPI document: a schema and an example for each code, and the answers made of them. */
import { z } from 'zod';
import { problemGuides } from '../problem-guide.ts';
import { type ProblemCode, problems } from '../problems.ts';
import { problemMediaType } from './problem-answer.ts';
import { problemFacts } from './problem-facts.ts';

type Part = Record<string, unknown>;

/** The name of a code's schema: `room-held` is `RoomHeldProblem`. */
const schemaName = (code: ProblemCode): string =>
  `${code.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Problem`;

const commonMembers = {
  type: 'object',
  description: 'RFC 9457; the facts of a code stand beside these members',
  properties: {
    type: { type: 'string', description: 'Where the code is explained' },
    title: { type: 'string' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string', description: 'For people; it may change' },
    instance: { type: 'string', description: 'The path of the request' },
    code: { type: 'string', description: 'The stable name to branch on' },
    request_id: { type: 'string' },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
};

/** How zod schemas are written: the patterns are how numbers and times are read from text; their type says it all. */
export const writtenPlainly: NonNullable<z.core.ToJSONSchemaParams['override']> = ({ jsonSchema }) => {
  if (jsonSchema.type !== 'string' || jsonSchema.format === 'date-time') delete jsonSchema.pattern;
};

const factsByCode: Partial<Record<ProblemCode, z.ZodObject>> = problemFacts;

function problemSchema(code: ProblemCode): Part {
  const { status, title } = problems[code];
  // Facts may be added later: what a client does not know must not break it.
  const facts = z.toJSONSchema((factsByCode[code] ?? z.object({})).loose(), { override: writtenPlainly });
  return {
    description: title,
    allOf: [
      { $ref: '#/components/schemas/Problem' },
      {
        type: 'object',
        properties: { code: { const: code }, status: { const: status }, ...facts.properties },
        required: ['code', 'status', ...(facts.required ?? [])],
      },
    ],
  };
}

/** The components of every code: schemas, and examples whose `type` is below `problemsUrl`. Reads docs/problems.md. */
export function problemComponents(problemsUrl: string): { schemas: Part; examples: Part } {
  const guides = problemGuides();
  const schemas = guides.map(({ code }) => [schemaName(code), problemSchema(code)]);
  const examples = guides.map(({ code, when, example }) => [
    code,
    { summary: when, value: { ...example, type: `${problemsUrl}#${code}` } },
  ]);
  return {
    schemas: { Problem: commonMembers, ...Object.fromEntries(schemas) },
    examples: Object.fromEntries(examples),
  };
}

function problemResponse(codes: readonly ProblemCode[]): Part {
  const references = codes.map((code) => ({ $ref: `#/components/schemas/${schemaName(code)}` }));
  const [only, ...more] = references;
  const schema =
    more.length === 0
      ? only
      : {
          oneOf: references,
          discriminator: {
            propertyName: 'code',
            mapping: Object.fromEntries(codes.map((code, at) => [code, references[at]?.$ref])),
          },
        };
  return {
    description: codes.map((code) => `\`${code}\`: ${problems[code].title}`).join('. '),
    content: {
      [problemMediaType]: {
        schema,
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
}

/** The answers of an operation that may fail with `codes`, by status. */
export function problemResponses(codes: ReadonlySet<ProblemCode>): Part {
  const statuses = new Set([...codes].map((code) => problems[code].status));
  return Object.fromEntries(
    [...statuses].map((status) => {
      const ofStatus = [...codes].filter((code) => problems[code].status === status).sort();
      return [String(status), problemResponse(ofStatus)];
    }),
  );
}
