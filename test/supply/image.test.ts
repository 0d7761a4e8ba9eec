import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The instructions of the Dockerfile, by stage: one line each, however they are broken. */
function stages(): [instruction: string, rest: string][][] {
  const lines = read('Dockerfile')
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const found: [string, string][][] = [];
  for (const line of lines) {
    const [, instruction = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (instruction === 'FROM') found.push([]);
    found.at(-1)?.push([instruction, rest]);
  }
  return found;
}

const last = stages().at(-1) ?? [];
const valuesOf = (instruction: string) =>
  last.filter(([name]) => name === instruction).map(([, rest]) => rest);

describe('the image', () => {
  test('runs as a user that is not root, from before its command to the end', () => {
    expect(valuesOf('USER')).toEqual(['1000:1000']);
    const at = (name: string) => last.findIndex(([instruction]) => instruction === name);
    expect(at('USER')).toBeLessThan(at('CMD'));
    // What is copied before belongs to root: the server cannot change its own code.
    const copies = last.flatMap(([instruction, rest], index) =>
      /^(COPY|ADD|RUN)$/.test(instruction) ? [{ index, rest }] : [],
    );
    expect(copies.filter(({ index }) => index > at('USER'))).toEqual([]);
    expect(copies.filter(({ rest }) => /chown|--chmod|chmod (?!755 )/.test(rest))).toEqual([]);
  });

  test('is built without install scripts, and holds production dependencies only', () => {
    const installs = stages()
      .flat()
      .filter(([, rest]) => /\bnpm (ci|i|install)\b/.test(rest));
    expect(installs.length).toBeGreaterThan(0);
    for (const [, rest] of installs) expect(rest).toMatch(/\bnpm ci\b.*--ignore-scripts/);
    const modules = valuesOf('COPY').filter((rest) => rest.includes('node_modules'));
    expect(modules).toEqual(['--from=modules /app/node_modules node_modules']);
    expect(installs.map(([, rest]) => rest).at(-1)).toContain('--omit=dev');
    expect(valuesOf('ENV').join(' ')).toContain('NODE_ENV=production');
  });

  test('has no secret in it, and is built from listed files only', () => {
    const settings = stages()
      .flat()
      .filter(([instruction]) => /^(ENV|ARG)$/.test(instruction));
    expect(settings.filter(([, rest]) => /SECRET|PASSWORD|TOKEN|KEY|DATABASE_URL/i.test(rest))).toEqual([]);
    const [first, ...allowed] = read('.dockerignore').trim().split('\n');
    expect(first).toBe('*');
    expect(allowed.filter((line) => /\.env|\.git|\.data|\.npmrc\.|secret/i.test(line))).toEqual([]);
    for (const [, rest] of stages()
      .flat()
      .filter(([instruction]) => instruction === 'COPY')) {
      expect(rest.split(' ')[0]).not.toBe('.');
    }
  });
});

const serviceSchema = z.looseObject({
  image: z.string().optional(),
  read_only: z.boolean().optional(),
  privileged: z.boolean().optional(),
  user: z.string().optional(),
  cap_drop: z.array(z.string()).optional(),
  cap_add: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  volumes: z.array(z.unknown()).optional(),
  ports: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.unknown()).optional(),
});

describe('docker-compose.yml', () => {
  const { services } = z
    .looseObject({ services: z.record(z.string(), serviceSchema) })
    .parse(parse(read('docker-compose.yml'), { merge: true }));
  const ours = Object.entries(services).filter(([, { image }]) => image === 'holdfast');

  test('runs our image with a read-only file system, no capabilities, and no way to get any', () => {
    expect(ours.map(([name]) => name)).toEqual(expect.arrayContaining(['migrate', 'server-1', 'server-2']));
    for (const [name, service] of ours) {
      expect(service, name).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
      expect(service, name).not.toHaveProperty('cap_add');
      expect(service.privileged ?? false, name).toBe(false);
      expect(service.user ?? 'node', name).not.toMatch(/^(root|0)(:|$)/);
      expect(service.volumes ?? [], name).toEqual([]);
    }
  });

  test('is in reach from this machine only, and Postgres and the cache from nowhere outside', () => {
    const ports = Object.entries(services).flatMap(([name, service]) =>
      (service.ports ?? []).map((port) => [name, port] as const),
    );
    expect(ports.filter(([, port]) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    expect(ports.filter(([name]) => name === 'postgres' || name === 'valkey')).toEqual([]);
  });

  test('has no key that everybody knows: JWT_SECRET must be given', () => {
    for (const [name, { environment = {} }] of ours) {
      expect(String(environment.JWT_SECRET), name).toMatch(/^\$\{JWT_SECRET:\?/);
    }
  });
});
