/** Owns the form of a problem on the wire (RFC 9457): its members, its headers and what it never says. */
import { STATUS_CODES } from 'node:http';
import { Problem, type ProblemCode, problems } from '../problems.ts';

/** The media type of every answer with a status of 400 or more. */
export const problemMediaType = 'application/problem+json';

/** What every problem needs beyond itself. `instance` is the path without the query, where one is known. */
export type ProblemContext = { problemsUrl: string; requestId: string; instance?: string | undefined };

/** The page that tells what each code means; a problem's `type` is this and `#<code>`. */
export function problemsUrlOf(publicUrl: string | undefined): string {
  return `${publicUrl?.replace(/\/+$/, '') ?? ''}/docs/problems`;
}

/** The path of a request target, without query and (in its absolute form) authority: what `instance` says. */
export function pathOf(url: string): string {
  const path = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '');
  const endsAt = path.search(/[?#]/);
  return endsAt === -1 ? path : path.slice(0, endsAt);
}

function standardMembers(
  code: ProblemCode,
  detail: string,
  context: ProblemContext,
): Record<string, unknown> {
  return {
    type: `${context.problemsUrl}#${code}`,
    title: problems[code].title,
    status: problems[code].status,
    detail,
    ...(context.instance === undefined ? {} : { instance: context.instance }),
    code,
    request_id: context.requestId,
  };
}

/** The body of the answer; the problem's facts stand beside the standard members and never replace one. */
export function problemBody(problem: Problem, context: ProblemContext): string {
  const members = standardMembers(problem.code, problem.message, context);
  const facts = Object.entries(problem.facts).filter(([name]) => !(name in members));
  return JSON.stringify({ ...members, ...Object.fromEntries(facts) });
}

/** The headers that the contract asks of a problem's status, media type included. */
export function problemHeaders(problem: Problem): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': problemMediaType };
  if (problem.status === 401) headers['www-authenticate'] = 'Bearer';
  if (problem.status === 429 || problem.status === 503) {
    headers['retry-after'] = String(problem.retryAfterSeconds);
  }
  return headers;
}

/** A whole HTTP/1.1 answer for a socket on which no request was parsed; the connection ends with it. */
export function rawProblemAnswer(
  problem: Problem,
  context: ProblemContext,
  extraHeaders: Record<string, string> = {},
): string {
  const body = problemBody(problem, context);
  const headers = {
    ...problemHeaders(problem),
    ...extraHeaders,
    'content-length': String(Buffer.byteLength(body)),
    'x-request-id': context.requestId,
    date: new Date().toUTCString(),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${body}`;
}

/** The problem for a bug of ours: it says nothing of what went wrong. */
export function internalError(cause: unknown): Problem {
  return new Problem(
    'internal-error',
    'The server failed to handle the request; it is logged under request_id.',
    {},
    {
      cause,
    },
  );
}
