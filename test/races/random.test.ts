/** Owns the proof that random requests through two instances have one order that explains every answer. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../helpers/contract.ts';
import { type AuditRow, expectAuditExplainsTables } from './audit-replay.ts';
import { type Instances, startInstances, tally } from './instances.ts';
import { type Note, sendRandomRequests } from './random-requests.ts';

/** In all, over the seeds: enough that every pair of verbs meets on a room many times. Takes about twenty seconds. */
const requestCount = 10_000;
/** Far more than it takes, for machines that have much else to do. */
const testMsMax = 120_000;
const seeds = [1, 2, 3];

/** Which statuses of a room explain a refusal. */
const statusesBehind: Readonly<Record<string, string>> = {
  'room-held': 'HELD',
  'room-frozen': 'FROZEN',
  'room-booked': 'BOOKED',
};
/** How a hold must have ended that was once answered so. */
const endsBehind: Readonly<Record<string, readonly string[]>> = {
  'hold-confirmed': ['CONFIRMED'],
  'hold-released': ['RELEASED'],
  'hold-revoked': ['REVOKED'],
  'hold-expired': ['EXPIRED', 'CONFIRMED'],
};

/** A status that a room was in: it began after `from` at the earliest, and ended before `to` at the latest. */
type Period = { status: string; from: number; to: number };

const requestIdOf = ({ headers }: Answer): string => String(headers['x-request-id']);

/** The life of each room by its rows, in the times of the requests that wrote them. */
function periodsOf(rows: readonly AuditRow[], notes: ReadonlyMap<string, Note>): Map<number, Period[]> {
  const periods = new Map<number, Period[]>();
  const writers = new Map<number, (Note | undefined)[]>();
  for (const row of rows) {
    const life = periods.get(row.room_id) ?? [];
    const last = life.at(-1);
    const writer = notes.get(row.request_id ?? '');
    const status = String(row.new_value?.room_status ?? last?.status);
    life.push({
      status,
      from: Math.max(writer?.sentAt ?? 0, last?.from ?? 0),
      to: Number.POSITIVE_INFINITY,
    });
    periods.set(row.room_id, life);
    writers.set(row.room_id, [...(writers.get(row.room_id) ?? []), writer]);
  }
  for (const [roomId, life] of periods) {
    let to = Number.POSITIVE_INFINITY;
    for (let n = life.length - 1; n >= 0; n -= 1) {
      const period = life[n];
      if (period === undefined) continue;
      period.to = to;
      to = Math.min(to, writers.get(roomId)?.[n]?.answeredAt ?? to);
      // A row follows another only if its request was not answered before the other's was sent.
      expect(to, `a row of room ${roomId} stands behind one that was asked for later`).toBeGreaterThanOrEqual(
        period.from,
      );
    }
  }
  return periods;
}

function wasSo(periods: readonly Period[] | undefined, status: string, note: Note): boolean {
  return (periods ?? []).some(
    (period) => period.status === status && period.from <= note.answeredAt && period.to >= note.sentAt,
  );
}

/** What a refusal says of rooms: each must have been in that status at some time while it was asked. */
function roomsNamed({ answer, verb }: Note, path: string): { roomId: number; status: string }[] {
  const { code, conflicts, room_status } = answer.body ?? {};
  if (conflicts !== undefined) {
    return conflicts.map((room: { room_id: number; room_status: string }) => ({
      roomId: room.room_id,
      status: room.room_status,
    }));
  }
  const status = code === 'room-not-frozen' ? room_status : statusesBehind[code];
  if (status === undefined || verb.startsWith('place')) return [];
  return [{ roomId: Number(path.split('/')[2]), status }];
}

function expectAnswersAreExplained(
  rows: readonly AuditRow[],
  notes: readonly Note[],
  statuses: Map<string, string>,
) {
  const notesById = new Map(notes.map((note) => [requestIdOf(note.answer), note]));
  const periods = periodsOf(rows, notesById);
  const rowsById = new Map<string, AuditRow[]>();
  for (const row of rows) {
    if (row.request_id !== null) rowsById.set(row.request_id, [...(rowsById.get(row.request_id) ?? []), row]);
  }
  for (const [requestId, note] of notesById) {
    const { answer, verb } = note;
    const written = (rowsById.get(requestId) ?? []).map((row) => `${row.action} ${row.room_id}`);
    if (answer.status >= 400) {
      expect(written, `${verb} was refused with ${answer.text}`).toEqual([]);
      const path: string = answer.body.instance;
      for (const { roomId, status } of roomsNamed(note, path)) {
        expect(wasSo(periods.get(roomId), status, note), `${verb}: ${answer.text}`).toBe(true);
      }
      const ends = endsBehind[answer.body.code];
      if (ends !== undefined) expect(ends).toContain(statuses.get(path.split('/')[3] ?? ''));
    } else if (answer.status === 201) {
      const held = (rowsById.get(requestId) ?? []).map((row) => [row.room_id, row.new_value?.fence]);
      const told = answer.body.rooms.map((room: { room_id: number; fence: number }) => [
        room.room_id,
        room.fence,
      ]);
      expect(held).toEqual(told);
    }
  }
}

describe.each(seeds)('random requests, seed %i', (seed) => {
  let instances: Instances;
  beforeAll(async () => {
    instances = await startInstances({ HOLDS_ACTIVE_MAX: '0' });
  });
  afterAll(() => instances.close());

  test(
    'one order explains every answer, and the audit rows in that order give the tables',
    async () => {
      const count = Math.ceil(requestCount / seeds.length);
      const notes = await sendRandomRequests(instances, { seed, count, roomsOfType: 4 });
      const seen = tally(notes.map(({ answer }) => answer));
      expect(Object.keys(seen).filter((kind) => kind.startsWith('5'))).toEqual([]);
      // What was sent did meet: holds were granted and ended, and each way of refusing was seen.
      expect(seen).toMatchObject({ 200: expect.any(Number), 201: expect.any(Number) });
      for (const kind of ['409 room-unavailable', '409 room-held', '409 room-frozen', '410 hold-expired']) {
        expect(Object.keys(seen)).toContain(kind);
      }
      const rows = await expectAuditExplainsTables(instances);
      const holds = await instances.database.query<{ hold_id: string; status: string }>(
        'SELECT hold_id, status FROM hold',
      );
      const statuses = new Map(holds.map(({ hold_id, status }) => [hold_id, status]));
      expectAnswersAreExplained(rows, notes, statuses);
    },
    testMsMax,
  );
});
