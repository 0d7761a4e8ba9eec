/** Owns the proof that the program `holdfast` does what its help says, and tells how it ended. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { makeDataDir, startServer, startSource, untilListening } from '../helpers/server-process.ts';

/** Runs a command line that needs no settings in this process, which is much faster. */
const runHere = async (args: readonly string[]) => {
  const printed = { output: '', errors: '' };
  const keep = (stream: NodeJS.WriteStream, name: keyof typeof printed) =>
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    });
  const spies = [keep(process.stdout, 'output'), keep(process.stderr, 'errors')];
  try {
    await runCommandLine(args);
    return { code: process.exitCode, ...printed };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = undefined;
  }
};

/** Runs the program. */
const run = async (args: readonly string[], env: Record<string, string> = {}) => {
  const started = startSource('cli/holdfast.ts', env, args);
  return { code: await started.ended, output: started.output(), errors: started.errors() };
};

const disposable = async (making: Promise<TestDatabase>): Promise<TestDatabase> => {
  const database = await making;
  onTestFinished(() => database.drop());
  return database;
};

const commands = ['serve', 'migrate', 'token', 'seed', 'import-rooms'];

test('--help names every command, the settings and the exit codes, and each command shows examples', async () => {
  const help = await runHere(['--help']);
  expect(help).toMatchObject({ code: 0, errors: '' });
  for (const words of [...commands, 'DATABASE_URL', 'Exit codes:']) expect(help.output).toContain(words);
  for (const command of commands) {
    const { code, output } = await runHere([command, '--help']);
    expect(code).toBe(0);
    expect(output).toContain(`Usage: holdfast ${command}`);
    expect(output).toMatch(/\nExamples:\n {2}\S/);
  }
});

test.each<[string, string[], string]>([
  ['an unknown option', ['serve', '--port', '80'], "holdfast: unknown option '--port'"],
  ['an unknown command', ['start'], "holdfast: unknown command 'start'"],
  ['an argument too many', ['migrate', 'now'], 'holdfast: too many arguments'],
  [
    'a missing option',
    ['import-rooms', 'rooms.csv'],
    "holdfast: required option '--actor <name>' not specified",
  ],
  [
    'a choice that there is not',
    ['import-rooms', 'x', '--actor', 'a', '--existing', 'no'],
    'fail, skip, update',
  ],
  ['a count that is none', ['seed', '--rooms', '1e3'], 'a whole number from 1 to 100000'],
  ['two options that exclude each other', ['migrate', '--status', '--create', 'x'], 'cannot be used with'],
])('exit code 2 and one reason for %s', async (_, args, words) => {
  const { code, output, errors } = await runHere(args);
  expect([code, output]).toEqual([2, '']);
  expect(errors).toContain(words);
});

test('no command at all is exit code 2 and the help, on stderr', async () => {
  const { code, output, errors } = await run([]);
  expect([code, output]).toEqual([2, '']);
  expect(errors).toContain('Usage: holdfast');
});

test('migrate, seed and import-rooms, one after the other, on an empty database', async () => {
  const database = await disposable(createEmptyDatabase());
  const env = { DATABASE_URL: database.url };
  expect(await run(['seed'], env)).toMatchObject({
    code: 1,
    errors: 'holdfast: migrations are missing: run holdfast migrate first\n',
  });
  expect(await run(['migrate'], env)).toMatchObject({ code: 0 });
  expect(await run(['seed', '--rooms', '45'], env)).toEqual({
    code: 0,
    output: 'made a demonstration property: 3 room types, 45 rooms\n',
    errors: '',
  });
  expect(await run(['seed'], env)).toMatchObject({
    code: 1,
    errors: 'holdfast: something has been made in this database already: nothing was changed\n',
  });
  const path = join(await makeDataDir(), 'rooms.csv');
  await writeFile(path, 'room_no,room_type\n401,Single\n402,Family\n');
  expect(await run(['import-rooms', path, '--actor', 'ana'], env)).toMatchObject({
    code: 0,
    output: expect.stringMatching(
      /^rooms: 2 made, 0 updated, 0 skipped; room types: 1 made; .* request_id [\w-]{36}\n$/,
    ),
    errors: '',
  });
  expect(await database.query('SELECT count(*)::integer AS count FROM room')).toEqual([{ count: 47 }]);
});

test('import-rooms tells every line that is wrong, and changes nothing', async () => {
  const database = await disposable(createTestDatabase());
  const path = join(await makeDataDir(), 'rooms.csv');
  await writeFile(path, 'room_no,room_type,room_status\n101,Single,\n,Single,\n103,Single,HELD\n');
  const { code, output, errors } = await run(['import-rooms', path, '--actor', 'ana'], {
    DATABASE_URL: database.url,
  });
  expect([code, output]).toEqual([1, '']);
  expect(errors.split('\n')).toEqual([
    `${path}:3: room_no must have 1 to 50 characters, not 0`,
    `${path}:3: room_no must not be blank`,
    expect.stringContaining(`${path}:4: room_status `),
    'holdfast: 2 lines are wrong: nothing was changed',
    '',
  ]);
  expect(await database.query('SELECT FROM room')).toEqual([]);
});

test('import-rooms refuses the name of the server itself as actor, and a file that is not there', async () => {
  const asSystem = await runHere(['import-rooms', 'none.csv', '--actor', 'system']);
  expect(asSystem).toMatchObject({ code: 1, errors: expect.stringContaining('--actor must not be system') });
  const missing = await runHere(['import-rooms', 'none.csv', '--actor', 'ana']);
  expect(missing).toMatchObject({ code: 1, errors: expect.stringContaining('cannot read none.csv') });
});

test('beside a server on the embedded database, one line says what to do', async () => {
  const dataDir = await makeDataDir();
  const path = join(dataDir, 'rooms.csv');
  await writeFile(path, 'room_no,room_type\n401,Single\n');
  const env = { HOLDFAST_DATA_DIR: dataDir };
  const server = await startServer(env);
  const beside = await run(['import-rooms', path, '--actor', 'ana'], env);
  expect(beside.code).toBe(1);
  expect(beside.errors).toMatch(
    /^holdfast: another server \(process \d+\) already uses the database in \S+: stop it .*start it again\n$/,
  );
  server.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  expect(await run(['import-rooms', path, '--actor', 'ana'], env)).toMatchObject({ code: 0 });
});

test('serve is the server: it listens, and ends with 0 on SIGTERM', async () => {
  const database = await disposable(createTestDatabase());
  const env = { PORT: '0', DATABASE_URL: database.url, HOLDFAST_DATA_DIR: await makeDataDir() };
  const server = await untilListening(startSource('cli/holdfast.ts', env, ['serve']));
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  server.kill('SIGTERM');
  expect(await server.ended).toBe(0);
});
