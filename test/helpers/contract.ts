/** Owns the check of any answer against the OpenAPI document: what is not documented fails the test. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect } from 'vitest';

/** An answer as a test sees it. */
export type Answer = {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  /** The parsed JSON, or the text of another media type, or undefined without a body. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  body: any;
  text: string;
};

type Part = Record<string, unknown>;
type Media = Record<string, { schema: unknown }>;
type Operation = { responses: Record<string, { content?: Media }> };
type Document = Part & { paths: Record<string, Record<string, Operation>> };

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const pointer = (...steps: string[]): string =>
  steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')];
  return (
    wanted.length === given.length && wanted.every((step, at) => step === given[at] || step.startsWith('{'))
  );
}

function templateOf(document: Document, path: string): string | undefined {
  const found = Object.keys(document.paths).filter((template) => matches(template, path));
  return found.sort((one, other) => one.split('{').length - other.split('{').length)[0];
}

/** The codes that no operation documents, because they are about paths and methods that there are not. */
const codesBesideRoutes = ['route-not-found', 'method-not-allowed'];

/** The codes of what is judged before it is known which operation is meant; where one is, it documents them. */
const codesBeforeRoutes = ['url-malformed', 'url-too-long', 'headers-too-large'];

/** The codes whose problem has to carry a header of its own. */
function expectProblem(answer: Answer): void {
  const { status, headers, body } = answer;
  expect(headers['content-type']).toBe('application/problem+json');
  expect(body).toMatchObject({ status, request_id: headers['x-request-id'] });
  expect(body.type).toMatch(new RegExp(`#${body.code}$`));
  if (status === 401) expect(headers['www-authenticate']).toBe('Bearer');
  if (status === 405) expect(headers.allow).toMatch(/OPTIONS/);
  if (status === 429 || status === 503) expect(headers['retry-after']).toMatch(/^[1-9]\d*$/);
  if (body.code === 'request-invalid') expect(body.errors.length).toBeGreaterThan(0);
}

/** A check that throws unless `answer` is one that the document allows for this method and path. */
export function openContract(document: Document): (method: string, url: string, answer: Answer) => void {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema(document, 'openapi');
  const validators = new Map<string, ValidateFunction>();

  function validator(...steps: string[]): ValidateFunction {
    const $ref = `openapi#${encodeURI(pointer(...steps))}`;
    const known = validators.get($ref) ?? ajv.compile({ $ref });
    validators.set($ref, known);
    return known;
  }

  return (method, url, answer) => {
    const { status, headers, body, text } = answer;
    expect(headers['x-request-id']).toMatch(uuid);
    if (status >= 400 && text !== '') expectProblem(answer);
    if (method === 'OPTIONS' || codesBesideRoutes.includes(body?.code)) return;
    // Taken as it was sent: dot segments are steps like any other.
    const [path = ''] = url.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/);
    const template = templateOf(document, path) ?? '';
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    const operation = document.paths[template]?.[verb];
    // An answer to HEAD has no code to tell that its path or method is none, or its URL no URL.
    const isBeforeRoutes = method === 'HEAD' && text === '' && [400, 404, 405, 414, 431].includes(status);
    if (operation === undefined && (isBeforeRoutes || codesBeforeRoutes.includes(body?.code))) return;
    const documented = operation?.responses[String(status)];
    expect(documented, `${method} ${template} documents no ${status} (${text})`).toBeDefined();
    const [mediaType, ...more] = Object.keys(documented?.content ?? {});
    expect(more).toEqual([]);
    if (mediaType === undefined || text === '') {
      expect([mediaType === undefined || method === 'HEAD', text]).toEqual([true, '']);
      return;
    }
    expect(String(headers['content-type']).split(';')[0]).toBe(mediaType);
    const validate = validator(
      'paths',
      template,
      verb,
      'responses',
      String(status),
      'content',
      mediaType,
      'schema',
    );
    if (!validate(body)) {
      throw new Error(
        `${method} ${template} ${status} is not as documented: ${ajv.errorsText(validate.errors)}\n${text}`,
      );
    }
  };
}
