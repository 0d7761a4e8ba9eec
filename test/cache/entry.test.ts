/** What is recognised of a damaged value, and that clocks never add age. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseServerMs, toMonotonicMs, toServerMs } from '../../src/cache/ages.ts';
import { decodeEntry, encodeEntry, readyBody } from '../../src/cache/entry.ts';

const ready = readyBody('{"rooms":[{"floor":"Erdgeschoß"}]}', { 'x-last-event-id': '7' });
const entry = { ready, endsAtServerMs: 1_700_000_000_000.25 };

describe('an entry', () => {
  it('comes back as it was stored, an empty body and strange keys included', () => {
    const bodies = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        bodies,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (key, body, endsAtServerMs) => {
          const stored = { ready: readyBody(body, { a: body }), endsAtServerMs: endsAtServerMs + 0 };
          expect(decodeEntry(key, encodeEntry(key, stored))).toEqual(stored);
        },
      ),
    );
  });

  it('is refused with any one byte changed, cut, or added', () => {
    const bytes = encodeEntry('key', entry);
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(decodeEntry('key', changed)).toBe(undefined);
      expect(decodeEntry('key', bytes.subarray(0, index))).toBe(undefined);
    }
    expect(decodeEntry('key', Buffer.concat([bytes, Buffer.from([0])]))).toBe(undefined);
  });

  it('is refused under another key', () => {
    expect(decodeEntry('kez', encodeEntry('key', entry))).toBe(undefined);
  });

  it('is never made of garbage, and garbage never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeEntry('key', Buffer.from(bytes))).toBe(undefined);
        expect(decodeEntry('key', Buffer.concat([Buffer.from('hf1\n'), bytes]))).toBe(undefined);
      }),
    );
  });
});

describe('instants on their way through Redis', () => {
  it('never become later than they were, however slow each question was', () => {
    const slowness = fc.double({ min: 0, max: 100, noNaN: true });
    fc.assert(
      fc.property(slowness, slowness, slowness, slowness, (out, back, otherOut, otherBack) => {
        // Redis' clock is 1,000,000 ahead of the writer's, and 500,000 ahead of the reader's.
        const writer = { sentAtMs: 100, serverMs: 1_000_100 + out, receivedAtMs: 100 + out + back };
        const reader = {
          sentAtMs: 500_300,
          serverMs: 1_000_300 + otherOut,
          receivedAtMs: 500_300 + otherOut + otherBack,
        };
        const endsAtMs = toMonotonicMs(reader, toServerMs(writer, 900));
        expect(endsAtMs).toBeLessThanOrEqual(500_900 + 1e-6);
        expect(endsAtMs).toBeGreaterThanOrEqual(500_900 - back - otherOut - 1e-6);
      }),
    );
  });

  it('are read from TIME as milliseconds, and from nothing else', () => {
    expect(parseServerMs(['1700000000', '250'])).toBe(1_700_000_000_000.25);
    for (const reply of [[], ['1'], ['a', 'b']]) expect(() => parseServerMs(reply)).toThrow('TIME');
  });
});
