/** Owns how a body is read: JSON in UTF-8 and nothing else, judged by its bytes. */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { z } from 'zod';
import { Problem } from '../problems.ts';
import { parseOrRefuse } from './validation.ts';

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * `application/json`, with no parameter but a charset of UTF-8. White space belongs to one place of the pattern only:
 * where two could share it, 16 KiB of it are tried in every division.
 */
const jsonMediaType =
  /^application\/json[ \t]*(?:;[ \t]*(?:charset[ \t]*=[ \t]*(?:"utf-?8"|utf-?8)[ \t]*)?)?$/i;

/** Every value of a header line that was sent, also of those that Node folds into one or drops. */
export function headerValues(request: FastifyRequest, name: string): string[] {
  const { rawHeaders } = request.raw;
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

function refuseOtherMediaTypes(request: FastifyRequest): void {
  const [contentType, ...more] = headerValues(request, 'content-type');
  if (contentType === undefined || more.length > 0 || !jsonMediaType.test(contentType.trim())) {
    throw new Problem('media-type-unsupported', 'Send the body as application/json in UTF-8.', {
      supported: ['application/json'],
    });
  }
  const encodings = headerValues(request, 'content-encoding');
  if (encodings.some((encoding) => encoding.trim() !== '' && encoding.trim().toLowerCase() !== 'identity')) {
    throw new Problem('media-type-unsupported', 'Send the body without a Content-Encoding.');
  }
}

/** The JSON value of `bytes`; throws `body-malformed` when they are not JSON in UTF-8. */
export function parseJsonBytes(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new Problem('body-malformed', 'The body is not UTF-8.');
  const hasMark = bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark);
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8', hasMark ? byteOrderMark.length : 0));
    return value;
  } catch {
    throw new Problem('body-malformed', 'The body is not JSON.');
  }
}

const emptyObject = z.strictObject({}).nullable();

function parseBody(request: FastifyRequest, bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  refuseOtherMediaTypes(request);
  const body = parseJsonBytes(bytes);
  // A call that takes no body takes no field either: what would be ignored is refused.
  if (request.routeOptions.schema?.body === undefined) parseOrRefuse(emptyObject, body);
  return body;
}

/**
 * Makes JSON the only body. An empty body is no body, whatever its Content-Type says; anything else needs
 * `application/json` (415), UTF-8 with or without a byte order mark, and well-formed JSON (400).
 */
export const bodyParser = fp(
  async (app: FastifyInstance) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, bytes: Buffer) =>
      parseBody(request, bytes),
    );
    // Fastify answers an ill-formed Content-Type before it looks whether there is a body at all. Without the
    // header every body comes to the parser above, which reads the raw header lines itself.
    app.addHook('preParsing', (request, _reply, payload, done) => {
      delete request.raw.headers['content-type'];
      done(null, payload);
    });
  },
  { name: 'body-parser' },
);
