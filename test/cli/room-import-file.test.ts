/** Owns the proof that a CSV file is read as it is written, and that every fault in it is told with its line. */
import { expect, test } from 'vitest';
import { readRoomLines } from '../../src/room-import-file.ts';

const read = (text: string | Buffer, delimiter?: string) => readRoomLines(Buffer.from(text), delimiter);
const faultsOf = (text: string | Buffer, delimiter?: string) =>
  read(text, delimiter).faults.map(({ line, message }) => `${line}: ${message}`);

test('a byte order mark, CRLF, quotes, line breaks in fields and empty lines are read as they are meant', () => {
  const { lines, faults } = read(
    '\ufeffroom_no,room_type,floor,room_status\r\n' +
      '101,"Double, ""sea"" side",1,\r\n' +
      '\r\n' +
      '"10\r\n2",Single,,BOOKED\r\n' +
      ' 103 ,Single,"",MAINTENANCE\r\n',
  );
  expect(faults).toEqual([]);
  expect(lines).toEqual([
    { line: 2, room_no: '101', room_type: 'Double, "sea" side', floor: '1', room_status: null },
    { line: 4, room_no: '10\r\n2', room_type: 'Single', floor: null, room_status: 'BOOKED' },
    // Nothing is trimmed, as nowhere.
    { line: 6, room_no: ' 103 ', room_type: 'Single', floor: null, room_status: 'MAINTENANCE' },
  ]);
});

test('columns may stand in any order, and those that are not needed may be missing', () => {
  expect(read('room_type,room_no\nSingle,101').lines).toEqual([
    { line: 2, room_no: '101', room_type: 'Single', floor: undefined, room_status: undefined },
  ]);
});

test('fields may be separated by another character', () => {
  expect(read('room_no;room_type\n101;Single, small\n', ';').lines).toMatchObject([
    { room_type: 'Single, small' },
  ]);
});

test('every line that is wrong is told, with its number and all that is wrong with it', () => {
  const long = 'x'.repeat(51);
  expect(
    faultsOf(
      'room_no,room_type,floor,room_status\n' +
        '101,Single,1,FROZEN\n' +
        ' ,Single,1,\n' +
        `102,,${long},\n` +
        '103,Single\n' +
        '104,Single,1,,\n' +
        '105,Single,1,\n' +
        '"10\n6",Single,1,\n' +
        '105,Double,2,\n',
    ),
  ).toEqual([
    '2: room_status Invalid option: expected one of "AVAILABLE"|"MAINTENANCE"|"BOOKED"',
    '3: room_no must not be blank',
    '4: room_type must have 1 to 100 characters, not 0',
    '4: floor must have at most 50 characters, not 51',
    '5: has 2 fields, not 4',
    '6: has 5 fields, not 4',
    '10: room_no "105" is on line 7 too',
  ]);
});

test('a stray quote is told with its line, and the lines behind it are still judged', () => {
  const faults = faultsOf('room_no,room_type\n"1\r\n01",Single\n1"02,Single\n103,Single\n ,Single\n');
  expect(faults).toEqual([expect.stringMatching(/^4: is not CSV: .*quote/i), '6: room_no must not be blank']);
});

test('a quote that is never closed is told', () => {
  expect(faultsOf('room_no,room_type\n101,"Single\n102,Single\n')).toEqual([
    expect.stringMatching(/is not CSV: .*quote/i),
  ]);
});

test.each([
  ['', ['1: the file is empty']],
  ['\n\n', ['1: the file is empty']],
  ['room_no\n101\n', ['1: the column room_type is missing']],
  ['101,Single\n', expect.arrayContaining([expect.stringContaining('there is no column "101"')])],
  [
    'room_no,room_type,room_stauts\n',
    ['1: there is no column "room_stauts": use room_no, room_type, floor, room_status'],
  ],
  ['room_no,room_type,room_no\n', ['1: the column room_no is there twice']],
])('a header that is wrong is told, and nothing else: %j', (text, faults) => {
  expect(faultsOf(text)).toEqual(faults);
});

test('bytes that are not UTF-8 are told with each of their lines', () => {
  const latin1 = Buffer.from('room_no,room_type\n101,Einzel\n102,Möbliert\n103,Süd\n', 'latin1');
  expect(faultsOf(latin1)).toEqual(['3: is not UTF-8', '4: is not UTF-8']);
});

test('a file without rooms has none', () => {
  expect(read('room_no,room_type\n')).toEqual({ lines: [], faults: [] });
});
