/** Owns bringing many rooms into the database at once: all of them or none, audited like every other change. */
import { inOneTransaction, made, runBulk, type Transaction } from './bulk-commands.ts';
import type { Database } from './database.ts';
import { Prisma } from './generated/prisma/client.ts';
import { type ProblemCode, problems } from './problems.ts';
import type { LineFault, RoomLine } from './room-import-file.ts';

/** What becomes of a room that exists: it stays as it is, it is a fault, or it becomes what its line says. */
export const existingChoices = ['fail', 'skip', 'update'] as const;
export type ExistingChoice = (typeof existingChoices)[number];

/** Who imports, under which id (it is every audit row's `request_id`), and what becomes of rooms that exist. */
export type RoomImportOptions = Readonly<{ actor: string; requestId: string; existing: ExistingChoice }>;

/** What an import did. `updated` counts rooms that were looked at; those that were so already have no audit row. */
export type RoomImportCounts = Readonly<{
  types: number;
  made: number;
  updated: number;
  skipped: number;
}>;

/** Thrown inside the transaction, so that it rolls back; carries what is wrong with the lines. */
type Refusal = Error & { faults: readonly LineFault[] };

const refusal = (faults: readonly LineFault[]): Refusal =>
  Object.assign(new Error(`${faults.length} lines cannot be imported`), { faults });

const isRefusal = (error: unknown): error is Refusal => error instanceof Error && 'faults' in error;

type Asker = { actor: string; request_id: string };
type RoomMade = { room: { room_id: number; room_no: string } };
type Step = Readonly<{ line: RoomLine; request: object }>;

const why = (code: ProblemCode, { room_no }: RoomLine): string =>
  `room_no ${JSON.stringify(room_no)}: ${problems[code].title.toLowerCase()} (${code})`;

/** The types that the lines name, by name; those that are missing are made. */
const takeTypes = async (transaction: Transaction, lines: readonly RoomLine[], asker: Asker) => {
  const names = [...new Set(lines.map(({ room_type }) => room_type))].sort();
  const select = () =>
    transaction.$queryRaw<{ room_type_id: number; name: string }[]>(
      Prisma.sql`SELECT room_type_id, name FROM room_type WHERE NOT is_deleted AND name = ANY (${names})`,
    );
  const known = new Set((await select()).map(({ name }) => name));
  const missing = names.filter((name) => !known.has(name));
  // One that somebody else makes meanwhile is theirs: it is there afterwards.
  const outcomes = await runBulk(
    transaction,
    'room_type_create',
    missing.map((name) => ({ name, ...asker })),
  );
  const ids = new Map((await select()).map(({ name, room_type_id }) => [name, room_type_id]));
  return { ids, count: outcomes.filter(({ problem }) => problem === undefined).length };
};

/** The ids of those rooms that exist, by number. */
const existingRooms = async (transaction: Transaction, lines: readonly RoomLine[]) => {
  const numbers = lines.map(({ room_no }) => room_no);
  const rows = await transaction.$queryRaw<{ room_id: number; room_no: string }[]>(
    // As one parameter: Postgres takes no more than 65,535.
    Prisma.sql`SELECT room_id, room_no FROM room WHERE NOT is_deleted AND room_no = ANY (${numbers})`,
  );
  return new Map(rows.map(({ room_no, room_id }) => [room_no, room_id]));
};

const runSteps = async (
  transaction: Transaction,
  command: 'room_create' | 'room_change',
  steps: readonly Step[],
  onDone?: (count: number) => void,
): Promise<number[]> => {
  const outcomes = await runBulk<object, RoomMade>(
    transaction,
    command,
    steps.map(({ request }) => request),
    onDone,
  );
  const faults = outcomes.flatMap((outcome, at) => {
    const line = steps[at]?.line;
    return outcome.problem === undefined || line === undefined
      ? []
      : [{ line: line.line, message: why(outcome.problem, line) }];
  });
  if (faults.length > 0) throw refusal(faults);
  return outcomes.map((outcome) => made(outcome).room.room_id);
};

type Work = Readonly<{
  transaction: Transaction;
  asker: Asker;
  typeIds: ReadonlyMap<string, number>;
  onDone: (count: number) => void;
}>;

const createRooms = async ({ transaction, asker, typeIds, onDone }: Work, lines: readonly RoomLine[]) => {
  const steps = lines.map((line) => ({
    line,
    request: {
      room_no: line.room_no,
      room_type_id: typeIds.get(line.room_type),
      floor: line.floor,
      ...asker,
    },
  }));
  const ids = await runSteps(transaction, 'room_create', steps, onDone);
  // A room begins as AVAILABLE; another status is a change of its own, as for every client.
  const changes = lines.flatMap((line, at) =>
    line.room_status === 'MAINTENANCE' || line.room_status === 'BOOKED'
      ? [{ line, request: { room_id: ids[at], changes: { room_status: line.room_status }, ...asker } }]
      : [],
  );
  await runSteps(transaction, 'room_change', changes);
};

const updateRooms = async (
  { transaction, asker, typeIds, onDone }: Work,
  lines: readonly (RoomLine & { roomId: number })[],
) => {
  // In the order in which every command locks rooms: nobody waits for us while we wait for them.
  const ordered = lines.toSorted((one, other) => one.roomId - other.roomId);
  const steps = ordered.map((line) => ({
    line,
    request: {
      room_id: line.roomId,
      changes: {
        room_type_id: typeIds.get(line.room_type),
        ...(line.floor === undefined ? {} : { floor: line.floor }),
        ...(line.room_status === undefined || line.room_status === null
          ? {}
          : { room_status: line.room_status }),
      },
      ...asker,
    },
  }));
  await runSteps(transaction, 'room_change', steps, onDone);
};

/**
 * Makes the rooms that `lines` describe, and the types that are missing, in one transaction with an audit row for each;
 * or changes nothing and answers what is wrong with which lines. `lines` have each number once. `onDone` hears how many
 * more lines are done. Throws when the database fails; then nothing was changed either.
 *
 * A room that exists and is to be updated gets the type of its line, the floor if there is such a column (an empty cell
 * takes it away), and the status if the cell is not empty; what holds for a client holds here: a room that is frozen or
 * held keeps its status, and one that shall change it is a fault.
 */
export async function importRooms(
  database: Pick<Database, 'client'>,
  lines: readonly RoomLine[],
  options: RoomImportOptions,
  onDone: (count: number) => void = () => undefined,
): Promise<{ counts: RoomImportCounts } | { faults: readonly LineFault[] }> {
  const asker = { actor: options.actor, request_id: options.requestId };
  try {
    const counts = await inOneTransaction(database, async (transaction) => {
      const existing = await existingRooms(transaction, lines);
      const known = lines.flatMap((line) => {
        const roomId = existing.get(line.room_no);
        return roomId === undefined ? [] : [{ ...line, roomId }];
      });
      if (options.existing === 'fail' && known.length > 0) {
        throw refusal(known.map((line) => ({ line: line.line, message: why('room-no-exists', line) })));
      }
      const fresh = lines.filter(({ room_no }) => !existing.has(room_no));
      const updated = options.existing === 'update' ? known : [];
      onDone(known.length - updated.length);
      const types = await takeTypes(transaction, [...fresh, ...updated], asker);
      const work = { transaction, asker, typeIds: types.ids, onDone };
      await updateRooms(work, updated);
      await createRooms(work, fresh);
      const skipped = known.length - updated.length;
      return { types: types.count, made: fresh.length, updated: updated.length, skipped };
    });
    return { counts };
  } catch (error) {
    if (isRefusal(error)) return { faults: error.faults };
    throw error;
  }
}
