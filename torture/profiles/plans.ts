/** Owns what a nemesis may do, by the name of the profile. */

import type { Fault } from '../faults/fault.ts';
import { clientFaults, networkFaults } from '../faults/network.ts';
import { postgresFaults } from '../faults/postgres.ts';
import { redisFaults } from '../faults/redis.ts';
import { serverFaults } from '../faults/servers.ts';
import type { NemesisPlan } from '../nemesis.ts';

const allFaults = [...serverFaults, ...postgresFaults, ...redisFaults, ...networkFaults, ...clientFaults];

/** The faults of these names; throws when there is none of a name. */
export function faultsNamed(...names: readonly string[]): Fault[] {
  return names.map((name) => {
    const fault = allFaults.find((one) => one.name === name);
    if (fault === undefined) throw new Error(`there is no fault "${name}"`);
    return fault;
  });
}

/** Eight kinds, one of each layer at least, that are over soon: for every change of the sources. */
const shortFaults = faultsNamed(
  'server killed',
  'rolling restart',
  'postgres killed',
  'backends terminated',
  'redis wiped',
  'postgres link lossy',
  'commit answer dropped',
  'clients leave',
);

/** A nemesis with these faults. */
export const plan = (faults: readonly Fault[], pairChance = 0.5): NemesisPlan => ({
  faults,
  pairChance,
  pauseMs: [300, 900],
});

/** Every plan. */
export const plans: Readonly<Record<string, NemesisPlan>> = {
  all: plan(allFaults),
  ci: plan(shortFaults),
  servers: plan(serverFaults, 0),
  postgres: plan(postgresFaults, 0),
  redis: plan(redisFaults, 0),
  network: plan(networkFaults, 0),
  clients: plan(clientFaults, 0),
};
