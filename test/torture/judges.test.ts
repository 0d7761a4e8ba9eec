/** Owns what the judges of the torture see, and what they let pass: made-up runs, right ones and wrong ones. */
import { describe, expect, test } from 'vitest';
import { answers, lockOrder, recovery } from '../../torture/judges/answers.ts';
import { durability } from '../../torture/judges/durability.ts';
import { exclusion } from '../../torture/judges/exclusion.ts';
import { expiry } from '../../torture/judges/expiry.ts';
import { fences } from '../../torture/judges/fences.ts';
import { exactlyOnce } from '../../torture/judges/once.ts';
import { auditReplay } from '../../torture/judges/replay.ts';
import { allOrNothing } from '../../torture/judges/samples.ts';
import { staleness } from '../../torture/judges/staleness.ts';
import * as made from './runs.ts';

const { auditRow, call, holdRow, holdSeen, instant, placing, roomRow, roomSeen, runOf, sample, startMs } =
  made;

const placed = (fromMs: number, toMs: number, more: Parameters<typeof holdSeen>[0] = {}) =>
  call({ ...placing, tag: `t${fromMs}` }, fromMs, toMs, { status: 201, hold: holdSeen(more) });

describe('mutual exclusion', () => {
  const second = { holdId: 'h2', createdMs: startMs + 900, expiresMs: startMs + 2_900 };

  test('two acknowledged holds of one room that overlap are two holders', () => {
    expect(exclusion.judge(runOf([placed(90, 110), placed(890, 910, second)]))).toHaveLength(2);
  });

  test('a hold that was asked to be released, or superseded, or is over, is no holder', () => {
    const release = call({ verb: 'release', holdId: 'h1' }, 880, 920, { type: 'info' });
    const freeze = call({ verb: 'freeze', roomId: 2, tag: 'f', isSuperseding: true, seconds: null }, 80, 890);
    const late = { ...second, createdMs: startMs + 2_200, expiresMs: startMs + 4_200 };
    for (const ended of [release, freeze]) {
      expect(exclusion.judge(runOf([placed(90, 110), ended, placed(890, 910, second)]))).toEqual([]);
    }
    expect(exclusion.judge(runOf([placed(90, 110), placed(2_200, 2_210, late)]))).toEqual([]);
  });

  test('an extension that was acknowledged holds on', () => {
    const extended = holdSeen({ expiresMs: startMs + 4_500 });
    const extend = call({ verb: 'extend', holdId: 'h1', ttlSeconds: 4 }, 490, 510, { hold: extended });
    const late = { holdId: 'h2', createdMs: startMs + 3_000, expiresMs: startMs + 5_000 };
    expect(exclusion.judge(runOf([placed(90, 110), extend, placed(2_990, 3_010, late)]))).toHaveLength(2);
  });
});

describe('all or nothing', () => {
  const whole = {
    holds: [['h1', startMs + 2_000, [1, 2]] as const],
    rooms: [
      [1, 'HELD', 'h1', startMs + 2_000, 1],
      [2, 'HELD', 'h1', startMs + 2_000, 1],
    ] as const,
    claims: [['h1', 1] as const, ['h1', 2] as const],
  };

  test('a hold with all of its rooms, and one that is over and not tidied, are whole', () => {
    const over = { ...whole, rooms: [[1, 'AVAILABLE', null, null, 1] as const] };
    expect(allOrNothing.judge(runOf([], {}, [sample(500, whole), sample(2_500, over)]))).toEqual([]);
  });

  test('a hold without one of its rooms, a room without its hold, two claims on a room, and too few rooms are torn', () => {
    const [first] = whole.rooms;
    const torn = [
      { ...whole, rooms: [first, [2, 'AVAILABLE', null, null, 1] as const] },
      { ...whole, holds: [] },
      { ...whole, claims: [...whole.claims, ['h2', 1] as const] },
      { ...whole, holds: [['h1', startMs + 2_000, [1]] as const], rooms: [first] },
    ];
    for (const one of torn) {
      expect(allOrNothing.judge(runOf([placed(90, 110)], {}, [sample(500, one)]))).not.toEqual([]);
    }
  });
});

