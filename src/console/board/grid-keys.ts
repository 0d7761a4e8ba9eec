/** Owns where a key leads in a grid whose rows are as wide as the window lets them be. */

/** Where a tile stands, in px from any one corner. */
export type Spot = { top: number; left: number };

type Grid = {
  count: number;
  /** Asked for a few tiles around the present one only: a thousand would be felt. */
  spotOf: (index: number) => Spot;
  /** How far Page Up and Page Down lead, in px. */
  pageHeight: number;
};

/** The tile nearest above or below in the next row that is at least `distance` px away; the present one if there is none. */
function acrossRows(index: number, step: 1 | -1, distance: number, { count, spotOf }: Grid): number {
  const from = spotOf(index);
  const isFar = (spot: Spot): boolean => step * (spot.top - from.top) >= Math.max(distance, 1);
  const isOf = (at: number): boolean => at >= 0 && at < count;
  let at = index + step;
  while (isOf(at) && !isFar(spotOf(at))) at += step;
  // Less than a page is left: its end is as far as one can go.
  if (!isOf(at)) return distance <= 1 ? index : step > 0 ? count - 1 : 0;
  const { top } = spotOf(at);
  let nearest = at;
  for (; isOf(at) && spotOf(at).top === top; at += step) {
    const isNearer = Math.abs(spotOf(at).left - from.left) < Math.abs(spotOf(nearest).left - from.left);
    if (isNearer) nearest = at;
  }
  return nearest;
}

/** The index that a key leads to from `index`, or undefined for a key that leads nowhere. */
export function indexAfterKey(key: string, index: number, grid: Grid): number | undefined {
  const last = grid.count - 1;
  switch (key) {
    case 'ArrowRight':
      return Math.min(last, index + 1);
    case 'ArrowLeft':
      return Math.max(0, index - 1);
    case 'ArrowDown':
      return acrossRows(index, 1, 1, grid);
    case 'ArrowUp':
      return acrossRows(index, -1, 1, grid);
    case 'PageDown':
      return acrossRows(index, 1, grid.pageHeight, grid);
    case 'PageUp':
      return acrossRows(index, -1, grid.pageHeight, grid);
    case 'Home':
      return 0;
    case 'End':
      return last;
    default:
      return undefined;
  }
}

/** The indexes from one to the other, both included, whichever comes first. */
export function indexesBetween(one: number, other: number): number[] {
  const first = Math.min(one, other);
  return Array.from({ length: Math.abs(one - other) + 1 }, (_, at) => first + at);
}

/** Letters typed within this time are one word. */
const wordMsMax = 800;

/** Collects typed letters into the beginning of a room's number. */
export function openTypeahead() {
  let word = '';
  let atMs = Number.NEGATIVE_INFINITY;
  return (letter: string, nowMs: number): string => {
    word = nowMs - atMs > wordMsMax ? letter : word + letter;
    atMs = nowMs;
    return word.toLowerCase();
  };
}
