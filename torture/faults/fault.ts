/** Owns what a fault is: something that is done to the world and undone again. */
import type { Crowd } from '../clients/crowd.ts';
import type { Random } from '../random.ts';
import type { World } from '../world/world.ts';

/** What a fault may act on. */
export type Scene = Readonly<{ world: World; crowd: Crowd; random: Random }>;

/** Undoes a fault. It resolves when what was taken away is there again (not when all is well again). */
export type Heal = () => Promise<void>;

/** A kind of fault. */
export type Fault = Readonly<{
  name: string;
  /** Two faults at a time are of different layers, so that neither undoes the other. */
  layer: 'servers' | 'postgres' | 'redis' | 'network' | 'clients';
  /** How long it lasts, in milliseconds. */
  lastsMs: readonly [min: number, max: number];
  /** Does it; `detail` says to what. */
  inject(scene: Scene): Promise<Readonly<{ detail: string; heal: Heal }>>;
}>;