describe('fences', () => {
  test('those that rise by one with each grant pass', () => {
    const audit = [
      auditRow(1, 'HOLD', { after: { fence: 1 } }),
      auditRow(2, 'HOLD', { after: { fence: 2 } }),
    ];
    const again = { holdId: 'h2', rooms: [[1, 2]] as const };
    expect(fences.judge(runOf([placed(90, 110), placed(890, 910, again)], { audit }))).toEqual([]);
  });

  test('one that is given out twice, falls, is left out, or is raised by something else is seen', () => {
    const twice = placed(890, 910, { holdId: 'h2', rooms: [[1, 1]] });
    expect(fences.judge(runOf([placed(90, 110), twice]))).not.toEqual([]);
    for (const audit of [
      [auditRow(1, 'HOLD', { after: { fence: 1 } }), auditRow(2, 'HOLD', { after: { fence: 1 } })],
      [auditRow(1, 'HOLD', { after: {} })],
      [auditRow(1, 'UPDATE', { after: { fence: 1 } })],
    ]) {
      expect(fences.judge(runOf([], { audit }))).toHaveLength(1);
    }
  });
});

describe('durability', () => {
  const rows = (requestId: string) =>
    ['1', '2'].map((entityId, n) => auditRow(n + 1, 'HOLD', { entityId, holdId: 'h1', requestId }));
  const place = (end: Parameters<typeof call>[3]) => call(placing, 90, 110, { hold: holdSeen(), ...end });

  test('what was acknowledged and is there, and what was refused and is not, pass', () => {
    const final = { holds: [holdRow()], audit: rows('request-90') };
    expect(durability.judge(runOf([place({})], final))).toEqual([]);
    expect(durability.judge(runOf([call(placing, 90, 110, { type: 'fail', status: 409 })]))).toEqual([]);
  });

  test('what was acknowledged and is not there, or only in part, is lost', () => {
    expect(durability.judge(runOf([place({})]))).toHaveLength(1);
    const half = { holds: [holdRow()], audit: rows('request-90').slice(1) };
    expect(durability.judge(runOf([place({})], half))).not.toEqual([]);
    const freeze = call({ verb: 'freeze', roomId: 1, tag: 'f', isSuperseding: false, seconds: null }, 5, 6);
    expect(durability.judge(runOf([freeze]))).toHaveLength(1);
    const hold = holdSeen({ status: 'RELEASED' });
    const release = call({ verb: 'release', holdId: 'h1' }, 5, 6, { hold });
    expect(durability.judge(runOf([release], { holds: [holdRow()], audit: rows('r') }))).toHaveLength(1);
  });

  test('what was refused, also by a 503 that says that nothing was done, and is there, is seen', () => {
    const refused = call(placing, 90, 110, { type: 'fail', status: 503, code: 'dependency-unavailable' });
    expect(durability.judge(runOf([refused], { holds: [holdRow()], audit: rows('request-90') }))).not.toEqual(
      [],
    );
  });

  test('what is not known may be there or not, but whole', () => {
    const unknown = call(placing, 90, 110, { type: 'info', status: 0 });
    expect(durability.judge(runOf([unknown]))).toEqual([]);
    expect(durability.judge(runOf([unknown], { holds: [holdRow()], audit: rows('x') }))).toEqual([]);
    expect(durability.judge(runOf([unknown], { holds: [holdRow()] }))).toHaveLength(1);
  });
});

