/** Owns the answer to everything that goes wrong once a request has been parsed, and the id of every request. */
import { randomUUID } from 'node:crypto';
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyServerOptions,
} from 'fastify';
import fp from 'fastify-plugin';
import { Problem } from '../problems.ts';
import { internalError, pathOf, problemBody, problemHeaders } from './problem-answer.ts';

/** What Fastify itself throws, by its code; all else that is no Problem is a bug of ours. */
const frameworkProblems: Record<string, () => Problem> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new Problem('body-too-large', 'A body may have at most 64 KiB.'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new Problem('media-type-unsupported', 'Send the body as application/json in UTF-8.'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new Problem('body-malformed', 'The body is not as long as Content-Length says.'),
  FST_ERR_BAD_URL: () => new Problem('url-malformed', 'The path has a percent sign that encodes no UTF-8.'),
  FST_ERR_MAX_PARAM_LENGTH: () => new Problem('url-too-long', 'A URL may have at most 8 KiB.'),
};

/** A URL may be this long, in bytes; the 16 KiB of URL and headers together are Node's to watch. */
export const urlBytesMax = 8192;

/** So many headers are read; Node drops the others without a word. */
export const headerCountMax = 1000;

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** The client hung up while its body was read; a reset of one of our own connections leaves the request whole. */
function isGone(request: FastifyRequest, error: unknown): boolean {
  return codeOf(error) === 'ECONNRESET' && request.raw.destroyed && !request.raw.complete;
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const code = codeOf(error);
  const known = typeof code === 'string' ? frameworkProblems[code] : undefined;
  return known?.() ?? internalError(error);
}

function logProblem(request: FastifyRequest, problem: Problem): void {
  if (problem.code === 'internal-error') request.log.error({ err: problem.cause }, 'request failed');
  else if (problem.cause !== undefined)
    request.log.warn({ err: problem.cause, code: problem.code }, problem.message);
}

/**
 * Headers of the answer that was meant. `connection` is Fastify's own wish to hang up on a refused body: a client
 * that is still sending would lose the answer. Node reads the rest and forgets it, within the request's time.
 */
const meantHeaders = [
  'etag',
  'last-modified',
  'cache-control',
  'content-length',
  'content-encoding',
  'connection',
];

/** Answers `request` with `problem`; the answer is complete, whatever content type the route meant to send. */
export function sendProblem(
  problemsUrl: string,
  problem: Problem,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  request.server.countProblem(problem.code);
  const body = problemBody(problem, { problemsUrl, requestId: request.id, instance: pathOf(request.url) });
  for (const name of meantHeaders) reply.removeHeader(name);
  return reply
    .code(problem.status)
    .headers({ ...problemHeaders(problem), 'cache-control': 'no-store', 'x-request-id': request.id })
    .send(Buffer.from(body));
}

/** The Fastify options that a problem's answer needs: ids made here, and the errors that meet no hook. */
export function problemOptions(
  problemsUrl: string,
): Pick<FastifyServerOptions, 'genReqId' | 'requestIdHeader' | 'frameworkErrors'> {
  return {
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    frameworkErrors: (error: FastifyError, request, reply) => {
      const isTooLong = request.url.length > urlBytesMax;
      const problem = isTooLong
        ? new Problem('url-too-long', 'A URL may have at most 8 KiB.')
        : problemOf(error);
      // No hook runs here, the one that logs requests included.
      request.log.info({ method: request.method, status: problem.status }, 'request');
      sendProblem(problemsUrl, problem, request, reply);
    },
  };
}

/** Puts `X-Request-Id` on every answer and turns every error and every unknown path into a problem. */
export const problemHandler = fp<{ problemsUrl: string }>(
  async (app: FastifyInstance, { problemsUrl }) => {
    app.addHook('onRequest', (request, reply, done) => {
      reply.header('x-request-id', request.id);
      // Names and values alternate. With as many as are read there may have been more, and what they said is lost.
      const isCutOff = request.raw.rawHeaders.length >= 2 * headerCountMax;
      if (request.url.length > urlBytesMax) {
        done(new Problem('url-too-long', 'A URL may have at most 8 KiB.'));
      } else if (isCutOff) {
        done(new Problem('headers-too-large', `A request may have fewer than ${headerCountMax} headers.`));
      } else done();
    });
    app.setErrorHandler((error: unknown, request, reply) => {
      if (isGone(request, error)) {
        // Nobody is there to answer, and nothing is wrong here.
        request.log.debug('client gone');
        return sendProblem(
          problemsUrl,
          new Problem('request-timeout', 'The request did not arrive.'),
          request,
          reply,
        );
      }
      const problem = problemOf(error);
      logProblem(request, problem);
      return sendProblem(problemsUrl, problem, request, reply);
    });
    app.setNotFoundHandler((request, reply) =>
      sendProblem(problemsUrl, routeNotFound(request.method, request.url), request, reply),
    );
  },
  { name: 'problem-handler' },
);

/** The 404 for a path that no route has. */
export function routeNotFound(method: string, url: string): Problem {
  return new Problem('route-not-found', `There is nothing at ${method} ${pathOf(url).slice(0, 200)}.`);
}
