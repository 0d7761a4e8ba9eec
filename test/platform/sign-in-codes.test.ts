import { expect, test } from 'vitest';
import { openSignInCodes } from '../../src/sign-in-codes.ts';

test('a code is good once', () => {
  const codes = openSignInCodes();
  const code = codes.issue();
  expect(code).toMatch(/^[\w-]{43}$/);
  expect([codes.redeem(code), codes.redeem(code)]).toEqual([true, false]);
});

test('no code is good before one is issued, and a new one makes the old one void', () => {
  const codes = openSignInCodes();
  expect(codes.redeem('')).toBe(false);
  const [old, recent] = [codes.issue(), codes.issue()];
  expect(old).not.toBe(recent);
  expect([codes.redeem(old), codes.redeem(recent)]).toEqual([false, true]);
});

test('a code is good for less than 10 minutes', () => {
  let nowMs = 1000;
  const codes = openSignInCodes(() => nowMs);
  const early = codes.issue();
  nowMs += 10 * 60_000 - 1;
  expect(codes.redeem(early)).toBe(true);
  const late = codes.issue();
  nowMs += 10 * 60_000;
  expect(codes.redeem(late)).toBe(false);
  nowMs = 1000;
  expect(codes.redeem(late)).toBe(false);
});

test('19 wrong tries leave a code good, 20 do not', () => {
  for (const [tries, isGood] of [
    [19, true],
    [20, false],
  ] as const) {
    const codes = openSignInCodes();
    const code = codes.issue();
    for (let count = 0; count < tries; count += 1) expect(codes.redeem(`wrong ${count}`)).toBe(false);
    expect(codes.redeem(code)).toBe(isGood);
  }
});
