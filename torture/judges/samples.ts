/** Owns all or nothing: at every look at the tables, a hold had all of its rooms or none. */
import type { Sample } from '../history.ts';
import { callsOf, type Judge, type Run } from './judge.ts';

/** What is torn in one sample. */
function torn(sample: Sample, wantedCounts: ReadonlyMap<string, number>): string[] {
  const { atMs } = sample;
  const problems: string[] = [];
  const holds = new Map(sample.holds.map(([holdId, expiresMs, roomIds]) => [holdId, { expiresMs, roomIds }]));
  const rooms = new Map(
    sample.rooms.map(([roomId, status, holdId, endsMs]) => [roomId, { status, holdId, endsMs }]),
  );
  for (const [holdId, { expiresMs, roomIds }] of holds) {
    if (expiresMs <= atMs) continue;
    const strays = roomIds.filter((roomId) => {
      const room = rooms.get(roomId);
      return room?.status !== 'HELD' || room.holdId !== holdId || room.endsMs !== expiresMs;
    });
    if (strays.length > 0) problems.push(`hold ${holdId} is active without its rooms ${strays.join(', ')}`);
    const wanted = wantedCounts.get(holdId);
    if (wanted !== undefined && wanted !== roomIds.length)
      problems.push(`hold ${holdId} has ${roomIds.length} rooms instead of ${wanted}`);
  }
  for (const [roomId, { status, holdId, endsMs }] of rooms) {
    if (status !== 'HELD' || endsMs === null || endsMs <= atMs) continue;
    if (!holds.has(holdId ?? '')) problems.push(`room ${roomId} is held by ${holdId}, which is not active`);
  }
  const holders = new Map<number, string>();
  for (const [holdId, roomId] of sample.claims) {
    const other = holders.get(roomId);
    if (other !== undefined) problems.push(`room ${roomId} is claimed by ${other} and ${holdId}`);
    holders.set(roomId, holdId);
  }
  return problems.map((problem) => `at ${atMs}: ${problem}`);
}

function wantedCountsOf(run: Run): Map<string, number> {
  return new Map(
    callsOf(run, 'place', 'place-type').flatMap(({ ask, end }) => {
      const count = ask.verb === 'place' ? ask.roomIds.length : ask.quantity;
      return end.hold === undefined ? [] : [[end.hold.holdId, count] as const];
    }),
  );
}

/** Every sample is whole. */
export const allOrNothing: Judge = {
  name: 'all or nothing',
  judge(run) {
    const wanted = wantedCountsOf(run);
    return run.history.samples.flatMap((sample) => torn(sample, wanted));
  },
};
