/** Owns which room a hold takes: always one that no hold has taken before, scattered over the whole property. */

/**
 * Rooms of a property that are free: of every 100 rooms in the order of their ids the first `freePercent`. The i-th
 * fresh room is a permutation of them, so that neighbours in time are no neighbours in the table.
 */
export type FreshRooms = Readonly<{ rooms: number; freePercent: number; from: number }>;

/** A prime that divides no number of rooms that a bench makes, and scatters well. */
const stride = 7_368_787;

/** How many fresh rooms there are in all, those before `from` included. */
export function freshCount({ rooms, freePercent }: FreshRooms): number {
  return Math.floor((rooms * freePercent) / 100);
}

/** The id of the i-th fresh room. Throws when there is none left. */
export function freshRoomId(fresh: FreshRooms, index: number): number {
  const count = freshCount(fresh);
  if (index >= count) throw new Error('no fresh room is left: the property is too small for this load');
  const place = (index * stride) % count;
  return Math.floor(place / fresh.freePercent) * 100 + (place % fresh.freePercent) + 1;
}

/** The same as an expression of SQL over the expression `index`, a bigint. */
export function freshRoomIdSql(fresh: FreshRooms, index: string): string {
  const place = `((${index}) * ${stride} % ${freshCount(fresh)})`;
  return `(${place} / ${fresh.freePercent} * 100 + ${place} % ${fresh.freePercent} + 1)`;
}
