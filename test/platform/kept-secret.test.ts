/** Owns the proof that a kept secret is one secret, and stays one. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keptSecret } from '../../src/kept-secret.ts';
import { makeDataDir } from '../helpers/server-process.ts';

test('it is made once, however many ask for it at once', async () => {
  const dataDir = join(await makeDataDir(), 'not', 'there', 'yet');
  const secrets = await Promise.all(Array.from({ length: 20 }, () => keptSecret(dataDir, 'secret')));
  expect(new Set(secrets).size).toBe(1);
  expect(await keptSecret(dataDir, 'secret')).toBe(secrets[0]);
  expect(await readdir(dataDir)).toEqual(['secret']);
});

test('it is long, and readable by its owner only', async () => {
  const dataDir = await makeDataDir();
  expect(await keptSecret(dataDir, 'secret')).toMatch(/^[\w-]{43}$/);
  expect((await stat(join(dataDir, 'secret'))).mode & 0o777).toBe(0o600);
});

test('each name and each folder has its own', async () => {
  const dataDir = await makeDataDir();
  const other = await makeDataDir();
  const secrets = [
    await keptSecret(dataDir, 'one'),
    await keptSecret(dataDir, 'two'),
    await keptSecret(other, 'one'),
  ];
  expect(new Set(secrets).size).toBe(3);
});
