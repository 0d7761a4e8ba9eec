/** Owns dist/console: the web page, built anew only when its sources or its packages have changed. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const rootDir = fileURLToPath(new URL('..', import.meta.url));
const sourceDir = join(rootDir, 'src', 'console');
const builtDir = join(rootDir, 'dist', 'console');
// Beside the folder, which is emptied by each build and served as it is.
const stampPath = join(rootDir, 'dist', '.console-stamp');

/** @param {string} dir */
const filesIn = (dir) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

const stampOfSources = () => {
  const hash = createHash('sha256');
  const others = ['tsconfig.json', 'package.json', 'scripts/console.js'].map((path) => join(rootDir, path));
  for (const path of [...filesIn(sourceDir), ...others])
    hash.update(path.slice(rootDir.length)).update('\0').update(readFileSync(path));
  return hash.digest('hex');
};

/** Less than this is not worth a second file. */
const gzipBytesMin = 1024;

/** The server sends FILE.gz to whoever takes it: compressed once, here. */
const compress = () => {
  for (const path of filesIn(builtDir).filter((name) => /\.(css|html|js|svg)$/.test(name))) {
    const bytes = readFileSync(path);
    if (bytes.length >= gzipBytesMin) writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  }
};

// An installation for production has what was built for it, and nothing to build with.
const canBuild =
  existsSync(join(sourceDir, 'vite.config.ts')) && existsSync(join(rootDir, 'node_modules', 'vite'));

if (canBuild) {
  const stamp = stampOfSources();
  const isBuilt = existsSync(join(builtDir, 'index.html')) && existsSync(stampPath);
  if (!isBuilt || readFileSync(stampPath, 'utf8') !== stamp) {
    // Whoever builds, tests included: React has another, larger self for developers.
    process.env.NODE_ENV = 'production';
    const { build } = await import('vite');
    await build({ configFile: join(sourceDir, 'vite.config.ts'), logLevel: 'error' });
    compress();
    writeFileSync(stampPath, stamp);
  }
}
