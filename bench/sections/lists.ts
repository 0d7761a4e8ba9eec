/** Owns the proof that every filter alone and every sort alone is served by an index, however large the property is. */

import { openDatabase } from '../../src/database.ts';
import { Prisma } from '../../src/generated/prisma/client.ts';
import { createLogger } from '../../src/log.ts';
import { type RoomStatus, roomStatuses } from '../../src/rooms/room.ts';
import { type RoomFilter, type RoomOrder, selectRoomPage } from '../../src/rooms/sql.ts';
import { median, type Row } from '../measure.ts';
import type { Section } from '../section.ts';

const limit = 50;
/** EXPLAIN runs; the first ones fill Postgres' memory. */
const runsCount = 5;

type Case = Readonly<{ name: string; filter: RoomFilter; first: RoomOrder; deep: RoomOrder }>;
type Plan = { 'Index Name'?: string; 'Node Type': string; 'Relation Name'?: string; Plans?: Plan[] };
type Explained = { Plan: Plan; 'Planning Time': number; 'Execution Time': number };

const all = new Set<RoomStatus>(roomStatuses);
const only = (...statuses: RoomStatus[]): ReadonlySet<RoomStatus> => new Set(statuses);
const notFrozen = only('AVAILABLE', 'BOOKED', 'MAINTENANCE', 'HELD');

const byNo = (after: string | undefined, isDescending = false): RoomOrder => ({
  sort: 'room_no',
  isDescending,
  after: after === undefined ? undefined : [after],
});

const filtered = (name: string, filter: RoomFilter, after = 'H900-1501'): Case => ({
  name,
  filter,
  first: byNo(undefined),
  deep: byNo(after),
});

function casesOf(soon: string): Case[] {
  const held = { statuses: only('HELD') };
  return [
    filtered('no filter', { statuses: all }),
    ...roomStatuses.map((status) => filtered(`room_status=${status}`, { statuses: only(status) })),
    filtered('is_freezed=true', { statuses: only('FROZEN') }),
    filtered('is_freezed=false', { statuses: notFrozen }),
    filtered('freeze_reason=CLEANING', { statuses: only('FROZEN'), freezeReason: 'CLEANING' }),
    filtered('freeze_reason=NONE', { statuses: notFrozen, freezeReason: 'NONE' }),
    filtered('room_type_id=7', { statuses: all, roomTypeId: 7 }),
    filtered('floor=7', { statuses: all, floor: '7' }),
    filtered('room_no=H', { statuses: all, roomNoPrefix: 'H' }),
    filtered('room_no=H12', { statuses: all, roomNoPrefix: 'H12' }, 'H128-101'),
    filtered('room_no=H12-1', { statuses: all, roomNoPrefix: 'H12-1' }, 'H12-110'),
    filtered('room_no=none such', { statuses: all, roomNoPrefix: 'none such' }),
    {
      name: 'sort=-room_no',
      filter: { statuses: all },
      first: byNo(undefined, true),
      deep: byNo('H100-101', true),
    },
    ...[false, true].flatMap((isDescending): Case[] => [
      {
        name: `sort=${isDescending ? '-' : ''}room_id`,
        filter: { statuses: all },
        first: { sort: 'room_id', isDescending },
        deep: { sort: 'room_id', isDescending, after: [isDescending ? 100_000 : 900_000] },
      },
      {
        name: `sort=${isDescending ? '-' : ''}hold_expires_at`,
        filter: held,
        first: { sort: 'hold_expires_at', isDescending },
        deep: { sort: 'hold_expires_at', isDescending, after: [soon, 1] },
      },
    ]),
  ];
}

function walk(plan: Plan): string[] {
  const scanned = plan['Node Type'] === 'Seq Scan' ? [`the whole of ${plan['Relation Name'] ?? '?'}`] : [];
  return [
    ...scanned,
    ...(plan['Index Name'] ? [plan['Index Name']] : []),
    ...(plan.Plans ?? []).flatMap(walk),
  ];
}

/** EXPLAIN (ANALYZE) of the first and of a deep page of every list. */
export const lists: Section = {
  name: 'lists',
  async run({ world, isAlone, large }) {
    const { databaseUrl: url } = await large();
    world.say('EXPLAIN of lists');
    const database = openDatabase({ url, poolMax: 1, log: createLogger({ logLevel: 'warn' }) });
    const explain = async (name: string, filter: RoomFilter, order: RoomOrder): Promise<Row> => {
      const page = selectRoomPage(filter, order, limit, true);
      const took: number[] = [];
      let indexes: string[] = [];
      for (let run = 0; run < runsCount; run += 1) {
        const [row] = await database.client.$queryRaw<{ 'QUERY PLAN': Explained[] }[]>(
          Prisma.sql`EXPLAIN (ANALYZE, FORMAT JSON) ${page}`,
        );
        const [explained] = row?.['QUERY PLAN'] ?? [];
        if (explained === undefined) throw new Error('EXPLAIN says something');
        took.push(explained['Execution Time']);
        indexes = walk(explained.Plan);
      }
      return {
        section: 'lists',
        what: `${name}, in the database`,
        value: median(took),
        unit: 'ms',
        note: [...new Set(indexes)].filter((index) => !index.startsWith('audit_log')).join(' '),
        samples: { value: took },
      };
    };
    const rows: Row[] = [];
    for (const { name, filter, first, deep } of casesOf(new Date(Date.now() + 4_000_000).toISOString())) {
      rows.push(
        await explain(`${name}, first page`, filter, first),
        await explain(`${name}, deep page`, filter, deep),
      );
    }
    await database.close();
    if (isAlone) return rows;
    const slowest = rows.reduce((slow, row) => ((row.value ?? 0) > (slow.value ?? 0) ? row : slow));
    return [
      {
        ...slowest,
        what: `slowest of ${rows.length} pages at ${world.scale.roomsMax} rooms: ${slowest.what}`,
      },
    ];
  },
};
