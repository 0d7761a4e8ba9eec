/** That the lists of this process are bounded in size and in number. */
import { describe, expect, it } from 'vitest';
import { readyBody } from '../../src/cache/entry.ts';
import { openListMemory } from '../../src/cache/memory.ts';

describe('the list memory', () => {
  it.each([
    { what: '200 lists of 1 MiB', count: 200, length: 1024 * 1024 },
    { what: '5000 short lists', count: 5_000, length: 10 },
  ])('keeps the newest of $what and lets the oldest go', ({ count, length }) => {
    const memory = openListMemory(() => 0);
    const list = readyBody('x'.repeat(length), {});
    for (let index = 0; index < count; index += 1) memory.put(`/rooms?${index}`, 1, { list, endsAtMs: 1 });
    const isKept = (index: number) => memory.get(`/rooms?${index}`, 1) === list;
    expect(isKept(count - 1)).toBe(true);
    expect(isKept(0)).toBe(false);
    const keptCount = Array.from({ length: count }, (_, index) => index).filter(isKept).length;
    expect(keptCount * length).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect(keptCount).toBeLessThanOrEqual(2_000);
  });
});
