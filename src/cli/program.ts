/** Owns the command line: its commands, their options, what --help says, and the exit codes. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { demoRoomsMax } from '../demo-property.ts';
import { permissions } from '../http/caller.ts';
import { packageVersion } from '../package-version.ts';
import { existingChoices } from '../room-import.ts';
import { applyMissing, draftMigration, showMissing } from './migrate-command.ts';
import { importFile, seed } from './rooms-commands.ts';
import { tell } from './settings.ts';
import { printToken } from './token-command.ts';

const exitCodes = `
Exit codes:
  0  done
  1  not done: stderr says why; nothing was changed, unless it says otherwise
  2  the command line is wrong`;

const settingsHelp = `
Settings come from the environment; docs/operations.md has them all. The ones that matter first:
  DATABASE_URL       postgresql://… ; unset: an embedded Postgres in HOLDFAST_DATA_DIR (.data)
  JWT_SECRET         signs and verifies tokens; unset, outside production: made up and kept in the data folder
  HOST, PORT         where to listen: 127.0.0.1 and 3000`;

const wholeNumber = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
};

const oneCharacter = (text: string): string => {
  if (text === '\\t') return '\t';
  if ([...text].length === 1 && text !== '"') return text;
  throw new InvalidArgumentError('It must be one character, such as ; or \\t.');
};

const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];

function addServe(program: Command): void {
  program
    .command('serve')
    .summary('run the server')
    .description('Runs the server until SIGTERM or SIGINT; it then answers what is in flight, and ends.')
    .addHelpText(
      'after',
      `${settingsHelp}

Without limits V8 lets garbage lie on a large machine. To keep the server small, much as npm start and the image do:
  NODE_OPTIONS="--max-semi-space-size=8 --max-old-space-size=256" holdfast serve

Examples:
  holdfast serve
  DATABASE_URL=postgresql://holdfast@db/holdfast JWT_SECRET=… PORT=8080 holdfast serve`,
    )
    .action(async () => {
      await import('../server.ts');
    });
}

function addMigrate(program: Command): void {
  program
    .command('migrate')
    .summary('bring the database up to date')
    .description(
      'Applies the migrations that are missing, each whole or not at all. Several at once are safe.',
    )
    .addOption(
      new Option('--status', 'only say what is missing; exit code 1 if anything is').conflicts('create'),
    )
    .option(
      '--create <name>',
      'for developers: write what prisma/schema.prisma has changed as a new migration',
    )
    .addHelpText(
      'after',
      `
Examples:
  DATABASE_URL=postgresql://holdfast@db/holdfast holdfast migrate
  holdfast migrate --status || echo "not up to date"`,
    )
    .action(async (options: { status?: true; create?: string }) => {
      if (options.create !== undefined) await draftMigration(options.create);
      else if (options.status === true) await showMissing();
      else await applyMissing();
    });
}

function addToken(program: Command): void {
  program
    .command('token')
    .summary('print a token for the API')
    .description(
      'Prints a token signed with JWT_SECRET, or with the secret that was made up in the data folder.',
    )
    .requiredOption('--sub <name>', 'who calls: the actor of the audit trail')
    .requiredOption(
      '--scopes <scopes>',
      `what it allows, separated by commas: ${permissions.join(', ')}`,
      collect,
    )
    .option('--ttl <time>', 'how long it is good for: 90s, 15m, 1h, 30d', '1h')
    .addHelpText(
      'after',
      `
Examples:
  holdfast token --sub ana --scopes ROOM_MANAGEMENT:WRITE
  holdfast token --sub web --scopes ROOM_HOLD:WRITE,ROOM_HOLD:DELEGATE --ttl 30d
  curl -H "Authorization: Bearer $(holdfast token --sub ana --scopes ROOM_MANAGEMENT:READ)" localhost:3000/rooms`,
    )
    .action(printToken);
}

function addSeed(program: Command): void {
  program
    .command('seed')
    .summary('make a demonstration property')
    .description(
      'Makes three room types and rooms on floors of 20. Refuses a database in which anything was made.',
    )
    .option('--rooms <count>', `how many, 1 to ${demoRoomsMax}`, wholeNumber(1, demoRoomsMax), 60)
    .addHelpText(
      'after',
      `
Examples:
  holdfast seed
  DATABASE_URL=postgresql://holdfast@db/trial holdfast seed --rooms 1000`,
    )
    .action((options: { rooms: number }) => seed(options.rooms));
}

const importHelp = `
The file is CSV in UTF-8 (with or without a byte order mark, LF or CRLF). Its first line names the columns:
  room_no      1 to 50 characters, not blank; each once
  room_type    the name of a type; one that is missing is made
  floor        optional, up to 50 characters
  room_status  optional: AVAILABLE (if empty), MAINTENANCE or BOOKED

All or nothing: one transaction, an audit row for each change. Every line that is wrong is told on stderr as
FILE:LINE: and why, and then nothing is changed. With --existing update a room gets the type, the floor (an empty cell
takes it away) and the status (if the cell is not empty) of its line; running the same file again changes nothing.

Rooms that are updated stay locked until the end, and event streams wait for it: import large files at a quiet hour.
100,000 rooms take about half a minute.

Examples:
  holdfast import-rooms rooms.csv --actor ana
  holdfast import-rooms rooms.csv --actor ana --existing update
  holdfast import-rooms export.csv --actor ana --existing skip --delimiter ';'`;

function addImportRooms(program: Command): void {
  program
    .command('import-rooms')
    .summary('make rooms from a CSV file')
    .description('Makes the rooms of a CSV file, and the room types that are missing.')
    .argument('<file>', 'the CSV file')
    .requiredOption('--actor <name>', 'who imports, as the audit trail will say')
    .addOption(
      new Option('--existing <choice>', 'what becomes of rooms that exist')
        .choices(existingChoices)
        .default('fail'),
    )
    .option('--delimiter <character>', 'what separates fields', oneCharacter, ',')
    .addHelpText('after', importHelp)
    .action(importFile);
}

function buildProgram(): Command {
  const program = new Command('holdfast')
    .description('Locks and holds rooms for hotels, hostels and venues.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showHelpAfterError('(--help says what there is)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'holdfast: ')) })
    .exitOverride()
    .addHelpText(
      'after',
      `${settingsHelp}
${exitCodes}

Examples:
  holdfast serve                     a server with a database of its own, and tokens to try it with
  holdfast import-rooms --help       what every command says of itself`,
    );
  for (const add of [addServe, addMigrate, addToken, addSeed, addImportRooms]) add(program);
  return program;
}

/**
 * Runs the command line `args` (without node and script), and sets the exit code: 0 done, 1 not done, 2 wrong usage.
 * Never throws. `serve` goes on after this has returned.
 */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version are answers; commander has told everything else.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    tell(error instanceof Error ? error.message.replaceAll(/\s*\n\s*/g, ' ') : String(error));
    process.exitCode = 1;
  }
}
