/** Owns the measurement of what clients that are slow on purpose cost the others, and how soon they are cut. */
import { startDripping } from '../drips.ts';
import { compare, inTurn, percentile } from '../measure.ts';
import { mustAnswer } from '../sale.ts';
import type { Section } from '../section.ts';

const slowCount = 500;
/** Long enough for each slow client to be cut twice. */
const dripSeconds = 30;
/** Holds a second, on a schedule: a good evening, not the peak. */
const placedPerSecond = 300;
const connections = 64;

/** 500 connections drip a byte a second while others place holds; each that is cut comes again. */
export const slowClients: Section = {
  name: 'slow-clients',
  async run({ world, sale: open }) {
    const sale = await open();
    const { loader, token, scale } = world;
    const seconds = scale.repeats === 1 ? dripSeconds / 2 : dripSeconds;
    await sale.stock(scale.roomsMax / 10);
    const keptMs: number[] = [];
    const place = async (): Promise<number> => {
      const outcome = await loader.run({
        kind: 'schedule',
        origin: sale.server.origin,
        token,
        connections,
        perSecond: placedPerSecond,
        warmSeconds: scale.warmSeconds,
        seconds,
        script: { kind: 'hold', fresh: sale.fresh() },
      });
      sale.use(outcome.freshUsed);
      mustAnswer(outcome, [201]);
      const latenciesMs = outcome.samples.map((sample) => sample.latenciesMs[0] ?? 0);
      return percentile(latenciesMs, 0.99) ?? Number.NaN;
    };
    world.say(`${placedPerSecond} holds a second, without and with ${slowCount} slow clients`);
    const samples = await inTurn(Math.min(2, scale.repeats), {
      quiet: place,
      dripping: async () => {
        const dripping = startDripping(sale.server.origin, token, slowCount);
        try {
          return await place();
        } finally {
          keptMs.push(...dripping.keptMs);
          dripping.stop();
        }
      },
    });
    const head = { section: 'slow-clients', unit: 'ms' };
    const what = `hold at ${placedPerSecond}/s, ${slowCount} slow clients, p99`;
    const cut = `slow clients, kept at the longest (${keptMs.length} cut)`;
    return [
      compare({ ...head, what, target: { bound: 'at most', must: 2, aim: 1.2 } }, samples('dripping'), {
        what: 'none',
        samples: samples('quiet'),
      }),
      compare({ ...head, what: cut, target: { bound: 'at most', must: 12_000, aim: 11_000 } }, [
        Math.max(...keptMs),
      ]),
    ];
  },
};
