/** Owns servers as processes of their own: started as from a shell, stopped by signals, watched from outside. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';

const rootDir = fileURLToPath(new URL('../../', import.meta.url));

/** Looks again and again until `check` passes: for what has no event to wait for. A busy machine may take its time. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 50_000, interval: 10 });
}

/** A process that was started as a shell would, with what it has printed so far. */
export type Started = Readonly<{
  pid: number;
  output(): string;
  errors(): string;
  /** The exit code, or the signal that ended it, once it has ended. */
  ended: Promise<number | string>;
  kill(signal: NodeJS.Signals): void;
}>;

/** A server that listens. */
export type StartedServer = Started & Readonly<{ url: string }>;

/** Only what every shell has: settings of whoever runs the tests must not leak in. */
const plainEnvironment = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };

/** Starts a program in the repository's folder. It is killed at the end of the test, if it still lives then. */
export function startProgram(command: string, args: readonly string[], env: Record<string, string>): Started {
  const child: ChildProcess = spawn(command, args, {
    cwd: rootDir,
    env: { ...plainEnvironment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { output: '', errors: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed.output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    printed.errors += text;
  });
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    pid: child.pid ?? 0,
    output: () => printed.output,
    errors: () => printed.errors,
    ended,
    kill: (signal) => void child.kill(signal),
  };
}

/** Runs a program of src/ without building it. */
export function startSource(
  path: string,
  env: Record<string, string>,
  args: readonly string[] = [],
): Started {
  return startProgram(process.execPath, ['--import', 'tsx', join('src', path), ...args], env);
}

/** Resolves with the server once it listens; throws with its words when it ends before. */
export async function untilListening(started: Started): Promise<StartedServer> {
  let end: number | string | undefined;
  void started.ended.then((how) => {
    end = how;
  });
  const url = await eventually(() => {
    const address = /Server listening at (http:\/\/[^"]+)"/.exec(started.output())?.[1];
    if (address === undefined && end === undefined) throw new Error(`not yet: ${started.output()}`);
    return address;
  });
  if (url === undefined) throw new Error(`the server ended (${end}): ${started.errors()}`);
  return { ...started, url };
}

/** Starts a server of src/ on a free port, and waits until it listens. */
export function startServer(env: Record<string, string>): Promise<StartedServer> {
  return untilListening(startSource('server.ts', { PORT: '0', ...env }));
}

/** A data folder for one test, removed after it together with the Postgres that may still run on it. */
export async function makeDataDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-data-'));
  onTestFinished(async () => {
    const pid = await postgresPid(dir);
    if (pid !== undefined) await killPostgres(pid);
    await rm(dir, { recursive: true, force: true });
  });
  return dir;
}

/** The process id in the data folder's postmaster.pid, whether it lives or not; undefined when there is none. */
export async function postgresPid(dataDir: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number(text.split('\n')[0]);
}

/** Kills a Postgres as a power cut would, and waits until it is gone. */
export async function killPostgres(pid: number): Promise<void> {
  if (!isRunning(pid)) return;
  process.kill(pid, 'SIGKILL');
  await eventually(() => {
    if (isRunning(pid)) throw new Error('still there');
  });
}

/** Whether a process of this id lives. One that ended and that nobody has asked after (a zombie) does not. */
export function isRunning(pid: number): boolean {
  if (process.platform === 'linux') {
    const path = `/proc/${pid}/stat`;
    // The state follows the name, which stands in parentheses.
    return existsSync(path) && !/\) Z/.test(readFileSync(path, 'latin1'));
  }
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z]/.test(stdout.trim());
}