describe('exactly once', () => {
  const answered = (fromMs: number, digest: string, isReplay: boolean) =>
    call(placing, fromMs, fromMs + 10, { hold: holdSeen(), digest, isReplay });

  test('one hold that is shown twice, to the byte, passes', () => {
    const calls = [answered(90, 'd', false), answered(190, 'd', true)];
    expect(exactlyOnce.judge(runOf(calls, { holds: [holdRow()] }))).toEqual([]);
  });

  test('two holds of one key, two answers, two that made it, and a change done twice are seen', () => {
    const twice = { holds: [holdRow(), holdRow({ holdId: 'h2' })] };
    expect(exactlyOnce.judge(runOf([], twice))).toHaveLength(1);
    expect(exactlyOnce.judge(runOf([answered(90, 'd', false), answered(190, 'e', true)]))).toHaveLength(1);
    expect(exactlyOnce.judge(runOf([answered(90, 'd', false), answered(190, 'd', false)]))).toHaveLength(1);
    const audit = [auditRow(1, 'RELEASE', { requestId: 'r' }), auditRow(2, 'RELEASE', { requestId: 'r' })];
    expect(exactlyOnce.judge(runOf([], { audit }))).toHaveLength(1);
  });
});

describe('audit replay', () => {
  const created = auditRow(1, 'CREATE', {
    after: {
      room_no: '1',
      room_type_id: 1,
      floor: null,
      room_status: 'AVAILABLE',
      freeze_reason: 'NONE',
      freeze_note: null,
      freeze_expires_at: null,
      hold_id: null,
      hold_expires_at: null,
      booking_reference: null,
      fence: 0,
      updated_at: instant(0),
    },
  });
  const held = { room_status: 'HELD', hold_id: 'h1', hold_expires_at: instant(2_100) };
  const free = { room_status: 'AVAILABLE', hold_id: null, hold_expires_at: null };
  const hold = auditRow(2, 'HOLD', {
    holdId: 'h1',
    before: free,
    after: { ...held, fence: 1, holder: 'ana', updated_at: instant(100) },
  });
  const release = auditRow(3, 'RELEASE', {
    holdId: 'h1',
    before: held,
    after: { ...free, updated_at: instant(500) },
  });
  const rooms = [roomRow({ fence: 1, updatedMs: startMs + 500 })];
  const holds = [holdRow({ rooms: [[1, 1, false]] })];

  test('a trail that gives the tables passes', () => {
    expect(auditReplay.judge(runOf([], { rooms, holds, audit: [created, hold, release] }))).toEqual([]);
  });

  test('a missing row, a row twice, and a row that begins elsewhere than the last one ended are seen', () => {
    for (const audit of [
      [created, hold],
      [created, release],
      [created, hold, release, { ...release, auditId: 4 }],
      [created, { ...hold, before: { ...free, room_status: 'BOOKED' } }, release],
    ]) {
      expect(auditReplay.judge(runOf([], { rooms, holds, audit }))).not.toEqual([]);
    }
  });

  test('a room that a server shows otherwise than the tables is seen', () => {
    const shown = [{ server: 2, room: roomSeen({ fence: 1, status: 'HELD', updatedMs: startMs + 500 }) }];
    expect(
      auditReplay.judge(runOf([], { rooms, holds, audit: [created, hold, release], shown })),
    ).toHaveLength(1);
  });
});

