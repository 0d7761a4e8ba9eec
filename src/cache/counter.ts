/** Owns what is counted of the cache: who found what he looked for, and where. */

/**
 * Counts a look into the cache: `hit`; `joined` a read that was under way; or `miss`. A miss in the process is followed by
 * a look into Redis if there is one, a miss there by a read of the database. Never throws.
 */
export type CacheCounter = (
  cache: 'list' | 'hold',
  level: 'process' | 'redis',
  result: 'hit' | 'joined' | 'miss',
) => void;
