/** Owns mutual exclusion: by what was acknowledged, no room ever had two holders. */
import { type CallOf, callsOf, grouped, type Judge, type Run, said } from './judge.ts';

/** Certainly somebody's from one instant to another, by acknowledged calls alone. */
type Span = Readonly<{
  roomId: number;
  holdId: string;
  fromMs: number;
  toMs: number;
  call: CallOf<'place' | 'place-type'>;
}>;

/** The database's clock and ours are one, but for what slewing moves them apart. */
const slackMs = 50;

type Ends = Readonly<{
  ofHold: ReadonlyMap<string, number>;
  ofRoom: ReadonlyMap<number, readonly CallOf<'freeze'>[]>;
}>;

/** A call of which nobody knows the end may take effect so long after its sending. */
const strayMs = 60_000;

/** When somebody first asked for what may end a hold, and who asked for what may take a room from any hold. */
function endsOf(run: Run): Ends {
  const ofHold = new Map<string, number>();
  for (const { ask, invokedMs } of callsOf(run, 'release', 'confirm')) {
    ofHold.set(ask.holdId, Math.min(ofHold.get(ask.holdId) ?? invokedMs, invokedMs));
  }
  const superseding = callsOf(run, 'freeze').filter(
    ({ ask, end }) => ask.isSuperseding && end.type !== 'fail',
  );
  return { ofHold, ofRoom: grouped(superseding, ({ ask }) => ask.roomId) };
}

/** When somebody asked for what may have taken a room from a hold that was asked for at `askedMs`, at the earliest. */
function takenMs(freezes: readonly CallOf<'freeze'>[], askedMs: number): number {
  const [first] = freezes.filter(
    ({ invokedMs, end }) => (end.type === 'ok' ? end.endedMs : invokedMs + strayMs) >= askedMs,
  );
  return first?.invokedMs ?? Number.POSITIVE_INFINITY;
}

/** When the hold ends by itself at the earliest, with all that was asked for meanwhile. */
function expiryMs(expiresMs: number, extensions: readonly CallOf<'extend'>[]): number {
  let endsMs = expiresMs;
  for (const { ask, invokedMs, end } of extensions) {
    if (invokedMs > endsMs) break;
    if (end.type === 'ok' && end.hold !== undefined) endsMs = end.hold.expiresMs;
    else if (end.type === 'info') endsMs = Math.min(endsMs, invokedMs + ask.ttlSeconds * 1000);
  }
  return endsMs;
}

function spansOf(run: Run): Span[] {
  const ends = endsOf(run);
  const extensions = grouped(callsOf(run, 'extend'), ({ ask }) => ask.holdId);
  const asked = new Map<string, number>();
  return callsOf(run, 'place', 'place-type').flatMap((call) => {
    const { end, ask } = call;
    // What ended the hold may have come before an answer that shows it again.
    const askedMs = asked.get(ask.tag) ?? call.invokedMs;
    asked.set(ask.tag, askedMs);
    if (end.type !== 'ok' || end.hold === undefined) return [];
    const { holdId, rooms, expiresMs } = end.hold;
    const takenAtMs = rooms.map(([roomId]) => takenMs(ends.ofRoom.get(roomId) ?? [], askedMs));
    const toMs = Math.min(
      expiryMs(expiresMs, extensions.get(holdId) ?? []) - slackMs,
      ends.ofHold.get(holdId) ?? Number.POSITIVE_INFINITY,
      ...takenAtMs,
    );
    return rooms.map(([roomId]) => ({ roomId, holdId, fromMs: end.endedMs, toMs, call }));
  });
}

/** No two spans of one room may overlap, unless they are of one hold (its placing may have been shown twice). */
export const exclusion: Judge = {
  name: 'mutual exclusion',
  judge(run) {
    const violations: string[] = [];
    for (const [roomId, spans] of grouped(spansOf(run), (span) => span.roomId)) {
      const sorted = spans.filter(({ fromMs, toMs }) => fromMs < toMs).sort((a, b) => a.fromMs - b.fromMs);
      let latest: Span | undefined;
      for (const span of sorted) {
        if (latest !== undefined && span.fromMs < latest.toMs && span.holdId !== latest.holdId) {
          violations.push(`room ${roomId} has two holders: ${said(latest.call)} and ${said(span.call)}`);
        }
        if (latest === undefined || span.toMs > latest.toMs) latest = span;
      }
    }
    return violations;
  },
};