describe('expiry', () => {
  const late = { status: 'HELD', holdId: 'h1', holdEndsMs: startMs + 1_000 };

  test('a room shown as held, or in the way, more than 1 s after its end is blocked too long', () => {
    const read = (fromMs: number) =>
      call({ verb: 'read-room', roomId: 1 }, fromMs, fromMs + 5, { room: roomSeen(late) });
    expect(expiry.judge(runOf([read(1_900)]))).toEqual([]);
    expect(expiry.judge(runOf([read(2_100)]))).toHaveLength(1);
    const conflicts = [{ roomId: 1, status: 'HELD', freeMs: startMs + 1_000 }];
    const refused = call(placing, 2_100, 2_110, {
      type: 'fail',
      status: 409,
      code: 'room-unavailable',
      conflicts,
    });
    expect(expiry.judge(runOf([refused]))).toHaveLength(1);
  });

  test('an end before its time, and a confirmation after it, are seen, but for a reacquired hold', () => {
    const before = { hold_expires_at: instant(1_000) };
    const at = (atMs: number) => ({ before, holdId: 'h1', atMs: startMs + atMs });
    expect(expiry.judge(runOf([], { audit: [auditRow(1, 'EXPIRE', at(1_001))] }))).toEqual([]);
    expect(expiry.judge(runOf([], { audit: [auditRow(1, 'EXPIRE', at(999))] }))).toHaveLength(1);
    const audit = [auditRow(1, 'CONFIRM', at(1_000))];
    expect(expiry.judge(runOf([], { audit }))).toHaveLength(1);
    const holds = [holdRow({ status: 'CONFIRMED', isReacquired: true })];
    expect(expiry.judge(runOf([], { audit, holds }))).toEqual([]);
  });

  test('more active holds of one client than it may have are seen', () => {
    const holds = Array.from({ length: 5 }, (_, n) => holdRow({ holdId: `h${n}`, createdMs: startMs + n }));
    expect(expiry.judge(runOf([], { holds: holds.slice(1) }))).toEqual([]);
    expect(expiry.judge(runOf([], { holds }))).toHaveLength(1);
  });
});

describe('staleness', () => {
  const write = call({ verb: 'change', roomId: 1, status: 'AVAILABLE', tag: 'c' }, 90, 110, {
    room: roomSeen({ updatedMs: startMs + 100 }),
  });
  const list = (fromMs: number, updatedMs: number, server: string) =>
    call(
      { verb: 'list', typeId: 1, status: null, isAdmin: true },
      fromMs,
      fromMs + 5,
      { rooms: [roomSeen({ updatedMs: startMs + updatedMs })] },
      { server },
    );

  test('a list of another server may be 1 s behind, and no more', () => {
    expect(staleness.judge(runOf([write, list(1_000, 50, '1.1')]))).toEqual([]);
    expect(staleness.judge(runOf([write, list(1_200, 50, '1.1')]))).toHaveLength(1);
    expect(staleness.judge(runOf([write, list(1_200, 100, '1.1')]))).toEqual([]);
  });

  test('a list of the server that acknowledged a write shows it', () => {
    expect(staleness.judge(runOf([write, list(120, 50, '0.1')]))).toHaveLength(1);
    expect(staleness.judge(runOf([write, list(105, 50, '0.1')]))).toEqual([]);
  });
});

describe('answers, recovery and locks', () => {
  test('an internal error, an unreadable answer and a server that hangs are seen', () => {
    for (const end of [
      { type: 'info', status: 500, code: 'internal-error' },
      { type: 'info', status: 200, code: 'unreadable: {' },
      { type: 'fail', status: 400, code: 'request-invalid' },
    ] as const) {
      expect(answers.judge(runOf([call(placing, 1, 2, end)]))).toHaveLength(1);
    }
    const silent = { type: 'info', status: 0, code: 'timeout' } as const;
    expect(answers.judge(runOf([call(placing, 1, 3_001, silent)]))).toEqual([]);
    expect(answers.judge(runOf([call(placing, 1, 30_001, silent)]))).toHaveLength(1);
  });

  test('a fault that was not recovered from, and an incident, are seen', () => {
    const run = runOf([]);
    const fault = { fault: 'f', detail: '', injectedMs: 0, healedMs: 1, recoveredAfterMs: 5 };
    const faults = [fault, { ...fault, recoveredAfterMs: null }];
    const incidents = [{ atMs: 1, text: 'a server ended' }];
    expect(recovery.judge({ ...run, history: { ...run.history, faults, incidents } })).toHaveLength(2);
  });

  test('deadlocks among the servers are seen; those that somebody else brings about are not', () => {
    const run = runOf([], { deadlocksCount: 2 });
    expect(lockOrder.judge(run)).toHaveLength(1);
    const fault = { fault: 'deadlock partner', detail: '', injectedMs: 0, healedMs: 1, recoveredAfterMs: 5 };
    expect(lockOrder.judge({ ...run, history: { ...run.history, faults: [fault] } })).toEqual([]);
  });
});
