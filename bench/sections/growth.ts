/** Owns the measurement of what a large property and a long past cost. */
import { addPastHolds, fillFree, forgetHolds, runSql } from '../databases.ts';
import { compare, inTurn, median, type Row } from '../measure.ts';
import { mustAnswer } from '../sale.ts';
import type { Property, Section } from '../section.ts';
import type { Server, World } from '../world.ts';

const connections = 64;
/** A burst fits into the smallest property, and so does every other. */
const burstHolds = 900;
const listsCount = 100;
/** A burst is short, so there are more of them than of other measurements. */
const burstsPerRepeat = 2;

/** A property with a server on it. */
type Open = { name: string; server: Server; property: Property };

async function load(world: World, { server, property }: Open, count: number, next?: 'list') {
  const { fresh } = property;
  const outcome = await world.loader.run({
    kind: 'count',
    origin: server.origin,
    token: world.token,
    connections: next === undefined ? connections : 1,
    count,
    script: { kind: 'hold', fresh, ...(next && { next }) },
  });
  mustAnswer(outcome, [200, 201]);
  property.fresh = { ...fresh, from: fresh.from + outcome.freshUsed };
  return outcome;
}

/** A burst of holds, then lists, each right after a hold so that it comes from the database. */
async function measure(world: World, open: Open): Promise<{ holds: number; listMs: number }> {
  await runSql(open.property.databaseUrl, 'CHECKPOINT');
  const { answersPerSecond } = await load(world, open, burstHolds);
  if (open.name === 'small') await anew(open.property);
  const { samples } = await load(world, open, listsCount, 'list');
  if (open.name === 'small') await anew(open.property);
  return {
    holds: answersPerSecond,
    listMs: median(samples.map(({ latenciesMs }) => latenciesMs[1] ?? 0)) ?? 0,
  };
}

/** The smallest property is used up by one burst. */
async function anew(property: Property): Promise<void> {
  await forgetHolds(property.databaseUrl);
  property.fresh = { ...property.fresh, from: 0 };
}

async function openFree(world: World, name: string, rooms: number): Promise<Open> {
  const databaseUrl = await world.createDatabase(name);
  const property = { databaseUrl, fresh: await fillFree(databaseUrl, rooms) };
  return { name, server: await world.startServer(name, databaseUrl), property };
}

/** Holds and lists at 1,000, 100,000 and 1,000,000 rooms, then with 1,000,000 past holds. */
export const growth: Section = {
  name: 'growth',
  async run({ world, large: openLarge }) {
    const { scale, say } = world;
    const small = await openFree(world, 'small', 1_000);
    const middle = await openFree(world, 'middle', scale.roomsMax / 10);
    const property = await openLarge();
    const large = { name: 'large', server: await world.startServer('large', property.databaseUrl), property };
    for (const open of [small, middle, large]) await measure(world, open);
    say('holds and lists in properties of three sizes');
    const repeats = burstsPerRepeat * scale.repeats;
    const young = await inTurn(repeats, {
      small: () => measure(world, small),
      middle: () => measure(world, middle),
      large: () => measure(world, large),
    });
    say(`adding ${scale.pastHolds} past holds`);
    await addPastHolds(property.databaseUrl, scale.pastHolds);
    await measure(world, large);
    const old = await inTurn(repeats, {
      small: () => measure(world, small),
      large: () => measure(world, large),
    });
    for (const { server } of [small, middle, large]) await server.stop();

    type Taken = readonly { holds: number; listMs: number }[];
    const row = (
      what: string,
      at: 'holds' | 'listMs',
      taken: Taken,
      small: Taken,
      target?: Row['target'],
    ): Row =>
      compare(
        { section: 'growth', what, unit: at === 'holds' ? '/s' : 'ms', ...(target && { target }) },
        taken.map((sample) => sample[at]),
        { what: '1 000 rooms', samples: small.map((sample) => sample[at]) },
      );
    const [many, most] = [scale.roomsMax / 10, scale.roomsMax].map((rooms) => rooms.toLocaleString('fr'));
    const past = `${most} rooms, ${scale.pastHolds.toLocaleString('fr')} past holds`;
    return [
      row(`holds, ${many} rooms`, 'holds', young('middle'), young('small')),
      row(`holds, ${most} rooms`, 'holds', young('large'), young('small')),
      row(`holds, ${past}`, 'holds', old('large'), old('small'), { bound: 'at least', must: 0.8, aim: 0.95 }),
      row(`list from the database p50, ${many} rooms`, 'listMs', young('middle'), young('small')),
      row(`list from the database p50, ${most} rooms`, 'listMs', young('large'), young('small')),
      row(`list from the database p50, ${past}`, 'listMs', old('large'), old('small')),
    ];
  },
};
