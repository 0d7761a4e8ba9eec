/** Owns the Redis servers of tests: each test file that needs one starts its own, and may mistreat it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { findRedisProgram } from './redis-install.ts';

/** A Redis for one test file. Everything but `url`, `flush` and `close` throws for one given by TEST_REDIS_URL. */
export type TestRedis = Readonly<{
  url: string;
  /** Deletes all keys. */
  flush(): Promise<void>;
  /** The process stands still (SIGSTOP): connections stay open, nothing is answered. */
  pause(): void;
  /** Ends a pause. */
  resume(): void;
  /** Kills the process at once, paused or not; what it kept is lost. */
  stop(): Promise<void>;
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>;
  /** Stops it for good and removes its files. Call it in `afterAll`. */
  close(): Promise<void>;
}>;

/** Another process may take the port between the choice and the start: then the next one is tried. */
const portTriesMax = 10;

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
};

/** The process, ready; undefined when its port was taken. */
const startProcess = async (port: number, dir: string): Promise<ChildProcess | undefined> => {
  const program = findRedisProgram();
  if (program === undefined) throw new Error('no redis-server or valkey-server on the PATH');
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: 'no',
    daemonize: 'no',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.includes('Ready to accept connections')) continue;
    // What it says later is let go, but has to be read.
    child.stdout.resume();
    return child;
  }
  return undefined;
};

const kill = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
};

const flushAll = async (url: string): Promise<void> => {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1 });
  try {
    await client.flushall();
  } finally {
    client.disconnect();
  }
};

const externalRedis = (url: string): TestRedis => {
  const notOurs = () => {
    throw new Error('the Redis of TEST_REDIS_URL is not the tests’ to stop: unset it for this test');
  };
  const close = async () => undefined;
  return {
    url,
    flush: () => flushAll(url),
    pause: notOurs,
    resume: notOurs,
    stop: notOurs,
    restart: notOurs,
    close,
  };
};

/** Starts a Redis that keeps nothing, on a free port of the loopback. */
export async function startRedis(): Promise<TestRedis> {
  if (process.env.TEST_REDIS_URL) return externalRedis(process.env.TEST_REDIS_URL);
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  let port = await freePort();
  let child = await startProcess(port, dir);
  for (let tries = 1; child === undefined; tries += 1) {
    if (tries === portTriesMax) throw new Error('Redis does not start');
    port = await freePort();
    child = await startProcess(port, dir);
  }
  let running = child;
  const url = `redis://127.0.0.1:${port}`;
  return {
    url,
    flush: () => flushAll(url),
    pause: () => running.kill('SIGSTOP'),
    resume: () => running.kill('SIGCONT'),
    stop: () => kill(running),
    restart: async () => {
      await kill(running);
      const restarted = await startProcess(port, dir);
      if (restarted === undefined) throw new Error('Redis did not start again: its port was taken meanwhile');
      running = restarted;
    },
    close: async () => {
      await kill(running);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
