/** Owns the progress bar: on a terminal, and nowhere else. */
import { Presets, SingleBar } from 'cli-progress';

/** A bar that counts to `total`. It writes to stderr, so that what was asked for stays clean. */
export type Progress = Readonly<{ add(count: number): void; stop(): void }>;

/** Starts a bar; without a terminal nothing is written. Stop it before anything else is. */
export const startProgress = (label: string, total: number): Progress => {
  if (process.stderr.isTTY !== true) return { add: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% | {value} of {total} | {eta_formatted} left`,
      stream: process.stderr,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return { add: (count) => bar.increment(count), stop: () => bar.stop() };
};
