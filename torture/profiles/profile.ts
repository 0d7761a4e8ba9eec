/** Owns what a profile is: what is done to the servers in a run, and how its clients behave. */
import type { Behaviour } from '../clients/crowd.ts';
import type { Ordeal } from '../run.ts';

/** A way to torture. */
export type Profile = Readonly<{
  /** Where it differs from what is usual. */
  behaviour?: Partial<Behaviour>;
  postgresSettings?: Readonly<Record<string, string>>;
  /** What is done; it takes about so long, or as long as its own counts ask for. */
  ordeal: (seconds: number) => Ordeal;
}>;
