/** Owns two servers on one database, and what a race needs of them: rooms, buyers, moved time, workers, held-up rooms. */
import fc from 'fast-check';
import { type ExpiryWorker, startExpiryWorker } from '../../src/holds/expiry-worker.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import type { Answer } from '../helpers/contract.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { openSession, untilBlocked } from '../helpers/property.ts';
import { tokenFor } from '../helpers/tokens.ts';

/** An instance of the two, by number: 0 and 2 are the same one. */
export type Instance = number;

/** When a test let a hold end, counted from now; negative: it is over. */
export type HoldEnd = Readonly<{ holdId: string; inMs: number }>;

/** Two servers, each with a pool and a worker of its own, on one database. */
export type Instances = Readonly<{
  database: TestDatabase;
  apps: readonly [TestApp, TestApp];
  /** The call of one instance, which holds every answer against the OpenAPI document. */
  call(instance: Instance): TestApp['call'];
  /** Makes a room type with `count` rooms. */
  makeRooms(count: number): Promise<{ roomTypeId: number; roomIds: number[] }>;
  /** One pass of one instance's worker. */
  sweep(instance: Instance): Promise<unknown>;
  /** Moves holds so that they end at these times; those that are not ACTIVE stay. */
  endHolds(ends: readonly HoldEnd[]): Promise<void>;
  /** Moves the ends of the timed freezes of these rooms into the past. */
  endFreezes(roomIds: readonly number[]): Promise<void>;
  /** Holds and rooms whose times were moved: their audit rows can't know. */
  moved: Readonly<{ holdIds: Set<string>; freezeRoomIds: Set<number> }>;
  /** Closes everything. Answers how many deadlocks Postgres had to break: clients see none, they are tried again. */
  close(): Promise<{ deadlocks: number }>;
}>;

/** A token of its own for each buyer, so that no limit of one holder is met. */
export function buyer(n: number | string): string {
  return tokenFor(`buyer-${n}`, 'ROOM_HOLD:WRITE');
}

/** Starts two servers on a new database; their workers pass only when told to. */
export async function startInstances(env: Record<string, string> = {}): Promise<Instances> {
  const database = await createTestDatabase();
  const settings = { HOLD_SWEEP_INTERVAL_SECONDS: '86400', ...env };
  const apps = [
    await startTestApp({ database, env: settings }),
    await startTestApp({ database, env: settings }),
  ] as const;
  const workers: ExpiryWorker[] = apps.map(({ platform }) => startExpiryWorker(platform));
  const moved = { holdIds: new Set<string>(), freezeRoomIds: new Set<number>() };
  let types = 0;

  return {
    database,
    apps,
    moved,
    call: (instance) => of(apps, instance).call,
    makeRooms: async (count) => {
      types += 1;
      const [{ call, as }] = apps;
      const type = await call('POST', '/room-types', { token: as.admin, body: { name: `type ${types}` } });
      const roomTypeId: number = type.body.room_type_id;
      const rooms = await Promise.all(
        Array.from({ length: count }, (_, n) =>
          call('POST', '/rooms', {
            token: as.admin,
            body: { room_no: `${types}-${n}`, room_type_id: roomTypeId },
          }),
        ),
      );
      return { roomTypeId, roomIds: rooms.map(({ body }) => body.room_id) };
    },
    sweep: (instance) => of(workers, instance).runOnce(),
    endHolds: async (ends) => {
      const ids = ends.map(({ holdId }) => holdId);
      for (const id of ids) moved.holdIds.add(id);
      await database.query(endHoldsSql(), [ids, ends.map(({ inMs }) => inMs)]);
    },
    endFreezes: async (roomIds) => {
      for (const id of roomIds) moved.freezeRoomIds.add(id);
      await database.query(
        `UPDATE room SET freeze_expires_at = clock() - interval '1 ms'
         WHERE room_id = ANY ($1) AND room_status = 'FROZEN' AND freeze_expires_at > clock()`,
        [roomIds],
      );
    },
    close: async () => {
      for (const worker of workers) await worker.stop();
      for (const app of apps) await app.close();
      // Postgres counts when a connection ends.
      const [counted] = await database.query<{ deadlocks: number }>(
        'SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()',
      );
      await database.drop();
      return { deadlocks: counted?.deadlocks ?? 0 };
    },
  };
}

