/** Owns the proof that the OpenAPI document can be believed: whatever it shows as an example works. */
import { randomUUID } from 'node:crypto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/database.ts';
import { seedDemoProperty } from '../../src/demo-property.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

type Example = { summary: string; value: unknown };
type Media = Record<string, { schema: unknown; example?: unknown; examples?: Record<string, Example> }>;
type Parameter = {
  name: string;
  in: string;
  example?: unknown;
  description?: string;
  schema: { examples?: unknown[] };
};
type Operation = {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  parameters?: Parameter[];
  requestBody?: { content: Media };
  responses: Record<string, { content?: Media }>;
};
type Named = { method: 'GET' | 'POST' | 'PATCH' | 'DELETE'; path: string; operation: Operation };

let server: TestApp;
let document: { paths: Record<string, Record<string, Operation>>; components: Record<string, unknown> };
let operations: Named[];

const methods: Readonly<Record<string, Named['method']>> = {
  get: 'GET',
  post: 'POST',
  patch: 'PATCH',
  delete: 'DELETE',
};

beforeAll(async () => {
  server = await startTestApp();
  const database = openDatabase({ url: server.database.url, poolMax: 2, log: pino({ level: 'silent' }) });
  await seedDemoProperty(database);
  await database.close();
  document = (await server.app.inject('/openapi.json')).json();
  operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ method: methods[verb] ?? 'GET', path, operation })),
  );
});
afterAll(() => server.close());

/** The codes of a problem answer, by its schema. */
const codesOf = (media: Media[string] | undefined): string[] =>
  [...JSON.stringify(media?.schema).matchAll(/"\$ref":"#\/components\/schemas\/(\w+?)Problem"/g)]
    .map((found) => (found[1] ?? '').replaceAll(/(?<!^)([A-Z])/g, '-$1').toLowerCase())
    .sort();

test('every operation has an id, a summary, words of its own, and one tag', () => {
  for (const { operation } of operations) {
    const { operationId, summary, description, tags } = operation;
    expect(operationId).toMatch(/^[a-z]+([A-Z][a-z]+)+$/);
    expect(summary, operationId).toMatch(/^[A-Z].*[^.]$/);
    // The access is written by itself, as the last paragraph.
    expect(description.split('\n\n').length, operationId).toBeGreaterThan(1);
    expect(tags, operationId).toHaveLength(1);
  }
});

test('every operation shows its parameters, its bodies, its success and each of its problems', () => {
  for (const { operation } of operations) {
    const { operationId, parameters = [], requestBody, responses } = operation;
    for (const parameter of parameters) {
      const shown = parameter.in === 'path' ? parameter.example : parameter.schema.examples?.[0];
      // A cursor is made by a list; there is none to show.
      expect(shown !== undefined || parameter.name === 'cursor', `${operationId} ${parameter.name}`).toBe(
        true,
      );
    }
    for (const media of Object.values(requestBody?.content ?? {})) {
      expect(Object.keys(media.examples ?? {}), operationId).not.toHaveLength(0);
    }
    for (const [status, { content = {} }] of Object.entries(responses)) {
      for (const media of Object.values(content)) {
        if (Number(status) < 400) expect(media.example, `${operationId} ${status}`).toBeDefined();
        else expect(Object.keys(media.examples ?? {}).sort(), operationId).toEqual(codesOf(media));
      }
    }
  }
});

test('every example of an answer is one that its schema allows', () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema(document, 'openapi');
  const resolve = (reference: object): object =>
    JSON.parse(JSON.stringify(reference).replaceAll('"#/', '"openapi#/'));
  const examples = JSON.stringify(document.components.examples);
  const problemOf = (code: string): unknown => JSON.parse(examples)[code].value;
  for (const { operation } of operations) {
    for (const { content = {} } of Object.values(operation.responses)) {
      for (const media of Object.values(content)) {
        const validate = ajv.compile(resolve(Object(media.schema)));
        const shown =
          media.examples === undefined ? [media.example] : Object.keys(media.examples).map(problemOf);
        for (const value of shown) {
          expect(validate(value), `${operation.operationId}: ${ajv.errorsText(validate.errors)}`).toBe(true);
        }
      }
    }
  }
});

const asAdmin = () => ({ token: server.as.admin });

/** Gives the newest hold the id that the examples show: ids are made by the server, so nobody else can. */
const giveHold = async (holdId: string): Promise<void> => {
  const body = { room_type_id: 1, quantity: 1 };
  const placed = await server.call('POST', '/rooms/hold', { token: server.as.delegate, body });
  const rename = (from: string, to: string) => `
    UPDATE hold SET hold_id = '${to}' WHERE hold_id = '${from}';
    UPDATE hold_room SET hold_id = '${to}' WHERE hold_id = '${from}';
    UPDATE room SET hold_id = '${to}' WHERE hold_id = '${from}';`;
  await server.database.query(`
    BEGIN; SET LOCAL session_replication_role = replica;
    ${rename(holdId, randomUUID())} ${rename(placed.body.hold_id, holdId)} COMMIT`);
};

/** What must be there for an example to work, beside the demonstration property and the examples before it. */
const preparations: Readonly<Record<string, (parameters: Record<string, unknown>) => Promise<unknown>>> = {
  getHold: ({ hold_id }) => giveHold(String(hold_id)),
  extendHold: ({ hold_id }) => giveHold(String(hold_id)),
  confirmHold: ({ hold_id }) => giveHold(String(hold_id)),
  releaseHold: ({ hold_id }) => giveHold(String(hold_id)),
  unfreezeRoom: ({ room_id }) => server.call('POST', `/rooms/${room_id}/freeze`, asAdmin()),
};

const pathOf = ({ path, operation }: Named): { url: string; values: Record<string, unknown> } => {
  const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
  const values = Object.fromEntries(inPath.map(({ name, example }) => [name, example]));
  return { url: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name])), values };
};

const queriesOf = ({ operation }: Named): string[] => {
  const inQuery = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query');
  const query = ({ name, schema }: Parameter) =>
    [schema.examples?.[0] ?? []].flat().map((value): [string, string] => [name, String(value)]);
  return ['', ...inQuery.map((parameter) => `?${new URLSearchParams(query(parameter))}`)];
};

const headersOf = ({ operation }: Named): Record<string, string> => {
  const inHeader = (operation.parameters ?? []).filter((parameter) => parameter.in === 'header');
  return Object.fromEntries(inHeader.map(({ name, schema }) => [name, String(schema.examples?.[0])]));
};

const bodiesOf = ({ operation }: Named): unknown[] => {
  const [media] = Object.values(operation.requestBody?.content ?? {});
  return media === undefined ? [undefined] : Object.values(media.examples ?? {}).map(({ value }) => value);
};

test('every example of a request is accepted by the server', async () => {
  const refused: string[] = [];
  let count = 0;
  for (const named of operations) {
    const { url, values } = pathOf(named);
    // A stream does not end: its head says whether it would have begun.
    const isStream = named.operation.responses['200']?.content?.['text/event-stream'] !== undefined;
    const method = isStream ? 'HEAD' : named.method;
    let headers = headersOf(named);
    for (const query of queriesOf(named)) {
      for (const body of bodiesOf(named)) {
        await preparations[named.operation.operationId]?.(values);
        const answer = await server.call(method, `${url}${query}`, { ...asAdmin(), body, headers });
        // A key is good for one body.
        headers = {};
        count += 1;
        if (answer.status >= 300) refused.push(`${named.method} ${url}${query}: ${answer.text}`);
      }
    }
  }
  expect(refused).toEqual([]);
  expect(count).toBeGreaterThan(operations.length * 2);
});
