/** Owns what a mutant is, and how one is planted: search and replace in a copy of the sources, or in a database. */
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Postgres } from '../world/postgres.ts';

/** One change of the text of a file or of a function of the database. */
export type Patch =
  | Readonly<{ kind: 'source'; path: string; search: string; replace: string }>
  | Readonly<{ kind: 'function'; name: string; search: string; replace: string }>
  /** For what stands in the way of a bug that is planted elsewhere, such as a constraint that would stop it. */
  | Readonly<{ kind: 'statement'; sql: string }>;

/** A bug, planted to see whether the torture sees it. */
export type Mutant = Readonly<{
  name: string;
  patches: readonly Patch[];
  /** The faults that bring it to light, two at a time if `arePaired`. */
  faults: readonly string[];
  arePaired?: boolean;
}>;

/** What a server is built from and run with. */
const copiedPaths = [
  'docs',
  'src',
  'prisma',
  'scripts',
  'package.json',
  'prisma.config.ts',
  'tsconfig.json',
  'tsconfig.build.json',
];

/** Replaces what must be there exactly once; a mutant that no longer applies must not pass for one that was caught. */
function replaced(where: string, text: string, search: string, replace: string): string {
  const count = text.split(search).length - 1;
  if (count !== 1) throw new Error(`the mutant does not apply: ${where} has ${count} times: ${search}`);
  return text.replace(search, () => replace);
}

/** Replaces in the sources below `rootDir`; the answer is each changed file's text. Throws when a patch does not apply. */
export async function patchSources(mutant: Mutant, rootDir: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const patch of mutant.patches) {
    if (patch.kind !== 'source') continue;
    const { path, search, replace } = patch;
    const text = texts.get(path) ?? (await readFile(join(rootDir, path), 'utf8'));
    texts.set(path, replaced(path, text, search, replace));
  }
  return texts;
}

/** The folder to run: that of the sources themselves, or a patched copy of them at `dir`. */
export async function plantInSources(mutant: Mutant, rootDir: string, dir: string): Promise<string> {
  const texts = await patchSources(mutant, rootDir);
  if (texts.size === 0) return rootDir;
  await mkdir(dir, { recursive: true });
  for (const path of copiedPaths) await cp(join(rootDir, path), join(dir, path), { recursive: true });
  await symlink(join(rootDir, 'node_modules'), join(dir, 'node_modules'));
  for (const [path, text] of texts) await writeFile(join(dir, path), text);
  return dir;
}

/** Plants what belongs into the database, after its migrations. */
export async function plantInDatabase(mutant: Mutant, postgres: Pick<Postgres, 'query'>): Promise<void> {
  for (const patch of mutant.patches) {
    if (patch.kind === 'statement') await postgres.query(patch.sql);
    if (patch.kind !== 'function') continue;
    const rows = await postgres.query(
      `SELECT pg_get_functiondef(p.oid) AS text FROM pg_proc p
       JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public' AND p.proname = $1`,
      [patch.name],
    );
    if (rows.length !== 1)
      throw new Error(`the mutant does not apply: there are ${rows.length} functions ${patch.name}`);
    await postgres.query(replaced(patch.name, String(rows[0]?.text), patch.search, patch.replace));
  }
}
