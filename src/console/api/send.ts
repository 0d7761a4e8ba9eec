/** Owns one request to the server: its URL, its headers, its body, and what comes of it. */
import type { Answer, Send, SendOptions } from './calls.ts';
import { Problem, problemOf, unreachableProblem } from './problem.ts';

/** A request that is not answered by then counts as unanswered, so that no dialog waits for ever. */
const answerMsMax = 15_000;

const searchOf = (query: SendOptions['query'] = {}): string => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  return search.size === 0 ? '' : `?${search}`;
};

const requestOf = (method: string, token: string | undefined, options: SendOptions): RequestInit => {
  const { body, headers, signal } = options;
  const late = AbortSignal.timeout(answerMsMax);
  return {
    method,
    signal: signal === undefined ? late : AbortSignal.any([signal, late]),
    headers: {
      ...headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    credentials: 'omit',
  };
};

/** Whose token a sender uses, and whom it tells that the server no longer accepts it. */
export type SendWatch = {
  token: () => string | undefined;
  refused: (token: string | undefined) => void;
};

/**
 * A sender for the token of the moment. It throws a `Problem` for every answer of 400 or more and for none at all,
 * and an `AbortError` when the caller's own signal aborts.
 */
export function senderOf({ token, refused }: SendWatch): Send {
  return async <T>(method: string, path: string, options: SendOptions = {}): Promise<Answer<T>> => {
    const sent = token();
    const sentAtMs = performance.now();
    try {
      const response = await fetch(`${path}${searchOf(options.query)}`, requestOf(method, sent, options));
      const receivedAtMs = performance.now();
      if (!response.ok) throw await problemOf(response);
      const value: T = await response.json();
      return { value, headers: response.headers, sentAtMs, receivedAtMs };
    } catch (error) {
      if (options.signal?.aborted) throw error;
      if (!(error instanceof Problem)) throw unreachableProblem();
      if (error.status === 401) refused(sent);
      throw error;
    }
  };
}
