/** Owns the faults of the networks between clients, servers, Postgres and Redis, and those of clients. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Link, Weather } from '../world/proxy.ts';
import type { World } from '../world/world.ts';
import type { Fault } from './fault.ts';

type Side = 'client' | 'postgres' | 'redis';

function linksOf(world: World, side: Side): readonly Link[] {
  return { client: world.clientLinks, postgres: world.postgresLinks, redis: world.redisLinks }[side];
}

/** Bad weather on one or all of the links of a side; `act` does more to each link as long as it lasts. */
function badWeather(
  name: string,
  side: Side,
  weather: Partial<Weather>,
  lastsMs: Fault['lastsMs'],
  act?: { everyMs: number; on: (link: Link) => void },
): Fault {
  return {
    name: `${side} link ${name}`,
    layer: 'network',
    lastsMs,
    async inject({ world, random }) {
      const all = linksOf(world, side);
      const links = random.chance(0.5) ? [random.pick(all)] : all;
      let isOver = false;
      const run = async () => {
        while (!isOver && act !== undefined) {
          for (const link of links) act.on(link);
          await delay(act.everyMs);
        }
      };
      for (const link of links) Object.assign(link.weather, weather);
      const running = run();
      // A client that hears nothing would wait for as long as it likes: that is not the server's doing.
      const isResetting = side === 'client' || random.chance(0.5);
      const heal = async () => {
        isOver = true;
        await running;
        for (const link of links) link.clear(isResetting);
      };
      return { detail: links.length === 1 ? (links[0]?.name ?? '') : 'every one', heal };
    },
  };
}

const sides: readonly Side[] = ['client', 'postgres', 'redis'];

const usualMs = [800, 3_500] as const;

/** Every way of a network to be bad, on each side. */
const weathers: readonly Fault[] = sides.flatMap((side) => [
  badWeather('slow', side, { latencyMs: side === 'redis' ? 40 : 60, jitterMs: 80 }, usualMs),
  badWeather('narrow', side, { bytesPerSecond: 40_000 }, usualMs),
  badWeather('lossy', side, { cutAfterBytes: 12_000 }, usualMs, {
    everyMs: 120,
    on: (link) => link.resetAll(0.2),
  }),
  badWeather('half open', side, {}, usualMs, { everyMs: 700, on: (link) => link.halfOpenAll() }),
  badWeather('black hole', side, { isBlackhole: true }, usualMs),
  badWeather('refusing', side, { isRefusing: true }, usualMs, {
    everyMs: 100,
    on: (link) => link.resetAll(0.3),
  }),
]);

/** Longer than any wait of a server: what was sent into it arrives when nobody waits for it any more. */
const longBlackHoles: readonly Fault[] = [
  badWeather('black hole for long', 'postgres', { isBlackhole: true }, [16_000, 20_000]),
];

/** Postgres commits, and nobody hears of it. */
export const commitAnswerDropped: Fault = {
  name: 'commit answer dropped',
  layer: 'network',
  lastsMs: [800, 2_500],
  async inject({ world }) {
    const before = world.postgresLinks.map((link) => link.commitsDroppedCount());
    for (const link of world.postgresLinks) link.weather.commitDropChance = 0.3;
    const heal = async () => {
      for (const link of world.postgresLinks) link.weather.commitDropChance = 0;
    };
    return { detail: `every server's, ${before.reduce((sum, count) => sum + count, 0)} before`, heal };
  },
};

const clientsLeave: Fault = {
  name: 'clients leave',
  layer: 'clients',
  lastsMs: [1_000, 2_500],
  async inject({ crowd }) {
    crowd.behaviour.leaveChance = 0.4;
    const heal = async () => {
      crowd.behaviour.leaveChance = 0;
    };
    return { detail: 'two of five calls', heal };
  },
};

const storm: Fault = {
  name: 'client storm',
  layer: 'clients',
  lastsMs: [0, 0],
  async inject({ crowd }) {
    const storming = crowd.storm(24 * 9, 1_500);
    return { detail: 'ten times the clients', heal: () => storming };
  },
};

/** No fault of anybody's, but what brings faults of Redis to light: this server makes no change that it would know of. */
const reader: Fault = {
  name: 'one server only reads',
  layer: 'clients',
  lastsMs: [2_500, 4_500],
  async inject({ world, crowd, random }) {
    const { index } = random.pick(world.servers);
    crowd.behaviour.readerIndex = index;
    const heal = async () => {
      crowd.behaviour.readerIndex = undefined;
    };
    return { detail: `server ${index}`, heal };
  },
};

/** Every fault of the networks and of the clients. */
export const networkFaults: readonly Fault[] = [...weathers, ...longBlackHoles, commitAnswerDropped];
export const clientFaults: readonly Fault[] = [clientsLeave, storm, reader];
