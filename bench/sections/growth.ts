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
const burstsPerRepeat = { young: 2, old: 3 };
/**
 * So many holds change most pages of a large property once: the first change of a page after a checkpoint writes it whole,
 * which in a small property is over at once.
 */
const warmHolds = 20_000;
/** So many bursts make the server of a small one as fast as it gets. */
const warmBursts = 10;

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

/** A burst of holds; the answer is their rate. The smallest property is used up by one, and begins anew. */
async function hold(world: World, open: Open, count = burstHolds): Promise<number> {
  const { answersPerSecond } = await load(world, open, count);
  if (open.name === 'small') await anew(open.property);
  return answersPerSecond;
}

/** A burst of holds, then lists, each right after a hold so that it comes from the database. */
async function measure(world: World, open: Open): Promise<{ holds: number; listMs: number }> {
  const holds = await hold(world, open);
  const { samples } = await load(world, open, listsCount, 'list');
  if (open.name === 'small') await anew(open.property);
  return { holds, listMs: median(samples.map(({ latenciesMs }) => latenciesMs[1] ?? 0)) ?? 0 };
}

async function anew(property: Property): Promise<void> {
  await forgetHolds(property.databaseUrl);
  property.fresh = { ...property.fresh, from: 0 };
}

/** Holds until the server and the pages are warm. The answer is their rate on the way there. */
async function warm(world: World, open: Open): Promise<number> {
  if (open.name !== 'small') return hold(world, open, Math.min(warmHolds, open.property.fresh.rooms / 4));
  for (let burst = 1; burst < warmBursts; burst += 1) await hold(world, open);
  return hold(world, open);
}

/** Of all databases: one that came by itself would meet only one of the sides. */
const checkpoint = ({ property }: Open) => runSql(property.databaseUrl, 'CHECKPOINT');

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
    say('holds and lists in properties of three sizes');
    await checkpoint(large);
    for (const open of [small, middle, large]) {
      await warm(world, open);
      await measure(world, open);
    }
    const young = await inTurn(burstsPerRepeat.young * scale.repeats, {
      small: () => measure(world, small),
      middle: () => measure(world, middle),
      large: () => measure(world, large),
    });
    say(`adding ${scale.pastHolds} past holds`);
    await addPastHolds(property.databaseUrl, scale.pastHolds);
    await checkpoint(large);
    await measure(world, small);
    const afterCheckpoint = await warm(world, large);
    const old = await inTurn(burstsPerRepeat.old * scale.repeats, {
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
        { what: '1 000 rooms', samples: small.map((sample) => sample[at]), isInTurn: true },
      );
    const [many, most] = [scale.roomsMax / 10, scale.roomsMax].map((rooms) => rooms.toLocaleString('fr'));
    const past = `${most} rooms, ${scale.pastHolds.toLocaleString('fr')} past holds`;
    return [
      row(`holds, ${many} rooms`, 'holds', young('middle'), young('small')),
      row(`holds, ${most} rooms`, 'holds', young('large'), young('small')),
      row(`holds, ${past}`, 'holds', old('large'), old('small'), { bound: 'at least', must: 0.8, aim: 0.95 }),
      compare(
        { section: 'growth', what: 'the same, right after a checkpoint', unit: '/s' },
        [afterCheckpoint],
        { what: '1 000 rooms', samples: old('small').map(({ holds }) => holds) },
      ),
      row(`list from the database p50, ${many} rooms`, 'listMs', young('middle'), young('small')),
      row(`list from the database p50, ${most} rooms`, 'listMs', young('large'), young('small')),
      row(`list from the database p50, ${past}`, 'listMs', old('large'), old('small')),
    ];
  },
};
