/** Owns the measurement of a storm: ten times as many clients as the server needs for its peak. */
import type { Outcome } from '../load.ts';
import { compare, inTurn, median } from '../measure.ts';
import { memoryOf } from '../parts.ts';
import { mustAnswer, type Sale } from '../sale.ts';
import type { Section, Stage } from '../section.ts';

const peakConnections = 256;
const stormConnections = 10 * peakConnections;
/** Holds of one measurement at 1 connection: over in a second. */
const aloneCount = 300;

/** Holds placed a second; a refusal is no goodput. */
function goodput({ answersPerSecond, statuses }: Outcome): number {
  const all = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  return (answersPerSecond * (statuses[201] ?? 0)) / all;
}

async function aloneMs({ world }: Stage, sale: Sale): Promise<number> {
  const outcome = await world.loader.run({
    kind: 'count',
    origin: sale.server.origin,
    token: world.token,
    connections: 1,
    count: aloneCount,
    script: { kind: 'hold', fresh: sale.fresh() },
  });
  sale.use(outcome.freshUsed);
  mustAnswer(outcome, [201]);
  return median(outcome.samples.map(({ latenciesMs }) => latenciesMs[0] ?? 0)) ?? Number.NaN;
}

/** Thousands of clients take some seconds to connect and to be answered for the first time: these do not count. */
const gatherSeconds = 4;

async function load({ world }: Stage, sale: Sale): Promise<Outcome> {
  const outcome = await world.loader.run({
    kind: 'autocannon',
    origin: sale.server.origin,
    token: world.token,
    connections: stormConnections,
    script: { kind: 'hold', fresh: sale.fresh() },
    warmSeconds: gatherSeconds,
    seconds: 2 * world.scale.seconds,
  });
  sale.use(outcome.freshUsed);
  mustAnswer(outcome, [201, 429, 503]);
  return outcome;
}

/** 256 clients, then 2,560, who ask again at once when they are refused; then one, as if nothing had been. */
export const storm: Section = {
  name: 'storm',
  async run(stage) {
    const { world } = stage;
    const sale = await stage.sale();
    world.say(`a storm of ${stormConnections} clients`);
    const refusals: number[] = [];
    const memoryMb: number[] = [];
    const samples = await inTurn(world.scale.repeats, {
      before: () => aloneMs(stage, sale),
      peak: async () => {
        await sale.stock(world.scale.roomsMax / 4);
        return goodput(await sale.load(peakConnections, { kind: 'hold', fresh: sale.fresh() }, [201]));
      },
      storm: async () => {
        await sale.stock(world.scale.roomsMax / 4);
        const outcome = await load(stage, sale);
        memoryMb.push(await memoryOf(sale.server.pid));
        refusals.push(outcome.answersPerSecond - goodput(outcome));
        return goodput(outcome);
      },
      after: () => aloneMs(stage, sale),
    });
    const section = 'storm';
    return [
      compare(
        {
          section,
          what: `holds/s, ${stormConnections} clients`,
          unit: '/s',
          target: { bound: 'at least', must: 0.7, aim: 0.9 },
        },
        samples('storm'),
        { what: `${peakConnections} clients`, samples: samples('peak') },
      ),
      compare({ section, what: 'refused meanwhile (429, 503)', unit: '/s' }, refusals),
      compare(
        {
          section,
          what: 'hold, 1 connection, p50, right after',
          unit: 'ms',
          target: { bound: 'at most', must: 2, aim: 1.2 },
        },
        samples('after'),
        { what: 'before', samples: samples('before') },
      ),
      compare({ section, what: 'memory right after', unit: 'MB' }, memoryMb),
    ];
  },
};
