/** Owns what a run has started: all of it is stopped at the end, in reverse, also after a failure or Ctrl-C. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Collects what has to be stopped. */
export type Parts = Readonly<{
  add(stop: () => Promise<void> | void): void;
  /** Stops everything, once, the latest first; a part that fails to stop keeps no other from it. */
  stopAll(): Promise<void>;
}>;

/** An empty collection. */
export function openParts(): Parts {
  const stops: (() => Promise<void> | void)[] = [];
  return {
    add: (stop) => stops.push(stop),
    async stopAll() {
      for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) {
        try {
          await stop();
        } catch (error) {
          process.stderr.write(`bench: a part did not stop well: ${String(error)}\n`);
        }
      }
    },
  };
}

/** What a process has in memory now, in MB (RSS). */
export async function memoryOf(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) / 1024;
}

/** Linux counts the processor time of processes in this many ticks a second, whatever its own timer does. */
const ticksPerSecond = 100;

/** The processor seconds that a process has used; undefined where the system does not say it in /proc. */
export async function cpuSecondsOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
