/** Owns src/generated: the Prisma client, generated anew only when the schema or Prisma itself has changed. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const rootDir = fileURLToPath(new URL('..', import.meta.url));
const stampPath = join(rootDir, 'src', 'generated', '.stamp');

const hash = createHash('sha256');
for (const path of ['prisma/schema.prisma', 'prisma.config.ts', 'node_modules/prisma/package.json']) {
  hash.update(readFileSync(join(rootDir, path)));
}
const stamp = hash.digest('hex');

const isCurrent =
  existsSync(join(rootDir, 'src', 'generated', 'prisma', 'client.ts')) &&
  existsSync(stampPath) &&
  readFileSync(stampPath, 'utf8') === stamp;

if (!isCurrent) {
  const prisma = join(rootDir, 'node_modules', 'prisma', 'build', 'index.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [prisma, 'generate'], {
    cwd: rootDir,
    encoding: 'utf8',
  });
  if (status === 0) {
    writeFileSync(stampPath, stamp);
  } else {
    process.stderr.write(stdout + stderr);
    process.exitCode = 1;
  }
}
