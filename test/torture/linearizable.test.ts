/** Owns what the search for an order finds: histories of a register by hand, and islands with holds that end. */
import { describe, expect, test } from 'vitest';
import type { Ask, Call } from '../../torture/history.ts';
import { linearizable } from '../../torture/judges/linearizable.ts';
import { type Event, findContradiction, type Machine } from '../../torture/judges/linearize.ts';
import {
  auditRow,
  call,
  holdRow,
  holdSeen,
  instant,
  placing,
  roomSeen,
  runOf,
  sample,
  startMs,
} from './runs.ts';

type Access = { write: number } | { read: number };

const register: Machine<number, Access> = {
  stepped: (state, step) => ('write' in step ? step.write : step.read === state ? state : undefined),
  keyOf: String,
};

const event = (fromMs: number, toMs: number, step: Access, isOptional = false): Event<Access> => ({
  fromMs,
  toMs,
  isOptional,
  step,
  text: JSON.stringify(step),
});

describe('a register', () => {
  test('a read sees the last write before it, or one that overlaps it', () => {
    const writes = [event(0, 10, { write: 1 }), event(20, 60, { write: 2 })];
    for (const seen of [1, 2]) {
      expect(findContradiction(0, [...writes, event(30, 50, { read: seen })], register)).toBeUndefined();
    }
    expect(findContradiction(0, [...writes, event(30, 50, { read: 0 })], register)).toContain('"read":0');
    expect(findContradiction(0, [...writes, event(70, 80, { read: 1 })], register)).toContain('"read":1');
  });

  test('two reads one after the other cannot see a write and then not see it', () => {
    const write = event(0, 100, { write: 1 });
    const [first, second] = [event(10, 20, { read: 1 }), event(30, 40, { read: 0 })];
    expect(findContradiction(0, [write, first, second], register)).toContain('"read":0');
    expect(findContradiction(0, [write, { ...second, fromMs: 15 }, first], register)).toBeUndefined();
  });

  test('more writes at once than all orders of can be tried: the order of their ranks is', () => {
    const many = Array.from({ length: 12 }, (_, n) => ({ ...event(0, 100, { write: n + 1 }), rank: n + 1 }));
    const reads = many.map((_, n) => event(n + 1, n + 1.5, { read: n + 1 }));
    const shuffled = [...many].sort((a, b) => ((a.rank * 7) % 12) - ((b.rank * 7) % 12));
    expect(findContradiction(0, [...shuffled, ...reads], register)).toBeUndefined();
    // What fits in nowhere is not taken for what was not found.
    const stray = event(120, 121, { read: 99 });
    expect(findContradiction(0, [...shuffled, ...reads, stray], register)).toContain('99');
  });

  test('an optional write may have happened or not, but not both', () => {
    const write = event(0, 100, { write: 1 }, true);
    expect(findContradiction(0, [write, event(110, 120, { read: 0 })], register)).toBeUndefined();
    expect(findContradiction(0, [write, event(110, 120, { read: 1 })], register)).toBeUndefined();
    const both = [event(110, 120, { read: 1 }), event(130, 140, { read: 0 })];
    expect(findContradiction(0, [write, ...both], register)).toContain('"read":0');
  });

  test('orders of writes that overlap are all tried', () => {
    const writes = [1, 2, 3, 4].map((write) => event(0, 100, { write }));
    const reads = [3, 1, 4, 2].map((read, n) => event(10 + 20 * n, 20 + 20 * n, { read }));
    expect(findContradiction(0, [...writes, ...reads], register)).toBeUndefined();
    const again = event(92, 94, { read: 3 });
    expect(findContradiction(0, [...writes, ...reads, again], register)).toContain('"read":3');
  });
});

