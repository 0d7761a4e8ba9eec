/** Owns that every problem of the contract that the console can meet is told in words of its own. */
import { expect, test } from 'vitest';
import { isPassing, Problem, problemOf } from '../../src/console/api/problem.ts';
import { problemText } from '../../src/console/api/problem-words.ts';
import { problems } from '../../src/problems.ts';

const told = (code: string, facts: Record<string, unknown> = {}): string =>
  problemText(new Problem({ code, status: 409, title: '', detail: 'DETAIL', request_id: 'R', ...facts }));

test('conflicts say which room is in the way, and how', () => {
  const conflicts = [
    { room_id: 1, room_no: '101', room_status: 'HELD', free_at: '2026-11-22T10:00:00.000Z' },
    { room_id: 2, room_no: '102', room_status: 'BOOKED', free_at: null },
  ];
  expect(told('room-unavailable', { conflicts })).toMatch(
    /^Not all rooms are free: 101 is held until .+, 102 is booked\.$/,
  );
  expect(told('room-held', { hold_expires_at: '2026-11-22T10:00:00.000Z' })).toMatch(
    /held for a checkout until /,
  );
  expect(told('room-not-frozen', { room_status: 'AVAILABLE' })).toBe(
    'The room is not frozen any more: it is free.',
  );
});

test('every state of rooms and holds that stands in the way has words of its own', () => {
  const ofState = Object.entries(problems).filter(([code, { status }]) => {
    return [409, 410].includes(status) && !code.startsWith('room-type') && code !== 'room-no-exists';
  });
  expect(ofState.length).toBeGreaterThan(10);
  for (const [code] of ofState) expect(told(code), code).not.toContain('DETAIL');
});

test('a request that is not valid names the fields', () => {
  const errors = [{ path: 'ttl_seconds', message: 'must be at most 7200' }];
  expect(told('request-invalid', { errors })).toBe('ttl_seconds: must be at most 7200.');
});

test('what has no words tells what the server said, with the request to ask about', () => {
  expect(told('internal-error')).toBe('DETAIL (Request R)');
});

test('an answer that is no problem of ours, as of a proxy, is told by its status', async () => {
  const problem = await problemOf(
    new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'retry-after': '3' } }),
  );
  expect(problem).toMatchObject({ status: 502, code: 'answer-unreadable', retryAfterSeconds: 3 });
  expect(isPassing(problem)).toBe(true);
  expect(isPassing(new Problem({ code: 'x', status: 409, title: '', detail: '' }))).toBe(false);
});
