import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isProblemCode, Problem, problems } from '../../src/problems.ts';

const page = readFileSync(new URL('../../docs/problems.md', import.meta.url), 'utf8');
const sections = page.split(/^## /m).slice(1);

test('docs/problems.md has one section for each code, and no other, in the order of the table', () => {
  expect(sections.map((section) => section.split('\n')[0])).toEqual(Object.keys(problems));
});

test('each section says when, what to do, and shows a body that the table agrees with', () => {
  for (const section of sections) {
    const [code = ''] = section.split('\n');
    if (!isProblemCode(code)) throw new Error(`${code} is no code`);
    const { status, title } = problems[code];
    expect(section).toContain(`**${status}** ${title}.`);
    expect(section).toMatch(/^When: .+\.$/m);
    expect(section).toMatch(/^What to do: .+\.$/m);
    const body = JSON.parse(/```json\n(.+?)```/s.exec(section)?.[1] ?? '');
    expect(body).toMatchObject({ type: `/docs/problems#${code}`, title, status, code });
  }
});

test('every code is a client or server error with a name of its own', () => {
  for (const [code, { status, title }] of Object.entries(problems)) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(title).not.toMatch(/\.$/);
  }
  expect(isProblemCode('toString')).toBe(false);
});

test('a Problem carries its code, status, facts and cause', () => {
  const cause = new Error('inside');
  const problem = new Problem('room-held', 'The room is held.', { room_id: 5 }, { cause });
  expect(problem).toMatchObject({
    code: 'room-held',
    status: 409,
    message: 'The room is held.',
    facts: { room_id: 5 },
  });
  expect(problem.cause).toBe(cause);
});
