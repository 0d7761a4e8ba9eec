/**
 * Owns the estimate of the database's clock, by which holds end. No answer simply states it: `Date` is the server's own
 * clock in whole seconds. So it is bounded: an event's instant lies before its arrival, and a hold's `expires_in_seconds`
 * tells it to a second. What several answers allow together is narrow.
 */

/** Instants of this browser's steady clock, `performance.now()`, in ms. */
type Between = { sentAtMs: number; receivedAtMs: number };

/** Crystals differ by less than this: bounds that age are widened by it. */
const driftMsPerMs = 1e-4;

type Bounds = { low: number; high: number; atMs: number };

export type ServerClock = ReturnType<typeof openServerClock>;

/** Opens a clock. `steadyMs` never jumps; `wallMs` is this machine's own idea, used until anything better is known. */
export function openServerClock(steadyMs: () => number, wallMs: () => number) {
  const unknown = (): Bounds => ({
    low: Number.NEGATIVE_INFINITY,
    high: Number.POSITIVE_INFINITY,
    atMs: steadyMs(),
  });
  // Offsets: the other clock minus the steady one.
  let database = unknown();
  let server = unknown();
  let offsetShown: number | undefined;

  const narrowed = (bounds: Bounds, low: number, high: number): Bounds => {
    const atMs = steadyMs();
    const slack = (atMs - bounds.atMs) * driftMsPerMs;
    const next = { low: Math.max(bounds.low - slack, low), high: Math.min(bounds.high + slack, high), atMs };
    // The clocks were set meanwhile: the newest word counts.
    return next.low > next.high ? { low, high, atMs } : next;
  };
  // Always the earliest time that it may be: a hold is not shown as over while it may not be.
  const estimate = (): number => {
    if (Number.isFinite(database.high - database.low)) return database.low;
    const guess = Number.isFinite(server.low) ? server.low : wallMs() - steadyMs();
    return Math.min(Math.max(guess, database.low), database.high);
  };
  const observe = (low: number, high: number): void => {
    database = narrowed(database, low, high);
    offsetShown = undefined;
  };

  return {
    /** The database's time, in Unix ms. */
    nowMs: (): number => {
      offsetShown ??= estimate();
      return steadyMs() + offsetShown;
    },
    /** How late the estimate may be, in ms; infinite while only one side is known. */
    errorMs: (): number => database.high - database.low,
    /** Something that the database stamped at `atMs` has arrived: it is that late at least. */
    sawInstant: (atMs: number, receivedAtMs: number): void =>
      observe(atMs - receivedAtMs, Number.POSITIVE_INFINITY),
    /** A live hold has `seconds` left, rounded up, until `expiresAtMs`. */
    sawSecondsLeft: (expiresAtMs: number, seconds: number, { sentAtMs, receivedAtMs }: Between): void => {
      const atLeastMs = expiresAtMs - seconds * 1000;
      observe(atLeastMs - receivedAtMs, atLeastMs + 1000 - sentAtMs);
    },
    /** An answer's `Date`: the server's clock, in whole seconds, good until the database's is known. */
    sawDate: (header: string | null, { sentAtMs, receivedAtMs }: Between): void => {
      const atLeastMs = Date.parse(header ?? '');
      if (Number.isNaN(atLeastMs)) return;
      server = narrowed(server, atLeastMs - receivedAtMs, atLeastMs + 1000 - sentAtMs);
      offsetShown = undefined;
    },
    /** The machine slept or was set: nothing that was learnt holds. */
    forget: (): void => {
      database = unknown();
      server = unknown();
      offsetShown = undefined;
    },
  };
}

/**
 * How long to wait, in ms, until the answer about a hold that ends at `expiresAtMs` tells most: its whole seconds then
 * turn in the middle of what is still possible, so that each answer halves the error. It is between `earliestNowMs` and
 * `errorMs` later now.
 */
export function probeDelayMs(expiresAtMs: number, earliestNowMs: number, errorMs: number): number {
  const delay = (expiresAtMs - earliestNowMs - errorMs / 2) % 1000;
  return delay < 0 ? delay + 1000 : delay;
}

/** What is left until an instant, as `14:59` or `1:02:03`; seconds are rounded up, so that 0:00 is the end itself. */
export function remainingText(expiresAtMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.ceil((expiresAtMs - nowMs) / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const days = Math.floor(seconds / 86_400);
  if (days > 0) return `${days} d ${Math.floor((seconds % 86_400) / 3600)} h`;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
