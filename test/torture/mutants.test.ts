/** Owns that the bugs which the torture plants can be planted: in the sources and the functions as they are now. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mutants } from '../../torture/mutants/list.ts';
import { patchSources, plantInDatabase } from '../../torture/mutants/mutant.ts';
import { faultsNamed } from '../../torture/profiles/plans.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

const rootDir = fileURLToPath(new URL('../../', import.meta.url));
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Functions as they were, so that each mutant is planted alone. */
async function functions(): Promise<string[]> {
  const rows = await database.query<{ text: string }>(
    `SELECT pg_get_functiondef(oid) AS text FROM pg_proc
     WHERE pronamespace = 'public'::regnamespace AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')`,
  );
  return rows.map(({ text }) => text);
}

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))('"%s" applies', async (_name, mutant) => {
  expect(faultsNamed(...mutant.faults)).toHaveLength(mutant.faults.length);
  const before = await functions();
  const patched = await patchSources(mutant, rootDir);
  await plantInDatabase(mutant, database);
  const changed = (await functions()).filter((text) => !before.includes(text));
  expect(patched.size + changed.length).toBeGreaterThan(0);
  for (const text of before) await database.query(text);
});

test('a mutant that no longer applies says so', async () => {
  const gone = { kind: 'function', name: 'rooms_lock', search: 'no such text', replace: '' } as const;
  await expect(plantInDatabase({ name: 'gone', patches: [gone], faults: [] }, database)).rejects.toThrow(
    'does not apply',
  );
  const moved = { kind: 'source', path: 'src/database.ts', search: 'no such text', replace: '' } as const;
  await expect(patchSources({ name: 'moved', patches: [moved], faults: [] }, rootDir)).rejects.toThrow(
    'does not apply',
  );
});
