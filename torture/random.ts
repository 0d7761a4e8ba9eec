/** Owns chance: everything that a run decides by chance comes from its seed. */

/** A stream of chance; the same seed gives the same stream. */
export type Random = Readonly<{
  /** At least 0, less than 1. */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number;
  /** True so often. */
  chance(probability: number): boolean;
  /** One of these; throws when there are none. */
  pick<T>(from: readonly T[]): T;
  /** That many different ones of these, or all of them, in any order. */
  sample<T>(from: readonly T[], count: number): T[];
  /** A stream of its own for a part of the run, so that parts do not depend on how often the others ask. */
  fork(name: string): Random;
}>;

/** FNV-1a: spreads a name over 32 bits. */
function hashed(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return hash >>> 0;
}

/** The stream of a seed (mulberry32: small, and good enough to choose faults by). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    integer,
    chance: (probability) => next() < probability,
    pick(from) {
      const chosen = from[integer(0, from.length - 1)];
      if (chosen === undefined) throw new Error('there is nothing to pick from');
      return chosen;
    },
    sample(from, count) {
      const left = [...from];
      return Array.from({ length: Math.min(count, left.length) }).flatMap(() =>
        left.splice(integer(0, left.length - 1), 1),
      );
    },
    fork: (name) => randomOf(hashed(`${seed}:${name}`)),
  };
}
