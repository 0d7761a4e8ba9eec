/** Owns the clock of a run: this machine's wall clock as it was at the start, carried on by monotonic time. */

/** Milliseconds since 1970, never going back. Postgres runs on this machine: its clock is the same but for slewing. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** An instant on the wire as milliseconds since 1970. */
export function instantMs(text: string): number {
  return Date.parse(text);
}
