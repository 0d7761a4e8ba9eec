/** Owns the OpenAPI document: made from the routes' own zod schemas, served at /openapi.json. */
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyInstance, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import { createJsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type ProblemCode, problems } from '../problems.ts';
import { finishedDocument } from './openapi-document.ts';
import { problemMediaType } from './problem-answer.ts';

/** An answer that is not JSON, or that wants a description of its own. */
export type DescribedResponse = { description: string; content: Record<string, { schema: z.ZodType }> };

type Responses = Record<number, z.ZodType | DescribedResponse>;

/** The schema of an answer without a body, such as 204 and 304. */
export const noContent = z.null().meta({ description: 'No body' });

const codesOfResponses = new WeakMap<object, readonly ProblemCode[]>();

/**
 * What a route declares as `schema.response`: the schema of each success, and the problem codes that are its
 * own. Those that any call may answer are added to the document by themselves. Answers are not validated while
 * serving; the tests hold every one against the document.
 */
export function responses(successes: Responses, codes: readonly ProblemCode[] = []): Responses {
  const declared = { ...successes };
  codesOfResponses.set(declared, codes);
  return declared;
}

/** The codes that this route may answer because of what it is, whatever it does. */
function commonCodes(route: RouteOptions): ProblemCode[] {
  const codes: ProblemCode[] = ['request-invalid', 'url-malformed', 'request-timeout', 'url-too-long'];
  codes.push('headers-too-large', 'internal-error', 'draining');
  if (route.method !== 'GET') codes.push('body-malformed', 'body-too-large', 'media-type-unsupported');
  if (route.config?.isUncounted !== true) codes.push('rate-limited');
  if (route.config?.anyOf !== undefined) {
    codes.push('credentials-missing', 'credentials-invalid', 'permission-denied', 'dependency-unavailable');
    codes.push('overloaded');
    if (route.method !== 'GET') codes.push('outcome-unknown');
  }
  return codes;
}

function problemResponse(codes: readonly ProblemCode[]) {
  return {
    description: codes.map((code) => `\`${code}\`: ${problems[code].title}`).join('. '),
    content: {
      [problemMediaType]: {
        schema: {
          allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: codes } } }],
        },
      },
    },
  };
}

function problemResponses(route: RouteOptions): Record<string, unknown> {
  const declared = typeof route.schema?.response === 'object' ? (route.schema.response ?? {}) : {};
  const codes = new Set([...commonCodes(route), ...(codesOfResponses.get(declared) ?? [])]);
  const statuses = new Set([...codes].map((code) => problems[code].status));
  return Object.fromEntries(
    [...statuses].map((status) => {
      const ofStatus = [...codes].filter((code) => problems[code].status === status).sort();
      return [String(status), problemResponse(ofStatus)];
    }),
  );
}

function operationIdOf(route: RouteOptions): string {
  const words = route.url
    .split('/')
    .map((segment) => segment.replace(/^:/, 'by_').replaceAll(/[^a-z0-9_]/gi, '_'));
  return [String(route.method).toLowerCase(), ...words.filter((word) => word !== '')].join('_');
}

const zodTransform = createJsonSchemaTransform({
  skipList: [],
  zodToJsonConfig: {
    override: ({ jsonSchema }) => {
      // The patterns are how numbers and times are read from text; their type says it all.
      if (jsonSchema.type !== 'string' || jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  },
});

const transform: NonNullable<FastifyDynamicSwaggerOptions['transform']> = (document) => {
  const { schema, url } = zodTransform(document);
  if (schema.hide === true) return { schema, url };
  const { route } = document;
  const { anyOf } = route.config ?? {};
  const needs = anyOf === undefined ? 'Needs no token.' : `Needs ${anyOf.join(' or ')}.`;
  return {
    url,
    schema: {
      operationId: operationIdOf(route),
      ...schema,
      description: [schema.description, needs].filter(Boolean).join('\n\n'),
      security: anyOf === undefined ? [] : [{ bearer: [] }],
      response: { ...(schema.response ?? {}), ...problemResponses(route) },
    },
  };
};

function documentOptions(publicUrl: string | undefined): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast',
        version: '1.0.0',
        description:
          'Locks rooms (freeze, unfreeze) and holds rooms for a checkout (place, extend, confirm, release, expire). ' +
          'Every answer carries `X-Request-Id`; `HEAD` works where `GET` does; `OPTIONS` is 204 with `Allow`.',
      },
      ...(publicUrl === undefined ? {} : { servers: [{ url: publicUrl }] }),
      components: {
        schemas: {
          Problem: {
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
              errors: {
                type: 'array',
                description: 'What is wrong, of `request-invalid`',
                items: {
                  type: 'object',
                  properties: { path: { type: 'string' }, message: { type: 'string' } },
                  required: ['path', 'message'],
                  additionalProperties: false,
                },
              },
            },
            required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
          },
        },
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      },
    },
    transform,
    transformObject: jsonSchemaTransformObject,
  };
}

/** Serves the document; install it before the routes that it is to tell of. */
export const openapi = fp<{ publicUrl: string | undefined }>(
  async (app: FastifyInstance, { publicUrl }) => {
    await app.register(swagger, documentOptions(publicUrl));
    let text: string | undefined;
    app.get(
      '/openapi.json',
      {
        config: { public: true },
        schema: {
          summary: 'This document',
          tags: ['operations'],
          response: responses({ 200: z.looseObject({ openapi: z.string() }) }),
        },
      },
      async (_request, reply) => {
        text ??= finishedDocument(app.swagger());
        return reply.type('application/json; charset=utf-8').send(text);
      },
    );
  },
  { name: 'openapi' },
);
