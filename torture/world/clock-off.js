/**
 * Owns a wrong wall clock: loaded into a server before its own code, it moves Date by CLOCK_OFF_MS milliseconds.
 * Monotonic time and timers stay right, as they do on a machine whose clock was set wrongly.
 */
const offMs = Number(process.env.CLOCK_OFF_MS);
const TrueDate = Date;

globalThis.Date = class extends TrueDate {
  /** @param {[]} args */
  constructor(...args) {
    if (args.length === 0) super(TrueDate.now() + offMs);
    else super(...args);
  }

  static now() {
    return TrueDate.now() + offMs;
  }
};
