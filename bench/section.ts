/** Owns what a section is: something to measure, by a name that the command line knows. */

import type { FreshRooms } from './fresh-rooms.ts';
import type { Row } from './measure.ts';
import type { Sale } from './sale.ts';
import type { World } from './world.ts';

/** What the sections of one run share; what is expensive is made when the first asks for it. */
export type Stage = Readonly<{
  world: World;
  sale(): Promise<Sale>;
  /** A large property with rooms of every status; no server runs on it but what a section starts and stops. */
  large(): Promise<Property>;
  /** True when the run is of this section alone: then it may say more. */
  isAlone: boolean;
}>;

/** A database of rooms, which are used up as the run goes on. */
export type Property = { readonly databaseUrl: string; fresh: FreshRooms };

/** Measures one thing; the rows say what came of it. */
export type Section = Readonly<{ name: string; run(stage: Stage): Promise<readonly Row[]> }>;
