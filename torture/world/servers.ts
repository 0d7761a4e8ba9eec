/** Owns the server processes of a run: each at a port of its own, started again as often as it is killed. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { end, type Program, start, until } from './processes.ts';

/** One of the servers. */
export type Server = Readonly<{
  index: number;
  /** Where it listens itself. */
  port: number;
  /** Names the process that runs now: after a restart it is another. */
  incarnation(): string;
  isRunning(): boolean;
  /** Starts it and waits until it listens (not until it is ready). A clock that is off moves its Date. */
  start(options?: { clockOffMs?: number }): Promise<void>;
  kill(): Promise<void>;
  /** SIGTERM, and waits for its end. */
  stop(): Promise<void>;
  freeze(): void;
  thaw(): void;
}>;

const clockOffPath = fileURLToPath(new URL('clock-off.js', import.meta.url));
const listenMsMax = 30_000;
const stopMsMax = 20_000;

/** Whether the server listens and lives. */
async function lives(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(1_000) }).catch(
    () => undefined,
  );
  await answer?.arrayBuffer().catch(() => undefined);
  return answer?.status === 200;
}

/**
 * A server at `port`, from the dist/ of `rootDir`, not started yet. `whenDead` hears of an end that nobody here asked
 * for.
 */
export function openServer(options: {
  index: number;
  port: number;
  rootDir: string;
  dir: string;
  env: Readonly<Record<string, string>>;
  whenDead: (text: string) => void;
}): Server {
  const { index, port, rootDir, dir, env, whenDead } = options;
  let program: Program | undefined;
  let startsCount = 0;
  let isWanted = false;

  return {
    index,
    port,
    incarnation: () => `${index}.${startsCount}`,
    isRunning: () => isWanted && program?.hasEnded() === false,
    async start({ clockOffMs } = {}) {
      const preload = clockOffMs === undefined ? [] : ['--import', clockOffPath];
      const name = `server ${index}`;
      startsCount += 1;
      const started = start(name, process.execPath, [...preload, join(rootDir, 'dist', 'server.js')], {
        cwd: rootDir,
        env: { PATH: process.env.PATH, ...env, PORT: String(port), CLOCK_OFF_MS: String(clockOffMs ?? 0) },
        logPath: join(dir, `server-${index}.log`),
      });
      program = started;
      isWanted = true;
      void started.ended.then((how) => {
        if (isWanted && program === started)
          whenDead(`${name} ended by itself (${how}): ${started.lastWords()}`);
      });
      await until(`${name} listens`, () => started.hasEnded() || lives(port), listenMsMax);
    },
    async kill() {
      isWanted = false;
      program?.signal('SIGKILL');
      await program?.ended;
    },
    async stop() {
      isWanted = false;
      if (program === undefined) return;
      program.signal('SIGCONT');
      await end(program, 'SIGTERM', stopMsMax);
    },
    freeze: () => program?.signal('SIGSTOP'),
    thaw: () => program?.signal('SIGCONT'),
  };
}
