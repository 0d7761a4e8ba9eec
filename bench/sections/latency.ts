/** Owns the measurement of how long one hold takes: alone, and when the server is half as busy as it can be. */
import { compare, inTurn, median, percentile, type Row } from '../measure.ts';
import { findPgbench, runPgbench } from '../pgbench.ts';
import { mustAnswer, type Sale } from '../sale.ts';
import type { Section, Stage } from '../section.ts';

/** Connections of the open model: more than are ever busy, so that no request waits for one. */
const scheduledConnections = 128;
const peakConnections = 64;
/** Holds of one measurement at 1 connection. */
const aloneCount = 1_500;

type Latency = { p50Ms: number; p99Ms: number };

const latencyOf = (latenciesMs: readonly number[]): Latency => ({
  p50Ms: median(latenciesMs) ?? Number.NaN,
  p99Ms: percentile(latenciesMs, 0.99) ?? Number.NaN,
});

async function alone(stage: Stage, sale: Sale): Promise<Latency> {
  const { loader, token } = stage.world;
  const outcome = await loader.run({
    kind: 'count',
    origin: sale.server.origin,
    token,
    connections: 1,
    count: aloneCount,
    script: { kind: 'hold', fresh: sale.fresh() },
  });
  sale.use(outcome.freshUsed);
  mustAnswer(outcome, [201]);
  return latencyOf(outcome.samples.map(({ latenciesMs }) => latenciesMs[0] ?? 0));
}

async function scheduled(stage: Stage, sale: Sale, perSecond: number): Promise<Latency> {
  const { loader, token, scale } = stage.world;
  const outcome = await loader.run({
    kind: 'schedule',
    origin: sale.server.origin,
    token,
    connections: scheduledConnections,
    perSecond,
    warmSeconds: scale.warmSeconds,
    seconds: 2 * scale.seconds,
    script: { kind: 'hold', fresh: sale.fresh() },
  });
  sale.use(outcome.freshUsed);
  mustAnswer(outcome, [201]);
  return latencyOf(outcome.samples.map(({ latenciesMs }) => latenciesMs[0] ?? 0));
}

/** Latency at 1 connection, and at half the rate that 64 connections reach, on a schedule. */
export const latency: Section = {
  name: 'latency',
  async run(stage) {
    const { world } = stage;
    const sale = await stage.sale();
    await sale.stock(world.scale.roomsMax / 10);
    world.say('latency of a hold');
    const program = findPgbench();
    const sides: Partial<Record<'alone' | 'pgbench', () => Promise<Latency>>> = {
      alone: () => alone(stage, sale),
      ...(program === undefined
        ? {}
        : {
            pgbench: async (): Promise<Latency> => {
              const { databaseUrl } = sale.server;
              const outcome = await runPgbench(world, program, {
                databaseUrl,
                clients: 1,
                fresh: sale.fresh(),
              });
              sale.use(outcome.freshUsed);
              return { p50Ms: outcome.p50Ms ?? Number.NaN, p99Ms: outcome.p99Ms ?? Number.NaN };
            },
          }),
    };
    const samples = await inTurn(world.scale.repeats, sides);
    const peak = await sale.load(peakConnections, { kind: 'hold', fresh: sale.fresh() }, [201]);
    const halfPeak = Math.round(peak.answersPerSecond / 2);
    world.say(`latency at ${halfPeak} holds a second`);
    const half = await inTurn(world.scale.repeats, { half: () => scheduled(stage, sale, halfPeak) });

    const row = (what: string, at: keyof Latency, taken: readonly Latency[], target?: Row['target']): Row => {
      const others = samples('pgbench').map((sample) => sample[at]);
      const against = others.length > 0 ? { what: 'pgbench, 1 client', samples: others } : undefined;
      const head = { section: 'latency', what, unit: 'ms', ...(target && { target }) };
      return compare(
        head,
        taken.map((sample) => sample[at]),
        against,
      );
    };
    return [
      row('hold, 1 connection, p50', 'p50Ms', samples('alone'), { bound: 'at most', must: 3, aim: 2 }),
      row('hold, 1 connection, p99', 'p99Ms', samples('alone')),
      row(`hold, at ${halfPeak}/s (half the peak), p50`, 'p50Ms', half('half')),
      row(`hold, at ${halfPeak}/s (half the peak), p99`, 'p99Ms', half('half')),
    ];
  },
};
