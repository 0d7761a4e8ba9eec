/** Owns the answers on sockets where HTTP itself failed: 408, 431, broken request lines, CONNECT. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { Problem } from '../problems.ts';
import { pathOf, rawProblemAnswer } from './problem-answer.ts';
import { routeNotFound } from './problem-handler.ts';
import { requestInvalid } from './validation.ts';

type SocketError = Error & { code?: string; rawPacket?: unknown; bytesParsed?: unknown };

/** An answer that is due on a socket, or was the last one there. */
type Answer = { request: IncomingMessage; response: ServerResponse };

/** The last request that was parsed on each socket, so that no failure writes into the middle of its answer. */
const answers = new WeakMap<object, Answer>();

/** The ids of requests that have been routed. */
const requestIds = new WeakMap<IncomingMessage, string>();

const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/1\.[01]\r?\n/;

/** The request line at which the parser stopped; the packet may hold whole requests before it. */
function requestTargetOf({
  rawPacket,
  bytesParsed,
}: SocketError): { method: string; target: string } | undefined {
  if (!Buffer.isBuffer(rawPacket)) return undefined;
  const stoppedAt = typeof bytesParsed === 'number' ? bytesParsed : 0;
  const lineAt = stoppedAt === 0 ? 0 : rawPacket.lastIndexOf('\n', stoppedAt - 1) + 1;
  const [, method, target] = requestLine.exec(rawPacket.toString('latin1', lineAt, lineAt + 10_000)) ?? [];
  return method === undefined || target === undefined ? undefined : { method, target };
}

type Found = { problem: Problem; headers?: Record<string, string>; path?: string };

function unknownMethod(app: FastifyInstance, error: SocketError): Found {
  const line = requestTargetOf(error);
  if (line === undefined)
    return { problem: requestInvalid([{ path: '', message: 'the request is not HTTP/1.1' }]) };
  const path = pathOf(line.target);
  const allow = app.allowedMethods(path);
  if (allow === undefined) return { problem: routeNotFound(line.method.slice(0, 50), path), path };
  const problem = new Problem('method-not-allowed', `This path takes ${allow}.`, {
    allow: allow.split(', '),
  });
  return { problem, headers: { allow }, path };
}

function problemOf(app: FastifyInstance, error: SocketError): Found {
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        problem: new Problem('request-timeout', 'The request was not received whole within 10 seconds.'),
      };
    case 'HPE_HEADER_OVERFLOW':
      return {
        problem: new Problem('headers-too-large', 'URL and headers may have at most 16 KiB together.'),
      };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { problem: new Problem('body-too-large', 'The chunk extensions of the body are too large.') };
    case 'HPE_INVALID_METHOD':
      return unknownMethod(app, error);
    case 'HPE_INVALID_URL':
      return { problem: new Problem('url-malformed', 'The URL has a character that no URL may have.') };
    default:
      return { problem: requestInvalid([{ path: '', message: 'the request is not well-formed HTTP/1.1' }]) };
  }
}

/** What Fastify calls when a socket's bytes are no request; answers once and closes the socket. */
export function clientErrorHandler(problemsUrl: string) {
  return function answerSocket(this: FastifyInstance, error: SocketError, socket: Socket): void {
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || !socket.writable) {
      socket.destroy();
      return;
    }
    const last = answers.get(socket);
    const isOfLast = last !== undefined && !last.request.complete;
    if (isOfLast && last.response.headersSent) {
      // The request was answered before it was whole: there is nothing to add.
      socket.destroySoon();
      return;
    }
    const { problem, headers, path } = problemOf(this, error);
    const requestId = (isOfLast ? requestIds.get(last.request) : undefined) ?? randomUUID();
    const instance = isOfLast ? pathOf(last.request.url ?? '') : path;
    this.countProblem(problem.code);
    this.log.info({ request_id: requestId, code: problem.code, reason: error.code }, 'request not parsed');
    const answer = () => {
      if (socket.writable)
        socket.end(rawProblemAnswer(problem, { problemsUrl, requestId, instance }, headers));
      // The peer may go on sending what nobody reads; the answer has its chance, then the socket goes.
      socket.destroySoon();
    };
    // Whole requests that came before this failure are answered before it.
    if (last === undefined || isOfLast || last.response.writableFinished) answer();
    else last.response.once('close', answer);
  };
}

/** Watches the sockets: which answer is due on each, and CONNECT, which Node would hang up on. */
export const socketProblems = fp<{ problemsUrl: string }>(
  async (app: FastifyInstance, { problemsUrl }) => {
    // Not in a hook: hooks run later than the parser, which may fail on the very bytes after this request.
    app.server.on('request', (request, response) => answers.set(request.socket, { request, response }));
    app.addHook('onRequest', ({ raw, id }, _reply, done) => {
      requestIds.set(raw, id);
      done();
    });
    app.server.on('connect', (_request, socket: Duplex) => {
      socket.on('error', () => socket.destroy());
      const allow = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST';
      const problem = new Problem('method-not-allowed', 'This server is no proxy.', {
        allow: allow.split(', '),
      });
      app.countProblem(problem.code);
      socket.end(rawProblemAnswer(problem, { problemsUrl, requestId: randomUUID() }, { allow }));
    });
    // An unknown expectation is none that this server must meet (RFC 9110, 10.1.1): the request is served.
    app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  },
  { name: 'socket-problems' },
);
