/** Owns the demonstration property: the rooms that the embedded database begins with, so that there is something to try. */
import { inOneTransaction, made, runBulk, type Transaction } from './bulk-commands.ts';
import type { Database } from './database.ts';
import { Prisma } from './generated/prisma/client.ts';

/** The actor of the audit rows that the seed writes. */
const seedActor = 'seed';

/** The comment on the database that says the seed is done, kept in the seed's own transaction. */
const seededMark = 'The demonstration property was made here.';

const roomTypeNames = ['Single', 'Double', 'Suite'];
const roomsPerFloor = 20;

/** The size of the property that the embedded database begins with. */
const demoRoomsCount = 60;

/** The largest property that is made here. */
export const demoRoomsMax = 100_000;

/** Of the 20 rooms of a floor the first ten are singles, the next eight doubles, the last two suites. */
const roomTypeIndexOf = (place: number): number => (place <= 10 ? 0 : place <= 18 ? 1 : 2);

const demoRooms = (roomTypeIds: readonly number[], count: number) =>
  Array.from({ length: count }, (_, index) => {
    const floor = String(Math.floor(index / roomsPerFloor) + 1);
    const place = (index % roomsPerFloor) + 1;
    return {
      room_no: `${floor}${String(place).padStart(2, '0')}`,
      room_type_id: roomTypeIds[roomTypeIndexOf(place)],
      floor,
      actor: seedActor,
    };
  });

const needsSeed = async (transaction: Transaction): Promise<boolean> => {
  const [state] = await transaction.$queryRaw<{ needed: boolean }[]>`
    SELECT shobj_description(oid, 'pg_database') IS DISTINCT FROM ${seededMark}
      AND NOT EXISTS (SELECT FROM audit_log) AS needed
    FROM pg_database WHERE datname = current_database()`;
  return state?.needed === true;
};

/** Numbers that an attempt used up before it died are given again: the first room is room 1. */
const restartNumbers = async (transaction: Transaction): Promise<void> => {
  for (const sequence of ['room_type_room_type_id_seq', 'room_room_id_seq']) {
    await transaction.$executeRaw`ALTER SEQUENCE ${Prisma.raw(`"${sequence}"`)} RESTART`;
  }
};

const makeRoomTypes = async (transaction: Transaction): Promise<number[]> => {
  const requests = roomTypeNames.map((name) => ({ name, actor: seedActor }));
  const outcomes = await runBulk<object, { room_type: { room_type_id: number } }>(
    transaction,
    'room_type_create',
    requests,
  );
  return outcomes.map((outcome) => made(outcome).room_type.room_type_id);
};

const markSeeded = async (transaction: Transaction): Promise<void> => {
  // A DO block takes no parameters; the mark is a constant of this file without quotes.
  await transaction.$executeRawUnsafe(
    `DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE %I IS %L', current_database(), '${seededMark}'); END $$`,
  );
};

/**
 * Makes three room types and `count` rooms (of 60: ids 1 to 60, numbers 101 to 320, on the floors 1 to 3) with the
 * commands that every client uses, audit rows included, and returns true. Does so once in a database's life, and only
 * while nothing has ever been made in it; else it changes nothing and returns false. One transaction: whatever dies
 * half-way, the next call begins anew. `onDone` hears how many more rooms are made.
 */
export async function seedDemoProperty(
  database: Pick<Database, 'client'>,
  count = demoRoomsCount,
  onDone?: (count: number) => void,
): Promise<boolean> {
  return inOneTransaction(database, async (transaction) => {
    // Two at once: the second finds what the first has made.
    await transaction.$executeRaw`LOCK TABLE room_type IN SHARE ROW EXCLUSIVE MODE`;
    if (!(await needsSeed(transaction))) return false;
    await restartNumbers(transaction);
    const rooms = demoRooms(await makeRoomTypes(transaction), count);
    for (const outcome of await runBulk(transaction, 'room_create', rooms, onDone)) made(outcome);
    await markSeeded(transaction);
    return true;
  });
}
