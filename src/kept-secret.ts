/** Owns the secrets that a server makes for itself and keeps in its data folder. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

const readOrUndefined = async (path: string): Promise<string | undefined> => {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

/**
 * The secret kept as `name` in `dataDir`: made at random at the first call (43 characters, 256 bits; the file is
 * readable by its owner only) and the same ever after, also when several processes ask for it at once.
 * Throws when the folder cannot be read or written.
 */
export async function keptSecret(dataDir: string, name: string): Promise<string> {
  const path = join(dataDir, name);
  const kept = await readOrUndefined(path);
  if (kept !== undefined) return kept;
  await mkdir(dataDir, { recursive: true });
  const draftPath = `${path}.${randomBytes(6).toString('hex')}`;
  const draft = await open(draftPath, 'wx', 0o600);
  try {
    await draft.writeFile(`${randomBytes(32).toString('base64url')}\n`);
    await draft.sync();
    // A link appears whole or not at all, and only one of several makers gets it.
    await link(draftPath, path).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
  } finally {
    await draft.close();
    await unlink(draftPath);
  }
  return (await readFile(path, 'utf8')).trim();
}
