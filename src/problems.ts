/** Owns every way a call can fail: one table of codes, statuses and titles, and the error that carries one. */

/**
 * Every problem code of the HTTP contract, in the order of `docs/problems.md`, which tells what each means.
 * A code is a stable name: clients branch on it, so it is never renamed.
 */
export const problems = {
  'request-invalid': { status: 400, title: 'The request is not valid' },
  'body-malformed': { status: 400, title: 'The body is not JSON in UTF-8' },
  'cursor-invalid': { status: 400, title: 'The cursor does not belong to this list' },
  'url-malformed': { status: 400, title: 'The URL is not well-formed' },
  'credentials-missing': { status: 401, title: 'A bearer token is needed' },
  'credentials-invalid': { status: 401, title: 'The bearer token is not valid' },
  'permission-denied': { status: 403, title: 'The token lacks a permission' },
  'route-not-found': { status: 404, title: 'There is nothing at this path' },
  'method-not-allowed': { status: 405, title: 'The path does not take this method' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'url-too-long': { status: 414, title: 'The URL is too long' },
  'media-type-unsupported': { status: 415, title: 'The body is of an unsupported media type' },
  'headers-too-large': { status: 431, title: 'The URL and headers are too large' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'internal-error': { status: 500, title: 'Something went wrong in the server' },
  'dependency-unavailable': { status: 503, title: 'Something the server depends on is out of reach' },
  'outcome-unknown': { status: 503, title: 'It is not known whether the change was made' },
  overloaded: { status: 503, title: 'The server has too much to do' },
  draining: { status: 503, title: 'The server is shutting down' },
  'room-type-exists': { status: 409, title: 'A room type of this name exists' },
  'room-type-in-use': { status: 409, title: 'Rooms of this type exist' },
  'room-type-not-found': { status: 404, title: 'There is no such room type' },
  'room-no-exists': { status: 409, title: 'A room of this number exists' },
  'room-not-found': { status: 404, title: 'There is no such room' },
  'room-frozen': { status: 409, title: 'The room is frozen' },
  'room-held': { status: 409, title: 'The room is held' },
  'room-booked': { status: 409, title: 'The room is booked' },
  'room-not-frozen': { status: 409, title: 'The room is not frozen' },
  'room-unavailable': { status: 409, title: 'A room is not free' },
  'not-enough-rooms': { status: 409, title: 'Too few rooms of the type are free' },
  'hold-limit-reached': { status: 429, title: 'The holder has too many active holds' },
  'idempotency-key-reused': { status: 422, title: 'The idempotency key was used with another body' },
  'request-in-progress': { status: 409, title: 'A request with this idempotency key is still running' },
  'hold-not-found': { status: 404, title: 'There is no such hold' },
  'hold-expired': { status: 410, title: 'The hold has expired' },
  'hold-confirmed': { status: 409, title: 'The hold is confirmed' },
  'hold-released': { status: 409, title: 'The hold is released' },
  'hold-revoked': { status: 409, title: 'The hold is revoked' },
  'hold-lifetime-exceeded': { status: 409, title: 'The hold cannot be extended that far' },
} as const satisfies Record<string, { status: number; title: string }>;

/** The stable name of a problem. */
export type ProblemCode = keyof typeof problems;

/** What a problem tells beyond its code: its members stand beside `code` in the answer. */
export type ProblemFacts = Readonly<Record<string, unknown>>;

/** Tells whether `value` is one of the codes. */
export function isProblemCode(value: string): value is ProblemCode {
  return Object.hasOwn(problems, value);
}

/** An error that is the caller's or the world's, not ours: it is answered as it is, and logged as no bug. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly status: number;
  readonly facts: ProblemFacts;
  /** What `Retry-After` says, in whole seconds and at least 1; only 429 and 503 carry it. */
  readonly retryAfterSeconds: number;

  /**
   * `detail` is read by people outside: it names what to change, and nothing of the server's inside.
   * `facts` become members of the answer and never replace a standard one; a `cause` is for the log only.
   */
  constructor(
    code: ProblemCode,
    detail: string,
    facts: ProblemFacts = {},
    options: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(detail, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.status = problems[code].status;
    this.facts = facts;
    this.retryAfterSeconds = Math.max(1, Math.ceil(options.retryAfterSeconds ?? 1));
  }
}
