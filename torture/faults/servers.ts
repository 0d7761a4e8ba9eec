/** Owns the faults of server processes. */
import type { Server } from '../world/servers.ts';
import type { Fault } from './fault.ts';

const hourMs = 3_600_000;

const kill: Fault = {
  name: 'server killed',
  layer: 'servers',
  lastsMs: [200, 1_500],
  async inject({ world, random }) {
    const server = random.pick(world.servers);
    await server.kill();
    return { detail: `server ${server.index}`, heal: () => server.start() };
  },
};

const freeze: Fault = {
  name: 'server frozen',
  layer: 'servers',
  lastsMs: [800, 4_000],
  async inject({ world, random }) {
    const server = random.pick(world.servers);
    server.freeze();
    return { detail: `server ${server.index}`, heal: async () => server.thaw() };
  },
};

const killAll: Fault = {
  name: 'all servers killed',
  layer: 'servers',
  lastsMs: [100, 500],
  async inject({ world }) {
    await Promise.all(world.servers.map((server) => server.kill()));
    const heal = async () => void (await Promise.all(world.servers.map((server) => server.start())));
    return { detail: 'every server', heal };
  },
};

/** Stops and starts each server, one after the other, as an upgrade does. */
export async function restartInTurn(servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    await server.stop();
    await server.start();
  }
}

const rollingRestart: Fault = {
  name: 'rolling restart',
  layer: 'servers',
  lastsMs: [0, 200],
  async inject({ world }) {
    const isRolled = restartInTurn(world.servers);
    return { detail: 'every server in turn', heal: () => isRolled };
  },
};

const clockOff: Fault = {
  name: 'clock an hour off',
  layer: 'servers',
  lastsMs: [2_500, 5_000],
  async inject({ world, random }) {
    const server = random.pick(world.servers);
    const clockOffMs = random.pick([-hourMs, hourMs]);
    await server.stop();
    await server.start({ clockOffMs });
    const heal = async () => {
      await server.stop();
      await server.start();
    };
    return { detail: `server ${server.index}, ${clockOffMs > 0 ? 'ahead' : 'behind'}`, heal };
  },
};

/** Every fault of the servers. */
export const serverFaults: readonly Fault[] = [kill, freeze, killAll, rollingRestart, clockOff];
