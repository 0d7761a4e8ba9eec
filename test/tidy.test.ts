/** Owns the rules of style that matter enough to be a test: who imports whom, who may do what, how long things get. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../src/', import.meta.url);
const filesOf = (folder: URL) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.d.ts') && !path.startsWith('generated/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(new URL(path, folder), 'utf8') }));
const files = filesOf(root);
const tortureFiles = filesOf(new URL('../torture/', import.meta.url));

/** From the bottom up: a file imports its own rank and those below it, never above. First match wins. */
const ranks: readonly [name: string, of: RegExp][] = [
  [
    'words',
    /^(problems|problem-guide|config|config-values|config-tracing|log|cursor|tokens|wire-schemas|kept-secret|sign-in-codes|package-version)\.ts$|\/(schemas|examples)\.ts$|^rooms\/room\.ts$|^generated\//,
  ],
  [
    'database',
    /^(database|metrics|tracing|tracing-sdk|migrations|schema-engine|postgres-[a-z]+|embedded-postgres|demo-property|bulk-commands|room-import|room-import-file)\.ts$/,
  ],
  ['sql, cache, group commit', /\/sql\.ts$|^cache\/|^(group-commit|commands|command-counts)\.ts$/],
  ['platform', /^platform\.ts$/],
  ['service', /\/service\.ts$|^events\/(page|reader|stream)\.ts$/],
  ['routes, workers, http', /\/(routes|[a-z-]+-worker)\.ts$|^(http|console|docs)\//],
  ['app', /^app\.ts$/],
  ['server', /^(server|http-shutdown|welcome)\.ts$|^cli\//],
];

/** The console runs in a browser: it knows the HTTP contract, and nothing of the server but that. */
const isConsole = (path: string): boolean => path.startsWith('console/');

const rankOf = (path: string): number => ranks.findIndex(([, of]) => of.test(path));

function importsOf({ path, text }: { path: string; text: string }) {
  const found = [
    ...text.matchAll(
      /^(import|export)( type)? [^'"]*?from '([^']+)';|^import '([^']+)';|\bimport\('([^']+)'\)/gm,
    ),
  ];
  return found.map((match) => {
    const from = match[3] ?? match[4] ?? match[5] ?? '';
    const isOurs = from.startsWith('.');
    const target = isOurs ? new URL(from, new URL(path, root)).pathname.slice(root.pathname.length) : from;
    return { isType: match[2] !== undefined, isOurs, target };
  });
}

test('every file has a rank, and imports go one way: down', () => {
  const upward: string[] = [];
  for (const file of files.filter(({ path }) => !isConsole(path))) {
    expect(rankOf(file.path), `${file.path} has no rank`).not.toBe(-1);
    for (const { isOurs, isType, target } of importsOf(file)) {
      // The platform is made of what stands above the database; a service may name its type.
      if (isOurs && !isType && rankOf(target) > rankOf(file.path))
        upward.push(`${file.path} imports ${target}`);
    }
  }
  expect(upward).toEqual([]);
});

test('the console and the server import nothing of each other', () => {
  const crossing = files.flatMap((file) =>
    importsOf(file)
      .filter(({ isOurs, target }) => isOurs && isConsole(target) !== isConsole(file.path))
      .map(({ target }) => `${file.path} imports ${target}`),
  );
  expect(files.some(({ path }) => isConsole(path))).toBe(true);
  expect(crossing).toEqual([]);
});

test('no service calls a service of another feature', () => {
  const crossing = files
    .filter(({ path }) => path.endsWith('/service.ts'))
    .flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => target.endsWith('/service.ts'))
        .map(({ target }) => `${file.path} imports ${target}`),
    );
  expect(crossing).toEqual([]);
});

test('files do not import each other in a circle', () => {
  const targets = new Map(
    files.map((file) => [
      file.path,
      importsOf(file)
        .filter(({ isOurs, isType }) => isOurs && !isType)
        .map(({ target }) => target),
    ]),
  );
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) throw new Error(`circle: ${[...trail, path].join(' → ')}`);
    if (done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
});

test('only the places that own them touch the environment, the web framework and the wall clock', () => {
  const rules: readonly [what: RegExp, allowed: RegExp][] = [
    [/process\.env/, /^config\.ts$/],
    [/from 'fastify'/, /^(app|server|http-shutdown)\.ts$|^http\/|\/routes\.ts$/],
    [/Date\.now\(|new Date\(\)/, /^(?!holds\/|freezes\/|rooms\/|group-commit|commands|audit\/|events\/)/],
    [/\bconsole\.(log|error|warn)/, /^(server\.ts|cli\/)/],
    [/\bTODO\b|\bFIXME\b/, /^$/],
    [/^(export )?(abstract )?class (?!Problem\b)/m, /^$/],
    [/^(export )?(const )?enum /m, /^$/],
  ];
  const broken = files.flatMap(({ path, text }) =>
    rules
      .filter(([what, allowed]) => what.test(text) && !allowed.test(path))
      .map(([what]) => `${path}: ${what.source}`),
  );
  expect(broken).toEqual([]);
});

test('the torture imports nothing of what it tortures', () => {
  const importing = tortureFiles.filter(({ text }) => /(from |import\()'[^']*\/src\//.test(text));
  expect(importing.map(({ path }) => path)).toEqual([]);
});

test('a file opens with one sentence that says what it owns', () => {
  const silent = [...files, ...tortureFiles].filter(
    ({ text }) => !/^(\/\*\* |\/\/ |\/\*\*\n \* )Owns /.test(text.replace(/^#!.*\n/, '')),
  );
  expect(silent.map(({ path }) => path)).toEqual([]);
});

type Span = { path: string; first: number; last: number };

/** Where functions begin and end, by their indentation, which the formatter keeps. */
function functionsOf({ path, text }: { path: string; text: string }): Span[] {
  const lines = text.split('\n');
  const opening =
    /^( *)(?:.*=> \{|.*\bfunction\b.*\{|(?:async )?(?!if|for|while|switch|catch)\w+\(.*\).* \{|\).* \{)$/;
  return lines.flatMap((line, first) => {
    const indent = opening.exec(line)?.[1];
    if (indent === undefined) return [];
    const last = lines.findIndex((end, at) => at > first && end.startsWith(`${indent}}`));
    return [{ path, first, last }];
  });
}

/** The lines of a function itself: those of the functions within it count there. */
function ownLength(span: Span, all: readonly Span[]): number {
  const within = all.filter(({ first, last }) => first > span.first && last < span.last);
  const lines = Array.from({ length: span.last - span.first + 1 }, (_, at) => span.first + at);
  return lines.filter((line) => !within.some(({ first, last }) => line > first && line < last)).length;
}

test('files have at most 300 lines and functions at most 60', () => {
  const long = [...files, ...tortureFiles].filter(({ text }) => text.trimEnd().split('\n').length > 300);
  expect(long.map(({ path }) => path)).toEqual([]);
  const longFunctions = [...files, ...tortureFiles]
    // A plugin of routes is a list of declarations, as long as the feature has routes; its handlers are counted.
    .flatMap((file) => {
      const all = functionsOf(file);
      const counted = file.path.endsWith('/routes.ts')
        ? all.filter(({ first }) => file.text.split('\n')[first]?.startsWith('      '))
        : all;
      return counted.filter((span) => ownLength(span, all) > 60);
    })
    .map(({ path, first }) => `${path}:${first + 1}`);
  expect(longFunctions).toEqual([]);
});
