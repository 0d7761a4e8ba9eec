/** Owns staleness: lists are at most 1 s behind, and never behind what their own server has acknowledged before. */
import type { Call } from '../history.ts';
import { callsOf, grouped, type Judge, type Run, said } from './judge.ts';

/** What is promised of every instance. */
const staleMsMax = 1_000;

/** A room was at least so new when this server had answered. */
type Known = Readonly<{ roomId: number; updatedMs: number; endedMs: number; server: string; call: Call }>;

/** What acknowledged writes say of rooms. Nobody sees an older `updated_at` of a room after a newer one. */
function knownOf({ history }: Run): Known[] {
  return history.calls.flatMap((call) => {
    const { ask, end, server } = call;
    if (end.type !== 'ok' || ask.verb === 'list' || ask.verb.startsWith('read')) return [];
    const { endedMs, hold, room } = end;
    if (room !== undefined)
      return [{ roomId: room.roomId, updatedMs: room.updatedMs, endedMs, server, call }];
    // A placed hold changed its rooms when it was created, one that has ended when it ended.
    const updatedMs = ask.verb.startsWith('place')
      ? hold?.createdMs
      : ask.verb === 'extend'
        ? (hold?.expiresMs ?? 0) - ask.ttlSeconds * 1_000
        : hold?.endedMs;
    if (hold === undefined || updatedMs === undefined || updatedMs === null) return [];
    return hold.rooms.map(([roomId]) => ({ roomId, updatedMs, endedMs, server, call }));
  });
}

/** The newest of what was known at an instant; `known` in the order of `endedMs`. */
function newestBefore(known: readonly Known[], newest: readonly Known[], ms: number): Known | undefined {
  let [low, high] = [0, known.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((known[middle]?.endedMs ?? 0) <= ms) low = middle + 1;
    else high = middle;
  }
  return newest[low - 1];
}

/** For each room, and for each room and server: what is known, and the newest up to each. */
function timelines(known: readonly Known[], keyOf: (one: Known) => string) {
  return new Map(
    [...grouped(known, keyOf)].map(([key, ofKey]) => {
      const sorted = [...ofKey].sort((a, b) => a.endedMs - b.endedMs);
      let best: Known | undefined;
      const newest = sorted.map((one) => {
        if (best === undefined || one.updatedMs > best.updatedMs) best = one;
        return best;
      });
      return [key, { sorted, newest }];
    }),
  );
}

/** Every room that a list shows is as new as it must be. */
export const staleness: Judge = {
  name: 'staleness',
  judge(run) {
    const known = knownOf(run);
    const byRoom = timelines(known, ({ roomId }) => String(roomId));
    const byServer = timelines(known, ({ roomId, server }) => `${roomId} ${server}`);
    return callsOf(run, 'list').flatMap((call) => {
      const { invokedMs, server, end } = call;
      return (end.rooms ?? []).flatMap(({ roomId, updatedMs }) => {
        const any = byRoom.get(String(roomId));
        const own = byServer.get(`${roomId} ${server}`);
        const mustKnow = [
          any && newestBefore(any.sorted, any.newest, invokedMs - staleMsMax),
          own && newestBefore(own.sorted, own.newest, invokedMs),
        ];
        const missed = mustKnow.find((one) => one !== undefined && one.updatedMs > updatedMs);
        return missed === undefined
          ? []
          : [`${said(call)} shows room ${roomId} as of ${updatedMs}, without ${said(missed.call)}`];
      });
    });
  },
};
