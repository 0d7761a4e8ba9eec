/** Owns how old a cached answer may be, and how instants are carried between this process and Redis without adding age. */

/**
 * The longest life of a cached list or hold in milliseconds, counted from before its database read began.
 * The promise is 1 s; the rest is for what no clock here sees: the way of the answer, a small step of Redis' clock.
 */
export const ageMsMax = 800;

/**
 * What Redis said of its own clock, and the monotonic instants (milliseconds) around the question.
 * Only Redis' clock can be read by every instance; it is never compared with a clock of this machine.
 */
export type ServerTime = Readonly<{ serverMs: number; sentAtMs: number; receivedAtMs: number }>;

/** The monotonic instant as Redis' clock, never later than it truly is. */
export function toServerMs(time: ServerTime, atMs: number): number {
  return time.serverMs + (atMs - time.receivedAtMs);
}

/** The instant of Redis' clock as a monotonic one, never later than it truly is. */
export function toMonotonicMs(time: ServerTime, serverMs: number): number {
  return time.sentAtMs + (serverMs - time.serverMs);
}

/** The reply of Redis' TIME as milliseconds; throws when it is not one. */
export function parseServerMs(reply: readonly unknown[]): number {
  const serverMs = Number(reply[0]) * 1000 + Number(reply[1]) / 1000;
  if (!Number.isFinite(serverMs)) throw new Error('Redis answered TIME with something else');
  return serverMs;
}
