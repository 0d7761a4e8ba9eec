/** Owns where keys lead in the grid of tiles. */
import { expect, test } from 'vitest';
import { indexAfterKey, indexesBetween, openTypeahead } from '../../src/console/board/grid-keys.ts';

/** Two groups of rows of four: 0–3, 4–6, then a head, 7–10, 11. */
const rows = [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9, 10], [11]];
const tops = [0, 100, 260, 360];
const grid = {
  count: 12,
  spotOf: (index: number) => {
    const row = rows.findIndex((indexes) => indexes.includes(index));
    return { top: tops[row] ?? 0, left: (rows[row]?.indexOf(index) ?? 0) * 120 };
  },
  pageHeight: 250,
};
const after = (key: string, index: number) => indexAfterKey(key, index, grid);

test('left and right go through all tiles and stop at the ends', () => {
  expect([after('ArrowRight', 3), after('ArrowLeft', 4)]).toEqual([4, 3]);
  expect([after('ArrowRight', 11), after('ArrowLeft', 0)]).toEqual([11, 0]);
});

test('up and down keep the column, over the heads of groups too', () => {
  expect([after('ArrowDown', 1), after('ArrowDown', 5), after('ArrowUp', 8), after('ArrowUp', 5)]).toEqual([
    5, 8, 5, 1,
  ]);
});

test('where a row is shorter its nearest tile is next', () => {
  expect([after('ArrowDown', 3), after('ArrowDown', 10)]).toEqual([6, 11]);
});

test('up from the first row and down from the last lead nowhere', () => {
  expect([after('ArrowUp', 2), after('ArrowDown', 11)]).toEqual([2, 11]);
});

test('pages lead a window on, and to the ends when less is left', () => {
  expect([after('PageDown', 1), after('PageUp', 11)]).toEqual([8, 4]);
  expect([after('PageDown', 8), after('PageUp', 5)]).toEqual([11, 0]);
  expect([after('Home', 8), after('End', 1), after('x', 1)]).toEqual([0, 11, undefined]);
});

test('a range has both its ends, whichever comes first', () => {
  expect(indexesBetween(5, 3)).toEqual([3, 4, 5]);
  expect(indexesBetween(3, 3)).toEqual([3]);
});

test('letters typed soon after one another are one word', () => {
  const type = openTypeahead();
  expect([type('2', 0), type('A', 500), type('3', 2000)]).toEqual(['2', '2a', '3']);
});
