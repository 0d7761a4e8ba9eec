/** Owns the console's estimate of the database's clock. */
import { expect, test } from 'vitest';
import { openServerClock, probeDelayMs, remainingText } from '../../src/console/live/clock.ts';

/** A database whose clock is 5,000,000 ms ahead of the steady one; an answer is made in the middle of `latencyMs`. */
const aheadMs = 5_000_000;

const clockAt = () => {
  const time = { steadyMs: 1000 };
  const clock = openServerClock(
    () => time.steadyMs,
    () => time.steadyMs + aheadMs + 90_000,
  );
  const exchange = (latencyMs: number) => {
    const sentAtMs = time.steadyMs;
    time.steadyMs += latencyMs;
    return { sentAtMs, receivedAtMs: time.steadyMs, databaseMs: sentAtMs + latencyMs / 2 + aheadMs };
  };
  return { time, clock, exchange, errorMs: () => clock.nowMs() - (time.steadyMs + aheadMs) };
};

test('before any answer it is this machine’s own time', () => {
  expect(clockAt().errorMs()).toBe(90_000);
});

test('an answer’s Date is good to a second until the database is heard, and it is never ahead', () => {
  const { clock, exchange, errorMs } = clockAt();
  const { databaseMs, ...between } = exchange(20);
  clock.sawDate(new Date(databaseMs).toUTCString(), between);
  expect(errorMs()).toBeLessThanOrEqual(0);
  expect(errorMs()).toBeGreaterThan(-1020);
});

test('an event corrects a machine that is behind, but not one whose bounds allow the event', () => {
  const { clock, time, errorMs } = clockAt();
  clock.sawDate(new Date(time.steadyMs + aheadMs - 60_000).toUTCString(), {
    sentAtMs: 1000,
    receivedAtMs: 1000,
  });
  clock.sawInstant(time.steadyMs + aheadMs - 30, time.steadyMs);
  expect(errorMs()).toBe(-30);
});

test('a hold’s seconds bound it to a second, and it is never ahead', () => {
  const { clock, exchange, errorMs } = clockAt();
  const { databaseMs, ...between } = exchange(40);
  clock.sawSecondsLeft(databaseMs + 9_400, 10, between);
  expect(errorMs()).toBe(-620);
  expect(clock.errorMs()).toBe(1040);
});

test('questions about a hold, each asked when it tells most, halve the error', () => {
  const { clock, time, exchange, errorMs } = clockAt();
  const expiresAtMs = 1000 + aheadMs + 600_123;
  for (let probe = 0; probe < 6; probe += 1) {
    const { databaseMs, ...between } = exchange(10);
    clock.sawSecondsLeft(expiresAtMs, Math.ceil((expiresAtMs - databaseMs) / 1000), between);
    time.steadyMs += probeDelayMs(expiresAtMs, clock.nowMs(), clock.errorMs());
  }
  expect(clock.errorMs()).toBeLessThan(150);
  expect(errorMs()).toBeLessThanOrEqual(0);
  expect(errorMs()).toBeGreaterThan(-150);
});

test('what contradicts all before is believed: a clock was set', () => {
  const { clock, exchange, errorMs } = clockAt();
  const first = exchange(10);
  clock.sawSecondsLeft(first.databaseMs + 3_600_000, 1, first);
  const second = exchange(10);
  clock.sawSecondsLeft(second.databaseMs + 1000, 1, second);
  expect(Math.abs(errorMs())).toBeLessThanOrEqual(10);
});

test('what is left reads as minutes and seconds, rounded up, and 0:00 is the end', () => {
  expect(remainingText(900_000, 0)).toBe('15:00');
  expect(remainingText(900_000, 1)).toBe('15:00');
  expect(remainingText(900_000, 899_001)).toBe('0:01');
  expect(remainingText(900_000, 900_000)).toBe('0:00');
  expect(remainingText(900_000, 1_000_000)).toBe('0:00');
  expect(remainingText(3_723_000, 0)).toBe('1:02:03');
  expect(remainingText(90_000_000, 0)).toBe('1 d 1 h');
});
