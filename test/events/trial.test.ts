import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { eventually } from '../helpers/server-process.ts';
import { tokenFor } from '../helpers/tokens.ts';
import { logIds } from './streams.ts';
import { startFleet, startWriters, type Watcher, watch } from './trial.ts';

/** Set for a longer trial: how many servers are killed, one after the other. */
const killsCount = Number(process.env.TEST_EVENTS_KILLS ?? 3);
const streamsCount = 200;
/** Changes between two kills, at least: so much happens while a server is away. */
const changesPerKill = 60;

let database: TestDatabase;
let roomIds: number[];

beforeAll(async () => {
  database = await createTestDatabase();
  await database.query(`INSERT INTO room_type (name) VALUES ('Double')`);
  const rooms = await database.query<{ room_id: number }>(
    `INSERT INTO room (room_no, room_type_id) SELECT n::text, 1 FROM generate_series(1, 4) n RETURNING room_id`,
  );
  roomIds = rooms.map(({ room_id }) => room_id);
});
afterAll(() => database.drop());

/** What is wrong with what a client has seen, against the log in its order. */
function judge({ ids, positions }: Watcher, log: readonly number[]) {
  const [hello, ...others] = positions;
  const wanted = hello?.event === 'hello' ? log.slice(log.indexOf(hello.id) + 1) : [];
  const seen = new Set(ids);
  return {
    missed: wanted.filter((id) => !seen.has(id)).length,
    twice: ids.length - seen.size,
    isInOrder: JSON.stringify(ids) === JSON.stringify(wanted),
    resets: others.length,
  };
}

test(
  'two hundred EventSources, while servers are killed and writers go on: nothing missed, twice or out of order',
  async () => {
    const fleet = await startFleet(database, 3);
    const tokens = [tokenFor('board', 'ROOM_MANAGEMENT:READ'), tokenFor('shop', 'ROOM_HOLD:WRITE')];
    const watchers = Array.from({ length: streamsCount }, (_, n) => watch(fleet, tokens[n % 2] ?? ''));
    await eventually(() => expect(watchers.every(({ positions }) => positions.length === 1)).toBe(true));
    const writers = await startWriters(fleet, database, roomIds, 50);
    for (let kill = 0; kill < killsCount; kill += 1) {
      const from = writers.count();
      await eventually(() => expect(writers.count()).toBeGreaterThan(from + changesPerKill));
      await fleet.replace(kill, kill % 3 === 2 ? 'SIGTERM' : 'SIGKILL');
    }
    await writers.stop();
    const log = await logIds(database);
    await eventually(() =>
      expect(watchers.filter(({ ids }) => ids.at(-1) !== log.at(-1))).toHaveLength(0),
    ).catch(
      // What is missing is told by the judgement.
      () => undefined,
    );
    const verdicts = watchers.map((watcher) => judge(watcher, log));
    const reconnections = watchers.reduce((sum, watcher) => sum + watcher.connectionsCount() - 1, 0);
    expect(verdicts.filter(({ missed }) => missed > 0)).toEqual([]);
    expect(verdicts.filter(({ twice }) => twice > 0)).toEqual([]);
    expect(verdicts.filter(({ isInOrder, resets }) => !isInOrder || resets > 0)).toEqual([]);
    expect(log).not.toEqual([...log].sort((one, other) => one - other));
    expect(reconnections).toBeGreaterThan((streamsCount / 4) * killsCount);
    if (process.env.TEST_EVENTS_KILLS !== undefined) {
      const events = watchers.reduce((sum, { ids }) => sum + ids.length, 0);
      process.stdout.write(
        `${streamsCount} streams, ${killsCount} kills, ${reconnections} reconnections, ${writers.count()} changes, ` +
          `${log.length} entries, ${events} events seen: 0 missed, 0 twice, 0 out of order\n`,
      );
    }
  },
  120_000 + killsCount * 30_000,
);
