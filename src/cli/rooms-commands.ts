/** Owns `holdfast seed` and `holdfast import-rooms`: rooms that are made without a server. */
import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { seedDemoProperty } from '../demo-property.ts';
import { type ExistingChoice, importRooms, type RoomImportCounts } from '../room-import.ts';
import { type LineFault, readRoomLines } from '../room-import-file.ts';
import { startProgress } from './progress.ts';
import { onDatabase, refuse, say, tell } from './settings.ts';
import { parseActor } from './token-command.ts';

/** A file is read whole; a million rooms are some 30 MB. */
const fileBytesMax = 256 * 1024 * 1024;

/** Makes the demonstration property with this many rooms. Throws where something has been made already. */
export const seed = (rooms: number): Promise<void> =>
  onDatabase(async (database) => {
    const progress = startProgress('making rooms', rooms);
    const isMade = await seedDemoProperty(database, rooms, progress.add).finally(progress.stop);
    if (!isMade) refuse('something has been made in this database already: nothing was changed');
    say(`made a demonstration property: 3 room types, ${rooms} rooms`);
  });

const readBytes = async (path: string): Promise<Buffer> => {
  const { size } = await stat(path).catch((error: unknown) =>
    refuse(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`),
  );
  if (size > fileBytesMax) refuse(`${path} is larger than 256 MiB: split it`);
  return readFile(path);
};

const refuseLines = (path: string, faults: readonly LineFault[]): never => {
  for (const { line, message } of faults) process.stderr.write(`${path}:${line}: ${message}\n`);
  const count = new Set(faults.map(({ line }) => line)).size;
  return refuse(`${count} ${count === 1 ? 'line is' : 'lines are'} wrong: nothing was changed`);
};

const summary = ({ types, made, updated, skipped }: RoomImportCounts, requestId: string): string =>
  `rooms: ${made} made, ${updated} updated, ${skipped} skipped; room types: ${types} made; ` +
  `the audit trail has it as request_id ${requestId}`;

/** Imports the rooms of a file, all or none. Tells every line that is wrong, and throws. */
export const importFile = async (
  path: string,
  options: { actor: string; existing: ExistingChoice; delimiter: string },
): Promise<void> => {
  const actor = parseActor('--actor', options.actor);
  const { lines, faults } = readRoomLines(await readBytes(path), options.delimiter);
  if (faults.length > 0) refuseLines(path, faults);
  if (lines.length === 0) tell(`${path} has no rooms`);
  await onDatabase(async (database) => {
    const requestId = randomUUID();
    const progress = startProgress('importing', lines.length);
    const { existing } = options;
    const done = await importRooms(database, lines, { actor, requestId, existing }, progress.add).finally(
      progress.stop,
    );
    if ('faults' in done) refuseLines(path, done.faults);
    else say(summary(done.counts, requestId));
  });
};
