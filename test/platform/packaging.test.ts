/** Owns the proof that what is handed out is whole: the npm package, and the same flags of Node wherever it is run. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { migrationNames } from '../../src/migrations.ts';

const rootDir = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(`${rootDir}${path}`, 'utf8');
const manifest = z
  .object({
    bin: z.record(z.string(), z.string()),
    files: z.array(z.string()),
    scripts: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(read('package.json')));

test('the package carries what is read at run time, and no sources or tests', () => {
  // Without the build: what is built is not looked at here.
  const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: rootDir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // npm 11 lists packages, npm 12 names them.
  const packed: Record<string, { files: { path: string }[] }> = z
    .record(z.string(), z.object({ files: z.array(z.object({ path: z.string() })) }))
    .parse({ ...JSON.parse(listed) });
  const paths = Object.values(packed).flatMap(({ files }) => files.map(({ path }) => path));
  for (const name of migrationNames()) expect(paths).toContain(`prisma/migrations/${name}/migration.sql`);
  for (const path of ['prisma/schema.prisma', 'prisma/migrations/migration_lock.toml', 'docs/problems.md']) {
    expect(paths).toContain(path);
  }
  expect(paths.filter((path) => /^(src|test|bench|client|\.)/.test(path))).toEqual([]);
});

test('the program of the package is built from a file that says who runs it', () => {
  expect(manifest.files).toContain('dist');
  for (const path of Object.values(manifest.bin)) {
    const source = path.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts');
    expect(read(source)).toMatch(/^#!\/usr\/bin\/env node\n/);
  }
});

test('npm start, the image and the help of holdfast serve run Node with the same flags', () => {
  const flagsOf = (text: string): string[] => text.match(/--max-[a-z-]+=\d+/g) ?? [];
  const flags = flagsOf(manifest.scripts.start ?? '');
  expect(flags).not.toHaveLength(0);
  expect(flagsOf(read('Dockerfile'))).toEqual(flags);
  expect(flagsOf(read('src/cli/program.ts'))).toEqual(flags);
});

test('the image is let see all that it copies', () => {
  const seen = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((found) =>
    (found[1] ?? '').split(' '),
  );
  expect(copied).not.toHaveLength(0);
  expect(copied.filter((path) => !seen.includes(path))).toEqual([]);
});