describe('an island', () => {
  const place = (end: Partial<Call['end']> = {}): Call =>
    call(placing, 90, 110, { hold: holdSeen(), ...end });
  const read = (fromMs: number, more: Parameters<typeof roomSeen>[0]): Call =>
    call({ verb: 'read-room', roomId: 1 }, fromMs, fromMs + 5, { room: roomSeen(more) });
  const held = { status: 'HELD', holdId: 'h1', fence: 1 };
  const refusal = (ask: Ask, fromMs: number, code: string): Call =>
    call(ask, fromMs, fromMs + 5, { type: 'fail', status: 409, code });
  const hold = (more: Parameters<typeof holdRow>[0]) => ({ holds: [holdRow(more)] });

  test('a hold from its placing to its release', () => {
    const released = call({ verb: 'release', holdId: 'h1' }, 490, 510, {
      hold: holdSeen({ status: 'RELEASED' }),
    });
    const calls = [
      place(),
      read(200, held),
      refusal({ ...placing, tag: 't2' }, 300, 'room-unavailable'),
      released,
    ];
    expect(linearizable.judge(runOf([...calls, read(600, { fence: 1 })], hold({})))).toEqual([]);
    expect(linearizable.judge(runOf([...calls, read(600, held)], hold({})))).toHaveLength(1);
  });

  test('a refusal needs something in the way', () => {
    expect(linearizable.judge(runOf([refusal(placing, 300, 'room-unavailable')]))).toHaveLength(1);
    const byType: Ask = { verb: 'place-type', typeId: 1, quantity: 2, ttlSeconds: 0, tag: 't2' };
    const taken = [read(80, {}), place(), refusal(byType, 300, 'not-enough-rooms')];
    expect(linearizable.judge(runOf(taken, hold({ endedMs: startMs + 400 })))).toEqual([]);
    expect(linearizable.judge(runOf([read(80, {}), refusal(byType, 300, 'not-enough-rooms')]))).toHaveLength(
      1,
    );
  });

  test('a hold ends by itself at its end: neither before nor after it', () => {
    const expired = hold({ status: 'EXPIRED', endedMs: startMs + 2_100 });
    const after = read(2_300, { fence: 1 });
    expect(linearizable.judge(runOf([place(), read(1_900, held), after], expired))).toEqual([]);
    expect(linearizable.judge(runOf([place(), read(1_900, { fence: 1 })], expired))).toHaveLength(1);
    expect(linearizable.judge(runOf([place(), read(2_300, held)], expired))).toHaveLength(1);
  });

  test('a confirmation of what is over wants to be asked for, and rooms that are free', () => {
    const row = hold({ status: 'CONFIRMED', isReacquired: true, endedMs: startMs + 2_500 });
    const shown = holdSeen({
      status: 'CONFIRMED',
      isReacquired: true,
      rooms: [
        [1, 2],
        [2, 2],
      ],
    });
    const confirm = (isReacquiring: boolean) =>
      call({ verb: 'confirm', holdId: 'h1', tag: 'b', isReacquiring }, 2_490, 2_510, { hold: shown });
    expect(linearizable.judge(runOf([place(), confirm(true)], row))).toEqual([]);
    expect(linearizable.judge(runOf([place(), confirm(false)], row))).toHaveLength(1);
    const frozen = call(
      { verb: 'freeze', roomId: 2, tag: 'f', isSuperseding: false, seconds: null },
      2_300,
      2_310,
    );
    expect(linearizable.judge(runOf([place(), frozen, confirm(true)], row))).toHaveLength(1);
  });

  test('a superseding freeze ends the whole hold', () => {
    const freeze = call(
      { verb: 'freeze', roomId: 2, tag: 'f', isSuperseding: true, seconds: null },
      490,
      510,
    );
    const revoked = hold({ status: 'REVOKED' });
    expect(linearizable.judge(runOf([place(), freeze, read(600, { fence: 1 })], revoked))).toEqual([]);
    expect(linearizable.judge(runOf([place(), freeze, read(600, held)], revoked))).toHaveLength(1);
  });

  test('a call without an answer counts as done when it left rows, from then on that they were seen', () => {
    const silent = call(placing, 90, 3_090, { type: 'info', status: 0 });
    const { requestId: _, ...end } = silent.end;
    const unknown = { ...silent, end };
    const audit = ['1', '2'].map((entityId, n) =>
      auditRow(n + 1, 'HOLD', {
        entityId,
        holdId: 'h1',
        requestId: 'unanswered',
        after: { fence: 1, reference: 't1', hold_expires_at: instant(2_100) },
      }),
    );
    const final = { ...hold({ status: 'EXPIRED', endedMs: startMs + 2_100 }), audit };
    const samples = [sample(300, { auditIds: [1, 2] })];
    expect(linearizable.judge(runOf([unknown, read(400, held)], final, samples))).toEqual([]);
    expect(linearizable.judge(runOf([unknown, read(400, {})], final, samples))).toHaveLength(1);
    expect(linearizable.judge(runOf([unknown, read(200, {})], final, samples))).toEqual([]);
    expect(linearizable.judge(runOf([unknown, read(400, {})]))).toEqual([]);
  });

  test('a change that was sent twice in the same words may have freed the room twice', () => {
    const change: Ask = { verb: 'change', roomId: 1, status: 'AVAILABLE', tag: 'c' };
    const first = call(change, 10, 20, { room: roomSeen({ floor: 'c' }) });
    const confirmed = holdSeen({ status: 'CONFIRMED', bookedUnder: 'b', endedMs: startMs + 500 });
    const confirm = call({ verb: 'confirm', holdId: 'h1', tag: 'b', isReacquiring: false }, 490, 510, {
      hold: confirmed,
    });
    const silent = call(change, 600, 700, { type: 'info', status: 0 });
    const { requestId: _, ...end } = silent.end;
    const audit = [
      auditRow(1, 'UPDATE', { requestId: first.end.requestId ?? null, after: { floor: 'c' } }),
      // It tells what it changed: the floor was the same already.
      auditRow(2, 'UPDATE', { atMs: startMs + 610, after: { room_status: 'AVAILABLE' } }),
    ];
    const row = hold({ status: 'CONFIRMED', bookedUnder: 'b' });
    const calls = [first, place(), confirm, { ...silent, end }, read(800, { fence: 1, floor: 'c' })];
    const samples = [sample(750, { auditIds: [1, 2] })];
    expect(linearizable.judge(runOf(calls, { ...row, audit }, samples))).toEqual([]);
    expect(linearizable.judge(runOf(calls, { ...row, audit: audit.slice(0, 1) }, samples))).toHaveLength(1);
  });
});
