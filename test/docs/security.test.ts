import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');

test('every test that docs/security.md names is there', () => {
  const named = [...page.matchAll(/`(test\/[^`]+)`/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !existsSync(new URL(`../../${path}`, import.meta.url)))).toEqual([]);
});

test('each of the ten risks has a line that names a test', () => {
  const lines = page.split('\n').filter((line) => /^\| API\d+ /.test(line));
  expect(lines.map((line) => /^\| (API\d+)/.exec(line)?.[1])).toEqual(
    Array.from({ length: 10 }, (_, n) => `API${n + 1}`),
  );
  expect(lines.filter((line) => !line.includes('`test/'))).toEqual([]);
});
