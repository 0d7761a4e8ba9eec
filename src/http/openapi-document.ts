/** Owns the last touches on the OpenAPI document: what the generator cannot know from a schema alone. */
import { STATUS_CODES } from 'node:http';
import { optionalBodyMark } from '../wire-schemas.ts';

type Part = Record<string, unknown>;

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

function dropUnusedSchemas(document: Part): void {
  const { components } = document;
  if (!isPart(components) || !isPart(components.schemas)) return;
  // A schema that only an unused one names goes in the next round.
  for (let isDone = false; !isDone; ) {
    const text = JSON.stringify(document);
    const unused = Object.keys(components.schemas).filter(
      (name) => !text.includes(`"#/components/schemas/${name}"`),
    );
    for (const name of unused) delete components.schemas[name];
    isDone = unused.length === 0;
  }
}

/** The document as JSON text: with named statuses, optional bodies told as such, and no schema that nothing uses. */
export function finishedDocument(generated: object): string {
  const document: unknown = structuredClone(generated);
  if (!isPart(document)) throw new Error('the generator made no document');
  for (const operation of partsOf(document.paths).flatMap(partsOf)) {
    nameStatuses(operation);
    allowMissingBody(operation);
  }
  dropUnusedSchemas(document);
  return JSON.stringify(document);
}
