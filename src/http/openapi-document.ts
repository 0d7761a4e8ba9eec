/** Owns the last touches on the OpenAPI document: what the generator cannot know from a schema alone. */
import { STATUS_CODES } from 'node:http';
import { optionalBodyMark } from '../wire-schemas.ts';

type Part = Record<string, unknown>;

/** An operation in use, as its route declares it; the tests send every one of these requests. */
export type OperationExamples = Readonly<{
  /** Values of parameters in path, query and headers, by name: each works by itself. */
  parameters?: Readonly<Record<string, unknown>>;
  /** Bodies that are accepted, by name. */
  bodies?: Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>;
  /** What a success answers. */
  answer?: unknown;
}>;

/** Where an operation carries its `OperationExamples` from its route to the finished document. */
export const examplesMark = 'x-operation-examples';

function isPart(value: unknown): value is Part {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function partsOf(value: unknown): Part[] {
  return isPart(value) ? Object.values(value).filter(isPart) : [];
}

function nameStatuses(operation: Part): void {
  if (!isPart(operation.responses)) return;
  for (const [status, response] of Object.entries(operation.responses)) {
    if (!isPart(response) || response.description !== 'Default Response') continue;
    response.description = STATUS_CODES[status] ?? status;
  }
}

function allowMissingBody(operation: Part): void {
  const { requestBody } = operation;
  if (!isPart(requestBody)) return;
  for (const { schema } of partsOf(requestBody.content)) {
    if (!isPart(schema) || schema[optionalBodyMark] !== true) continue;
    delete schema[optionalBodyMark];
    requestBody.required = false;
  }
}

function showParameters(operation: Part, values: Part): void {
  for (const parameter of Array.isArray(operation.parameters) ? operation.parameters.filter(isPart) : []) {
    const value = values[String(parameter.name)];
    if (value === undefined) continue;
    // A page that offers to try the call fills in `example`: right for an id, wrong for a filter nobody chose.
    if (parameter.in === 'path') parameter.example = value;
    else if (isPart(parameter.schema)) parameter.schema.examples = [value];
  }
}

function showAnswer(operation: Part, answer: unknown): void {
  if (answer === undefined || !isPart(operation.responses)) return;
  for (const [status, response] of Object.entries(operation.responses)) {
    if (!status.startsWith('2') || !isPart(response)) continue;
    for (const media of partsOf(response.content)) media.example = answer;
  }
}

function showExamples(operation: Part): void {
  const examples = operation[examplesMark];
  delete operation[examplesMark];
  if (!isPart(examples)) return;
  if (isPart(examples.parameters)) showParameters(operation, examples.parameters);
  if (isPart(examples.bodies) && isPart(operation.requestBody)) {
    for (const media of partsOf(operation.requestBody.content)) media.examples = examples.bodies;
  }
  showAnswer(operation, examples.answer);
}

function dropUnused(document: Part, kind: 'schemas' | 'examples'): void {
  const components = isPart(document.components) ? document.components[kind] : undefined;
  if (!isPart(components)) return;
  // One that only an unused one names goes in the next round.
  for (let isDone = false; !isDone; ) {
    const text = JSON.stringify(document);
    const unused = Object.keys(components).filter((name) => !text.includes(`"#/components/${kind}/${name}"`));
    for (const name of unused) delete components[name];
    isDone = unused.length === 0;
  }
}

function addComponents(document: Part, components: Readonly<Record<string, Part>>): void {
  const known = isPart(document.components) ? document.components : {};
  document.components = known;
  for (const [kind, parts] of Object.entries(components)) {
    known[kind] = { ...parts, ...(isPart(known[kind]) ? known[kind] : {}) };
  }
}

/**
 * The document as JSON text: with `components` beside those that were generated, named statuses, optional bodies told as
 * such, examples where they belong, and no component that nothing uses.
 */
export function finishedDocument(generated: object, components: Readonly<Record<string, Part>>): string {
  const document: unknown = structuredClone(generated);
  if (!isPart(document)) throw new Error('the generator made no document');
  addComponents(document, components);
  for (const operation of partsOf(document.paths).flatMap(partsOf)) {
    nameStatuses(operation);
    allowMissingBody(operation);
    showExamples(operation);
  }
  dropUnused(document, 'schemas');
  dropUnused(document, 'examples');
  return JSON.stringify(document);
}
