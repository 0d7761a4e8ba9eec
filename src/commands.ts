/** Owns the one write path: a command runs as one statement, its outcome becomes a value or a problem. */
import type { Span } from '@opentelemetry/api';
import type { RoomCache } from './cache/room-cache.ts';
import { openCommandCounts, type Queued } from './command-counts.ts';
import type { Database } from './database.ts';
import { Prisma } from './generated/prisma/client.ts';
import { type GroupCommitLimits, groupCommit } from './group-commit.ts';
import type { Metrics } from './metrics.ts';
import { Problem, type ProblemCode, type ProblemFacts, problems } from './problems.ts';
import type { Tracing } from './tracing.ts';

/** A function of the database that takes a JSON array of requests and answers an outcome for each. */
export type CommandName =
  | 'room_type_create'
  | 'room_type_change'
  | 'room_type_delete'
  | 'room_create'
  | 'room_change'
  | 'room_delete'
  | 'room_freeze'
  | 'room_unfreeze'
  | 'hold_place'
  | 'hold_extend'
  | 'hold_confirm'
  | 'hold_release';

/** Who asks, and under which request: every audit row names both. */
export type Asker = Readonly<{ actor: string; request_id: string }>;

/** Nothing was done, ask again: the idempotency key is in use elsewhere, or the rooms were on the move. */
export type Retry = Readonly<{ retry: 'key' | 'rooms' }>;

/** What a command says of one request: a problem, "ask again", or what the verb made. */
type Outcome<Made> = { problem: ProblemCode; facts: ProblemFacts } | ((Made | Retry) & { problem?: never });

/**
 * A batch of 64 is over in 10 to 20 ms: one that takes 50 is held up, by a lock or a slow disk, and a second goes past it.
 */
const usualLimits: GroupCommitLimits = {
  batchRequestsMax: 64,
  flightsMax: 3,
  gatherMsMax: 50,
  queuedRequestsMax: 2_000,
};

/** What a command is opened on. */
export type CommandPlatform = Readonly<{
  database: Database;
  cache: RoomCache;
  metrics: Metrics;
  tracing: Pick<Tracing, 'current' | 'batch'>;
}>;

/** A request on its way to a batch; `span` is that of the HTTP request, if it is traced. */
type Sent<Request> = Queued & Readonly<{ request: Request; span: Span | undefined }>;

type Row<Made> = Readonly<{ outcomes: Outcome<Made>[]; tally: string | null }>;

/**
 * Opens the way to one command: the function that it answers commits a request, alone or in a batch with others.
 *
 * It throws the problem that the command found, and what `Database.command` and `groupCommit` throw. A commit that may
 * have changed what lists show is told to the cache before its requests are answered.
 */
export function openCommand<Request, Made extends object>(
  platform: CommandPlatform,
  name: CommandName,
  limits: Partial<GroupCommitLimits> = {},
): (request: Request & Asker) => Promise<Made | Retry> {
  const { database, cache, metrics, tracing } = platform;
  const command = Prisma.raw(name);
  const counts = openCommandCounts(metrics, name);

  async function commit(requests: readonly (Request & Asker)[]): Promise<Outcome<Made>[]> {
    let isChange = true; // unless it is known that nothing was changed
    try {
      // Read by the row that the call makes, and so after it: then the tally is whole.
      const [row] = await database.command<Row<Made>>(
        Prisma.sql`SELECT outcomes, nullif(current_setting('holdfast.tally', true), '') AS tally
          FROM ${command}(${JSON.stringify(requests)}::jsonb) AS outcomes`,
      );
      const { outcomes, tally } = row ?? { outcomes: [], tally: null };
      const granted = outcomes.filter((outcome) => outcome.problem === undefined && !isRetry(outcome));
      const replayed = granted.filter(isReplay).length;
      const changed = granted.length - replayed;
      isChange = changed > 0;
      counts.made({ changed, replayed, tally });
      return outcomes;
    } finally {
      if (isChange) cache.changed();
    }
  }

  const enqueue = groupCommit(
    async (batch: readonly Sent<Request & Asker>[]) => {
      const ended = counts.started(batch);
      const spans = batch.flatMap(({ span }) => span ?? []);
      const requests = batch.map(({ request }) => request);
      return tracing
        .batch({ command: name, size: batch.length, spans }, () => commit(requests))
        .finally(ended);
    },
    { ...usualLimits, ...limits },
  );

  return async (request) => {
    const sent = { request, span: tracing.current(), ...counts.sent() };
    const outcome = await enqueue(sent).catch((error: unknown) => {
      counts.failed(sent, error);
      throw error;
    });
    if (outcome.problem !== undefined) {
      counts.refused(outcome.problem);
      const detail = details[outcome.problem] ?? problems[outcome.problem].title;
      throw new Problem(outcome.problem, detail, outcome.facts);
    }
    return outcome;
  };
}

/** What a command made that never asks its caller to come again. */
export function settled<Made extends object>(made: Made | Retry): Made {
  if (isRetry(made)) throw new Error('this command does not ask to be asked again');
  return made;
}

/** Tells "ask again" from what a command made. */
export function isRetry(made: object): made is Retry {
  return 'retry' in made;
}

function isReplay(made: object): boolean {
  return 'is_replay' in made && made.is_replay === true;
}

/** What to tell the caller of a problem that a command found; its facts say the rest. */
const details: Partial<Record<ProblemCode, string>> = {
  'room-type-exists': 'Choose another name: a room type has this one.',
  'room-type-in-use': 'Give its rooms another type, or delete them, first.',
  'room-type-not-found': 'No room type has this id.',
  'room-no-exists': 'Choose another number: a room has this one.',
  'room-not-found': 'No room has this id.',
  'room-frozen': 'The room is frozen: unfreeze it first.',
  'room-held': 'The room is held for a checkout until `hold_expires_at`.',
  'room-booked': 'The room is booked.',
  'room-not-frozen': 'The room is not frozen: there is nothing to end.',
  'room-unavailable': 'At least one of the rooms is not free; none was held. `conflicts` names them.',
  'not-enough-rooms': 'Fewer rooms of this type are free than were asked for; none was held.',
  'hold-limit-reached': 'The holder has as many active holds as are allowed: confirm or release one first.',
  'idempotency-key-reused': 'This key has already placed a hold with another body: use a new key.',
  'hold-not-found': 'No hold of yours has this id.',
  'hold-expired': 'The hold has ended by itself: place a new one.',
  'hold-confirmed': 'The hold is confirmed already.',
  'hold-released': 'The hold was released.',
  'hold-revoked': 'The hold was taken away by an admin.',
  'hold-lifetime-exceeded': 'A hold can be extended to `expires_at` at the latest.',
};
