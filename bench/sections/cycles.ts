/** Owns the measurement of whole purchases: a hold and its end. */
import { compare, inTurn } from '../measure.ts';
import type { Section } from '../section.ts';

const connections = 64;

/** hold → confirm and hold → release. */
export const cycles: Section = {
  name: 'cycles',
  async run({ world, sale: open }) {
    const sale = await open();
    world.say('hold → confirm, hold → release');
    const cycle = (next: 'confirm' | 'release') => async () => {
      await sale.stock(Math.min(25_000 * world.scale.seconds, world.scale.roomsMax / 4));
      const load = await sale.load(connections, { kind: 'hold', fresh: sale.fresh(), next }, [200, 201]);
      return load.answersPerSecond / 2;
    };
    const plain = async () => {
      await sale.stock(Math.min(25_000 * world.scale.seconds, world.scale.roomsMax / 4));
      return (await sale.load(connections, { kind: 'hold', fresh: sale.fresh() }, [201])).answersPerSecond;
    };
    const samples = await inTurn(Math.min(world.scale.repeats, 2), {
      plain,
      confirm: cycle('confirm'),
      release: cycle('release'),
    });
    const against = { what: 'holds alone', samples: samples('plain') };
    const row = (end: string) => ({
      section: 'cycles',
      what: `hold → ${end}, ${connections} connections`,
      unit: '/s',
    });
    return [
      compare(row('confirm'), samples('confirm'), against),
      compare(row('release'), samples('release'), against),
    ];
  },
};
