/**
 * Owns `npm start` and its siblings: builds dist/ if it does not match the sources, then runs the named program of
 * dist/ in this very process, so that signals and the exit code are the program's own.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const rootDir = fileURLToPath(new URL('..', import.meta.url));
const stampPath = join(rootDir, 'dist', '.stamp');

/** What the programs are made from: the sources but for generated ones, the schema, the settings of the compiler. */
const sourcePaths = () => {
  const sources = readdirSync(join(rootDir, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (path) => !['generated', 'console'].some((dir) => path.startsWith(join(rootDir, 'src', dir, sep))),
    );
  const others = ['prisma/schema.prisma', 'tsconfig.json', 'tsconfig.build.json', 'package.json'];
  return [...sources.sort(), ...others.map((path) => join(rootDir, path))];
};

const stampOfSources = () => {
  const hash = createHash('sha256');
  for (const path of sourcePaths())
    hash.update(path.slice(rootDir.length)).update('\0').update(readFileSync(path));
  return hash.digest('hex');
};

/** @param {string[]} args */
const runNode = async (...args) => {
  const child = spawn(process.execPath, args, { cwd: rootDir, stdio: ['ignore', 'ignore', 'inherit'] });
  const [status] = await once(child, 'exit');
  return status === 0;
};

const buildFailure = 'the build failed: npm run check says why';

/** @returns {Promise<string | undefined>} what went wrong */
const buildProgramsIfNeeded = async () => {
  const isBuilt = existsSync(join(rootDir, 'dist', 'server.js'));
  // An installation for production has only dist/, or no compiler: it runs what was built for it.
  const compiler = join(rootDir, 'node_modules', 'typescript', 'bin', 'tsc');
  const canBuild = existsSync(join(rootDir, 'src')) && existsSync(compiler);
  if (!canBuild)
    return isBuilt ? undefined : 'dist/ is missing: run npm ci (with development dependencies) first';
  const stamp = stampOfSources();
  if (isBuilt && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp) return undefined;
  process.stderr.write('Building …\n');
  const isDone =
    (await runNode(join(rootDir, 'scripts', 'generate.js'))) &&
    (await runNode(compiler, '--project', 'tsconfig.build.json'));
  if (!isDone) return buildFailure;
  writeFileSync(stampPath, stamp);
  return undefined;
};

/** @returns {Promise<string | undefined>} what went wrong */
const buildConsoleIfNeeded = async () =>
  (await runNode(join(rootDir, 'scripts', 'console.js'))) ? undefined : buildFailure;

const [program = 'server'] = process.argv.splice(2, 1);
// The two builds know nothing of each other; only the server has a console.
const failures = await Promise.all([
  buildProgramsIfNeeded(),
  ...(program === 'server' ? [buildConsoleIfNeeded()] : []),
]);
const failure = failures.find((words) => words !== undefined);
if (failure === undefined) {
  await import(pathToFileURL(join(rootDir, 'dist', `${program}.js`)).href);
} else {
  process.stderr.write(`holdfast: ${failure}\n`);
  process.exitCode = 1;
}
