/** Owns the proof that the scripts of package.json work as a newcomer calls them. */
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createEmptyDatabase } from '../helpers/database.ts';
import {
  isRunning,
  makeDataDir,
  postgresPid,
  startProgram,
  startSource,
  untilListening,
} from '../helpers/server-process.ts';
import { testSecret } from '../helpers/tokens.ts';

/** Building, on a cold machine that does other things as well, takes its time. */
const buildMsMax = 240_000;

test(
  'npm start builds, starts, hands SIGTERM on, and ends with 0 once everything has stopped',
  async () => {
    const dataDir = await makeDataDir();
    const npm = startProgram('npm', ['start'], { PORT: '0', HOLDFAST_DATA_DIR: dataDir });
    const server = await untilListening(npm);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    const pid = (await postgresPid(dataDir)) ?? 0;
    npm.kill('SIGTERM');
    expect(await npm.ended).toBe(0);
    expect(isRunning(pid)).toBe(false);
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow();
  },
  buildMsMax,
);

test(
  'npm run token prints a token and nothing else, and hands on a refusal',
  async () => {
    const env = { HOLDFAST_DATA_DIR: await makeDataDir() };
    const args = ['run', '--silent', 'token', '--', '--sub', 'ana', '--scopes', 'ROOM_MANAGEMENT:WRITE'];
    const good = startProgram('npm', args, env);
    expect(await good.ended).toBe(0);
    expect(good.output()).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const bad = startProgram('npm', ['run', '--silent', 'token'], env);
    expect(await bad.ended).toBe(2);
    expect(bad.errors()).toContain("holdfast: required option '--sub <name>' not specified");
  },
  buildMsMax,
);

const claimsOf = (token: string): unknown =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

const runToken = async (args: readonly string[], env: Record<string, string> = {}) => {
  const started = startSource('cli/token.ts', { HOLDFAST_DATA_DIR: await makeDataDir(), ...env }, args);
  return { code: await started.ended, output: started.output(), errors: started.errors() };
};

test('a token carries what was asked for, and the issuer and audience of the server', async () => {
  const { output } = await runToken(
    ['--sub', 'ana', '--scopes', 'ROOM_HOLD:WRITE,ROOM_HOLD:DELEGATE', '--ttl', '15m'],
    { JWT_SECRET: testSecret, JWT_ISSUER: 'https://issuer', JWT_AUDIENCE: 'holdfast' },
  );
  const claims = claimsOf(output);
  expect(claims).toEqual({
    sub: 'ana',
    scopes: ['ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE'],
    iss: 'https://issuer',
    aud: 'holdfast',
    iat: expect.any(Number),
    exp: expect.any(Number),
  });
  expect(claims).toSatisfy(({ exp, iat }: { exp: number; iat: number }) => exp - iat === 900);
});

const writer = ['--scopes', 'ROOM_MANAGEMENT:WRITE'];

test.each<[string, string[], Record<string, string>, string]>([
  [
    'an unknown scope',
    ['--sub', 'ana', '--scopes', 'ROOM:ALL'],
    {},
    '--scopes must be of ROOM_MANAGEMENT:READ',
  ],
  ['the name of the server itself', ['--sub', 'system', ...writer], {}, '--sub must not be system'],
  ['an empty name', ['--sub', '', ...writer], {}, '--sub must have 1 to 255 characters'],
  ['a time without a unit', ['--sub', 'ana', ...writer, '--ttl', '10'], {}, '--ttl must be a time such as'],
  ['more than a year', ['--sub', 'ana', ...writer, '--ttl', '366d'], {}, 'a year at most'],
  [
    'a server that only verifies',
    ['--sub', 'ana', ...writer],
    { JWT_JWKS_URL: 'https://issuer/keys' },
    'JWT_JWKS_URL is set: only who has the private key can sign a token',
  ],
  ['settings that are wrong', ['--sub', 'ana', ...writer], { PORT: 'x' }, 'PORT must be a whole number'],
])('a token is refused for %s', async (_, args, env, words) => {
  const { code, output, errors } = await runToken(args, env);
  expect([code, output]).toEqual([1, '']);
  expect(errors).toContain(words);
});

test('npm run migrate applies what is missing, and says when nothing is', async () => {
  const database = await createEmptyDatabase();
  onTestFinished(() => database.drop());
  const migrate = async (...args: string[]) => {
    const started = startSource('cli/migrate.ts', { DATABASE_URL: database.url }, args);
    return [await started.ended, started.output()];
  };
  expect(await migrate('--status')).toEqual([1, expect.stringMatching(/^missing: \d{14}_/)]);
  expect(await migrate()).toEqual([0, expect.stringMatching(/^applied the migration \d{14}_/)]);
  expect(await migrate()).toEqual([0, 'nothing to do: every migration is applied\n']);
  expect(await migrate('--status')).toEqual([0, 'every migration is applied\n']);
});

test('npm run migrate tells an unreachable database in one line', async () => {
  const url = 'postgresql://holdfast:secret@127.0.0.1:1/none';
  expect(readConfig({ DATABASE_URL: url })).toHaveProperty('config');
  const started = startSource('cli/migrate.ts', { DATABASE_URL: url });
  expect(await started.ended).toBe(1);
  expect(started.errors()).toBe('holdfast: connect ECONNREFUSED 127.0.0.1:1\n');
});
