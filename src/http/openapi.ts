/** Owns the OpenAPI document: made from the routes' own zod schemas, served at /openapi.json. */
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyInstance, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import { createJsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ProblemCode } from '../problems.ts';
import { examplesMark, finishedDocument, type OperationExamples } from './openapi-document.ts';
import { problemComponents, problemResponses, writtenPlainly } from './openapi-problems.ts';
import { problemsUrlOf } from './problem-answer.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the document shows of this route in use. */
    examples?: OperationExamples;
  }
}

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

function codesOf(route: RouteOptions): ReadonlySet<ProblemCode> {
  const declared = typeof route.schema?.response === 'object' ? (route.schema.response ?? {}) : {};
  return new Set([...commonCodes(route), ...(codesOfResponses.get(declared) ?? [])]);
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
    override: writtenPlainly,
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
      response: { ...(schema.response ?? {}), ...problemResponses(codesOf(route)) },
      ...(route.config?.examples === undefined ? {} : { [examplesMark]: route.config.examples }),
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
        license: { name: 'MIT', identifier: 'MIT' },
        description:
          'Locks rooms (freeze, unfreeze) and holds rooms for a checkout (place, extend, confirm, release, expire). ' +
          'Calls need a bearer token (a JWT) with the permissions that each operation names. Every answer carries ' +
          '`X-Request-Id`; every status of 400 or more is a problem (RFC 9457), whose `type` leads to what it means. ' +
          'An unknown path is 404 `route-not-found`; a method that a path does not take is 405 `method-not-allowed` ' +
          'with `Allow`. `HEAD` works where `GET` does; `OPTIONS` is 204 with `Allow`.',
      },
      servers: [{ url: publicUrl ?? '/', description: 'This server' }],
      tags: [
        { name: 'rooms', description: 'Rooms: make, change, list and count them.' },
        { name: 'room types', description: 'The types that rooms are of.' },
        {
          name: 'freezes',
          description: 'An admin’s lock on a room, with a reason, a note and perhaps an end.',
        },
        {
          name: 'holds',
          description: 'A claim on rooms during a checkout: it ends once, by itself if need be.',
        },
        { name: 'audit', description: 'What happened, one entry for each room and change.' },
        { name: 'operations', description: 'For those who run the server. None needs a token of the API.' },
      ],
      components: {
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
    // Now rather than with the first request: a page that is missing stops the start.
    const components = problemComponents(problemsUrlOf(publicUrl));
    let text: string | undefined;
    app.get(
      '/openapi.json',
      {
        config: { public: true, examples: { answer: { openapi: '3.1.0' } } },
        schema: {
          operationId: 'getOpenapiDocument',
          summary: 'This document',
          description: 'OpenAPI 3.1, made from the very schemas that judge requests. `/docs` shows it.',
          tags: ['operations'],
          response: responses({ 200: z.looseObject({ openapi: z.string() }) }),
        },
      },
      async (_request, reply) => {
        text ??= finishedDocument(app.swagger(), components);
        return reply.type('application/json; charset=utf-8').send(text);
      },
    );
  },
  { name: 'openapi' },
);
