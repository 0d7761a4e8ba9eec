/** Owns commands on many rooms within one transaction: the same functions that every client's request goes through. */
import type { Database } from './database.ts';
import { Prisma } from './generated/prisma/client.ts';
import { type ProblemCode, type ProblemFacts, problems } from './problems.ts';

/** A transaction that its owner commits or rolls back. */
export type Transaction = Parameters<Parameters<Database['client']['$transaction']>[0]>[0];

/** What a command says of one request: what it made, or the problem that it met. */
export type BulkOutcome<Made> = (Made & { problem?: never }) | { problem: ProblemCode; facts: ProblemFacts };

/** A statement of this many requests is over in a fraction of a second, and long before it would be given up. */
const requestsMax = 500;

/** Longer than any seed or import takes: what is bounded here is a transaction that nobody waits for any more. */
const transactionMsMax = 3_600_000;

type BulkCommand = 'room_type_create' | 'room_create' | 'room_change';

/**
 * Runs one command on all `requests`, some hundred at a time, in order, and answers one outcome for each. `onDone` hears
 * how many are done since it was last called.
 */
export async function runBulk<Request extends object, Made extends object>(
  transaction: Transaction,
  name: BulkCommand,
  requests: readonly Request[],
  onDone: (count: number) => void = () => undefined,
): Promise<BulkOutcome<Made>[]> {
  const outcomes: BulkOutcome<Made>[] = [];
  for (let first = 0; first < requests.length; first += requestsMax) {
    const some = requests.slice(first, first + requestsMax);
    const [row] = await transaction.$queryRaw<{ outcomes: BulkOutcome<Made>[] }[]>(
      Prisma.sql`SELECT ${Prisma.raw(name)}(${JSON.stringify(some)}::jsonb) AS outcomes`,
    );
    outcomes.push(...(row?.outcomes ?? []));
    onDone(some.length);
  }
  if (outcomes.length !== requests.length) throw new Error('a command must answer one outcome per request');
  return outcomes;
}

/** What a command made; throws when it met a problem, for callers that leave no room for one. */
export function made<Made extends object>(outcome: BulkOutcome<Made>): Made {
  if (outcome.problem !== undefined) throw new Error(problems[outcome.problem].title);
  return outcome;
}

/** Does `work` in one transaction that may take its time: all of it is committed, or none. */
export function inOneTransaction<Result>(
  database: Pick<Database, 'client'>,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  return database.client.$transaction(work, { timeout: transactionMsMax });
}
