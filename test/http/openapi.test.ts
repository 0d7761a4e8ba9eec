import { afterAll, beforeAll, expect, test } from 'vitest';
import { problems } from '../../src/problems.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

type Part = Record<string, unknown>;
type Operation = Part & { responses: Record<string, Part>; requestBody?: { required: boolean } };

let test1: TestApp;
let document: {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Part };
};
let operations: { name: string; operation: Operation }[];

beforeAll(async () => {
  test1 = await startTestApp();
  document = (await test1.app.inject('/openapi.json')).json();
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
});
afterAll(() => test1.close());

/** What a page is made of and asks for itself: the page is an operation, this is not. */
const isOfPage = (pattern: string): boolean => /^\/docs\/assets\/|^\/console\//.test(pattern);

test('/openapi.json is OpenAPI 3.1 and lists the routes of the server, no more and no fewer', () => {
  const patterns = [...test1.app.patterns].filter(([pattern]) => !isOfPage(pattern));
  const served = patterns.flatMap(([pattern, methods]) =>
    [...methods]
      .filter((method) => method !== 'HEAD')
      .map((method) => `${method} ${pattern.replaceAll(/:(\w+)/g, '{$1}')}`),
  );
  expect(document.openapi).toBe('3.1.0');
  expect(operations.map(({ name }) => name).sort()).toEqual(served.sort());
});

test('every operation has a name, a summary, a tag, a success and its access', () => {
  for (const { name, operation } of operations) {
    expect(operation.summary, name).toBeTypeOf('string');
    expect(operation.tags, name).toHaveLength(1);
    expect(
      Object.keys(operation.responses).filter((status) => Number(status) < 400),
      name,
    ).not.toHaveLength(0);
    expect(operation.security, name).toBeInstanceOf(Array);
  }
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

test('every operation documents its problems as application/problem+json', () => {
  for (const { name, operation } of operations) {
    for (const [status, response] of Object.entries(operation.responses)) {
      if (Number(status) < 400) continue;
      const text = JSON.stringify(response);
      expect(Object.keys(response.content as Part), name).toEqual(['application/problem+json']);
      const codes = Object.keys(problems).filter((code) => text.includes(`#/components/examples/${code}"`));
      expect(codes, name).not.toHaveLength(0);
      for (const code of codes) {
        expect(problems[code as keyof typeof problems].status, `${name} ${code}`).toBe(Number(status));
      }
    }
    const guarded = (operation.security as unknown[]).length > 0;
    expect('401' in operation.responses && '403' in operation.responses, name).toBe(guarded);
  }
});

test('schemas of answers and bodies refuse what they do not name', () => {
  const loose: string[] = [];
  const walk = (value: unknown, at: string): void => {
    if (typeof value !== 'object' || value === null) return;
    const part = value as Part;
    if (part.type === 'object' && part.additionalProperties !== false) loose.push(at);
    for (const [key, inner] of Object.entries(part)) walk(inner, `${at}/${key}`);
  };
  for (const { name, operation } of operations) {
    const successes = Object.entries(operation.responses).filter(([status]) => Number(status) < 400);
    walk(Object.fromEntries(successes), name);
    walk(operation.requestBody, `${name} body`);
  }
  const known = /^GET \/(openapi\.json|audit|metrics|events)/;
  expect(loose.filter((at) => !known.test(at))).toEqual([]);
});

test('every component is used, and every reference has one', () => {
  const text = JSON.stringify(document);
  const references = new Set(
    [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map((found) => found[1]),
  );
  expect([...references].sort()).toEqual(Object.keys(document.components.schemas).sort());
});
