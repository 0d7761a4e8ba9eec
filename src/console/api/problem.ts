/** Owns how a call can fail for the console: what the server answered, or that it could not be reached. */
import type { ProblemAnswer } from './wire.ts';

/** The code of a problem that the server did not answer: it could not be reached, or said nothing that we read. */
export const unreachable = 'server-unreachable';

/** A call that did not succeed. `status` is 0 when there was no answer. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: string;
  readonly status: number;
  /** What stands beside the code in the answer: `hold_expires_at`, `conflicts` and the like. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly requestId: string | undefined;
  /** How long the server asks to wait, in seconds; undefined when it does not say. */
  readonly retryAfterSeconds: number | undefined;

  constructor(answer: ProblemAnswer, retryAfterSeconds?: number) {
    super(answer.detail);
    this.code = answer.code;
    this.status = answer.status;
    this.facts = answer;
    this.requestId = answer.request_id;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const isProblemAnswer = (value: unknown): value is ProblemAnswer =>
  typeof value === 'object' && value !== null && 'code' in value && 'detail' in value && 'status' in value;

/** The problem that nobody answered. */
export const unreachableProblem = (): Problem =>
  new Problem({ code: unreachable, status: 0, title: '', detail: 'The server cannot be reached.' });

/** The problem that a response of status 400 or more tells of, whatever stands before the server. */
export async function problemOf(response: Response): Promise<Problem> {
  const retryAfter = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  const retryAfterSeconds = Number.isFinite(retryAfter) ? retryAfter : undefined;
  let answer: unknown;
  try {
    answer = await response.json();
  } catch {
    answer = undefined;
  }
  if (isProblemAnswer(answer)) return new Problem(answer, retryAfterSeconds);
  const detail = `The server answered ${response.status} without saying why.`;
  return new Problem(
    { code: 'answer-unreadable', status: response.status, title: '', detail },
    retryAfterSeconds,
  );
}

/** Whether asking again later may succeed without changing anything. */
export function isPassing(error: unknown): boolean {
  return error instanceof Problem && [0, 429, 502, 503, 504].includes(error.status);
}