/** Locks in the order of every command: rooms by id, then holds by id. */
function endHoldsSql(): string {
  return `
    WITH rooms AS MATERIALIZED (
      SELECT room_id FROM room WHERE hold_id = ANY ($1::uuid[]) ORDER BY room_id FOR NO KEY UPDATE
    ), holds AS MATERIALIZED (
      SELECT hold_id FROM hold WHERE hold_id = ANY ($1::uuid[]) AND (SELECT count(*) FROM rooms) >= 0
      ORDER BY hold_id FOR NO KEY UPDATE
    ), moved AS (
      UPDATE hold h SET expires_at = ends.at, created_at = ends.at - (h.expires_at - h.created_at)
      FROM (SELECT e.hold_id, clock() + e.in_ms * interval '1 ms' AS at
        FROM unnest($1::uuid[], $2::integer[]) AS e(hold_id, in_ms) JOIN holds USING (hold_id)) ends
      WHERE h.hold_id = ends.hold_id AND h.status = 'ACTIVE'
      RETURNING h.hold_id, h.expires_at
    )
    UPDATE room SET hold_expires_at = moved.expires_at FROM moved WHERE room.hold_id = moved.hold_id`;
}

function of<Item>(items: readonly Item[], instance: Instance): Item {
  const item = items[instance % items.length];
  if (item === undefined) throw new Error('there are two instances');
  return item;
}

/**
 * How requests arrive. All at once they meet in batches; one by one, in as few at a time per instance as each becomes
 * a batch of its own, they meet in the database only.
 */
export const arrivals = [
  { arrival: 'all at once', inFlightMax: Number.POSITIVE_INFINITY },
  { arrival: 'one by one', inFlightMax: 3 },
] as const;

/** Runs the tasks on the two instances in turn, `inFlightMax` at a time on each; their results in order. */
export async function arrive<Result>(
  inFlightMax: number,
  tasks: readonly ((instance: Instance) => Promise<Result>)[],
): Promise<Result[]> {
  const results: Result[] = [];
  const chain = async (instance: Instance, queue: [number, (typeof tasks)[number]][]) => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      results[next[0]] = await next[1](instance);
    }
  };
  await Promise.all(
    [0, 1].flatMap((instance) => {
      const queue = [...tasks.entries()].filter(([n]) => n % 2 === instance);
      const chains = Math.min(inFlightMax, queue.length);
      return Array.from({ length: chains }, () => chain(instance, queue));
    }),
  );
  return results;
}

/** How many answers there are of each kind: `201`, `409 room-unavailable`. */
export function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const kind = body?.code === undefined ? `${status}` : `${status} ${body.code}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** A sample of an arbitrary that is the same for the same seed. */
export function sample<Value>(arbitrary: fc.Arbitrary<Value>, seed: number, count: number): Value[] {
  return fc.sample(arbitrary, { seed, numRuns: count });
}

/** Rooms that nobody else can lock until they are let go. */
export type HeldUp = Readonly<{
  /** Resolves when this many statements wait for a lock. */
  waiters(count: number): Promise<void>;
  /** Resolves when the database's clock has passed the end of this hold. */
  over(holdId: string): Promise<void>;
  /** Runs a statement in the transaction that holds them up. */
  run(sql: string, request: object): Promise<void>;
  letGo(): Promise<void>;
}>;

/** Locks rooms from outside, so that those who want them queue up in the order of their asking. */
export async function holdUp(database: TestDatabase, roomIds: readonly number[]): Promise<HeldUp> {
  const session = await openSession(database);
  await session.query('BEGIN');
  await session.query('SELECT FROM room WHERE room_id = ANY ($1) ORDER BY room_id FOR UPDATE', [roomIds]);
  return {
    waiters: (count) => untilBlocked(database, count),
    over: async (holdId) => {
      const sql = 'SELECT expires_at <= clock() AS is_over FROM hold WHERE hold_id = $1';
      while ((await database.query<{ is_over: boolean }>(sql, [holdId]))[0]?.is_over === false);
    },
    run: async (sql, request) => {
      await session.query(sql, [JSON.stringify([request])]);
    },
    letGo: async () => {
      await session.query('COMMIT');
    },
  };
}
