/** Owns the measurement of a race: many clients, few rooms. */
import { freshRoomId } from '../fresh-rooms.ts';
import { compare, inTurn } from '../measure.ts';
import type { Section } from '../section.ts';

const connections = 256;
const roomsCount = 10;

/** 256 clients want 10 rooms; whoever gets one gives it back at once, so that the race goes on. */
export const contended: Section = {
  name: 'contended',
  async run({ world, sale: open }) {
    const sale = await open();
    world.say(`${connections} clients race for ${roomsCount} rooms`);
    await sale.stock(world.scale.roomsMax / 10);
    // Others each time: who has won one when a race is cut off keeps it.
    const newRooms = (): number[] => {
      const fresh = sale.fresh();
      sale.use(roomsCount);
      return Array.from({ length: roomsCount }, (_, index) => freshRoomId(fresh, fresh.from + index));
    };
    const wins: number[] = [];
    const samples = await inTurn(world.scale.repeats, {
      race: async () => {
        const { answersPerSecond, statuses } = await sale.load(
          connections,
          { kind: 'contend', roomIds: newRooms() },
          [200, 201, 409],
        );
        const all = Object.values(statuses).reduce((sum, count) => sum + count, 0);
        wins.push((answersPerSecond * (statuses[201] ?? 0)) / all);
        return answersPerSecond;
      },
      plain: async () =>
        (await sale.load(connections, { kind: 'hold', fresh: sale.fresh() }, [201])).answersPerSecond,
    });
    return [
      compare(
        {
          section: 'contended',
          what: `answers, ${connections} clients race for ${roomsCount} rooms`,
          unit: '/s',
          target: { bound: 'at least', must: 1, aim: 1.5 },
        },
        samples('race'),
        { what: 'holds, uncontended', samples: samples('plain') },
      ),
      compare({ section: 'contended', what: 'of these, holds won', unit: '/s' }, wins),
    ];
  },
};
