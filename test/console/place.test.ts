/** Owns the console's places in the address. */
import { expect, test } from 'vitest';
import { codeIn, hashOf, placeOf } from '../../src/console/layout/place.ts';

test('a place is written into the address and read again as it was', () => {
  const filters = { status: 'HELD,FROZEN', room_no: '1&2 #' };
  expect(placeOf(hashOf('holds', filters))).toEqual({ view: 'holds', filters });
  expect(hashOf('board', { status: '', type: undefined })).toBe('#/board');
});

test('an address that names no place is the board', () => {
  for (const hash of ['', '#', '#/', '#/elsewhere']) expect(placeOf(hash).view).toBe('board');
});

test('a sign-in link’s code is found, and a place has none', () => {
  expect(codeIn('#code=aB-3_x')).toBe('aB-3_x');
  expect(codeIn('#/board?status=HELD')).toBeUndefined();
  expect(codeIn('')).toBeUndefined();
});
