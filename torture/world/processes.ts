/** Owns the processes of a run: started, signalled, looked for, and none left behind. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Who a process runs as; undefined: as this one. */
export type Account = Readonly<{ uid: number; gid: number }> | undefined;

/** A process of the run. */
export type Program = Readonly<{
  name: string;
  pid: number;
  /** True once it has ended. */
  hasEnded(): boolean;
  /** Sends a signal; nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended, with what its end was. */
  ended: Promise<string>;
  /** What it wrote last. */
  lastWords(): string;
}>;

const running = new Set<ChildProcess>();
const folders = new Set<string>();

/** From now on the folder goes when this process does, however the run ends. */
export function removeAtEnd(dir: string): void {
  folders.add(dir);
}

// Whatever ends this process, those that it started do not go on without it.
process.on('exit', () => {
  for (const child of running) {
    if (child.pid === undefined) continue;
    for (const pid of [...descendantsOf(child.pid), child.pid]) kill(pid, 'SIGKILL');
  }
  for (const dir of folders) rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
});

/** Sends a signal to a process that may be gone. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}

/** Starts a program in a group of its own, so that Ctrl-C in a terminal reaches this process only. */
export function start(
  name: string,
  command: string,
  args: readonly string[],
  options: { env: Record<string, string | undefined>; cwd: string; logPath: string; account?: Account },
): Program {
  const log = openSync(options.logPath, 'a', 0o600);
  const child = spawn(command, args, {
    ...options.account,
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  running.add(child);
  let end: string | undefined;
  const ended = new Promise<string>((resolve) => {
    const finish = (how: string) => {
      end = how;
      running.delete(child);
      resolve(how);
    };
    child.once('error', (error) => finish(error.message));
    child.once('exit', (code, signal) => finish(signal ?? `exit code ${code}`));
  });
  return {
    name,
    pid: child.pid ?? 0,
    hasEnded: () => end !== undefined,
    signal: (signal) => {
      if (end === undefined && child.pid !== undefined) kill(child.pid, signal);
    },
    ended,
    lastWords: () => readFileSync(options.logPath, 'utf8').trim().split('\n').slice(-4).join(' '),
  };
}

/** Ends a program: politely, and by force after `patienceMs`. */
export async function end(program: Program, signal: NodeJS.Signals, patienceMs: number): Promise<void> {
  program.signal(signal);
  await Promise.race([program.ended, delay(patienceMs, undefined, { ref: false })]);
  program.signal('SIGKILL');
  await program.ended;
}

function parsed(table: string, pid: number): number[] {
  const rows = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    rows.flatMap(([child = 0, of]) => (of === parent ? [child, ...below(child)] : []));
  return below(pid);
}

/** The processes below this one, at once. */
function descendantsOf(pid: number): number[] {
  return parsed(execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }), pid);
}

/** The processes below this one. */
export async function findDescendants(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
  return parsed(stdout, pid);
}

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

/** Looks every 20 ms until it is so; throws with `what` after `waitMs`. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  waitMs: number,
): Promise<void> {
  const deadline = performance.now() + waitMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${waitMs} ms in vain: ${what}`);
    await delay(20);
  }
}
