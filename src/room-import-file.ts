/** Owns the CSV file that rooms are imported from: its columns, its lines, and what is wrong with each. */
import { isUtf8 } from 'node:buffer';
import { type CsvError, type Info, parse } from 'csv-parse/sync';
import { z } from 'zod';
import { roomNoSchema, roomStatusAdminSchema, roomTypeNameSchema } from './rooms/schemas.ts';
import { text } from './wire-schemas.ts';

/** What is wrong with one line, counted from 1 with the header. */
export type LineFault = Readonly<{ line: number; message: string }>;

/** The columns that a file may have. */
export const importColumns = ['room_no', 'room_type', 'floor', 'room_status'] as const;
type Column = (typeof importColumns)[number];
const columnsNeeded: readonly Column[] = ['room_no', 'room_type'];

/** A room as its line describes it. `null` is an empty cell; what has no column in the file is undefined. */
export type RoomLine = Readonly<{
  line: number;
  room_no: string;
  room_type: string;
  floor: string | null | undefined;
  room_status: z.output<typeof roomStatusAdminSchema> | null | undefined;
}>;

/** An empty cell says nothing: whoever writes a table by hand leaves it so. */
const orEmpty = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((cell) => (cell === '' ? null : cell), schema.nullish());

const cellsSchema = z.object({
  room_no: roomNoSchema,
  room_type: roomTypeNameSchema,
  floor: orEmpty(text(0, 50)),
  room_status: orEmpty(roomStatusAdminSchema),
} satisfies Record<Column, z.ZodType>);

/** A row as the parser gives it, with the line on which it began. */
type Row = { line: number; cells: string[] };

const rowSchema = z.object({ record: z.array(z.string()), info: z.object({ lines: z.number() }) });

const countOf = (pattern: RegExp, cells: readonly string[]): number =>
  cells.reduce((sum, cell) => sum + (cell.match(pattern)?.length ?? 0), 0);

const badUtf8Lines = (bytes: Buffer): LineFault[] => {
  const faults: LineFault[] = [];
  for (let from = 0, line = 1; from < bytes.length; line += 1) {
    const end = bytes.indexOf(0x0a, from);
    const to = end === -1 ? bytes.length : end + 1;
    if (!isUtf8(bytes.subarray(from, to))) faults.push({ line, message: 'is not UTF-8' });
    from = to;
  }
  return faults;
};

const parseRows = (bytes: Buffer, delimiter: string): { rows: Row[]; faults: LineFault[] } => {
  const skipped: LineFault[] = [];
  const onSkip = (error: (CsvError & Partial<Info>) | undefined): undefined => {
    skipped.push({ line: Number(error?.lines ?? 0), message: `is not CSV: ${error?.message ?? 'unknown'}` });
  };
  const records: unknown[] = parse(bytes, {
    bom: true,
    delimiter,
    info: true,
    // A row of another length is told like every other fault; the parser would stop at the first.
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: onSkip,
  });
  // Inside quotes the parser counts CR and LF as a line each: from there on it is ahead, by one for each pair.
  let ahead = 0;
  const aheadFrom = new Map<number, number>();
  const rows = records.map((value) => {
    const { record: cells, info } = rowSchema.parse(value);
    const line = info.lines - ahead - countOf(/[\r\n]/g, cells);
    ahead += countOf(/\r\n/g, cells);
    aheadFrom.set(info.lines, ahead);
    return { line, cells };
  });
  const aheadAt = (lines: number) => [...aheadFrom].findLast(([from]) => from <= lines)?.[1] ?? 0;
  return { rows, faults: skipped.map(({ line, message }) => ({ line: line - aheadAt(line), message })) };
};

const headerFaults = (header: readonly string[]): string[] => {
  const known: readonly string[] = importColumns;
  const unknown = header.filter((name) => !known.includes(name));
  const missing = columnsNeeded.filter((name) => !header.includes(name));
  const twice = header.filter((name, at) => header.indexOf(name) !== at);
  return [
    ...unknown.map((name) => `there is no column ${JSON.stringify(name)}: use ${importColumns.join(', ')}`),
    ...missing.map((name) => `the column ${name} is missing`),
    ...[...new Set(twice)].map((name) => `the column ${name} is there twice`),
  ];
};

const readRow = (header: readonly string[], { line, cells }: Row): RoomLine | LineFault[] => {
  if (cells.length !== header.length) {
    return [{ line, message: `has ${cells.length} fields, not ${header.length}` }];
  }
  const parsed = cellsSchema.safeParse(Object.fromEntries(header.map((name, at) => [name, cells[at]])));
  if (!parsed.success) {
    return parsed.error.issues.map(({ path, message }) => ({
      line,
      message: `${path.join('.')} ${message}`,
    }));
  }
  const { room_no, room_type, floor, room_status } = parsed.data;
  return { line, room_no, room_type, floor, room_status };
};

const numbersTwice = (lines: readonly RoomLine[]): LineFault[] => {
  const firstLine = new Map<string, number>();
  return lines.flatMap(({ line, room_no }) => {
    const first = firstLine.get(room_no);
    if (first !== undefined)
      return [{ line, message: `room_no ${JSON.stringify(room_no)} is on line ${first} too` }];
    firstLine.set(room_no, line);
    return [];
  });
};

/**
 * The rooms that a file describes, and every fault in it, by line. UTF-8, with or without a byte order mark, lines ended
 * by LF or CRLF, fields in quotes where need be; empty lines do not count. The first line names the columns.
 */
export function readRoomLines(
  bytes: Buffer,
  delimiter = ',',
): { lines: readonly RoomLine[]; faults: readonly LineFault[] } {
  if (!isUtf8(bytes)) return { lines: [], faults: badUtf8Lines(bytes) };
  const { rows, faults } = parseRows(bytes, delimiter);
  const [first, ...others] = rows;
  if (first === undefined)
    return { lines: [], faults: [...faults, { line: 1, message: 'the file is empty' }] };
  const header = first.cells.map((name) => name.trim());
  const ofHeader = headerFaults(header).map((message) => ({ line: first.line, message }));
  if (ofHeader.length > 0) return { lines: [], faults: ofHeader };
  const lines: RoomLine[] = [];
  for (const row of others) {
    const read = readRow(header, row);
    if (Array.isArray(read)) faults.push(...read);
    else lines.push(read);
  }
  faults.push(...numbersTwice(lines));
  return { lines, faults: faults.toSorted((one, other) => one.line - other.line) };
}
