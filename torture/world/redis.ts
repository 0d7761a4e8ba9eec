/** Owns the Redis of a run: a program from the PATH that keeps nothing. */
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { end, type Program, start, until } from './processes.ts';

/** A Redis or Valkey. */
export type RedisServer = Readonly<{
  port: number;
  start(): Promise<void>;
  kill(): Promise<void>;
  /** It lives, and answers nothing. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
  /** Sends commands as text, one a line, and answers what came within `waitMs`. Rejects when Redis is not there. */
  send(lines: readonly string[], waitMs?: number): Promise<string>;
}>;

/** The program there is; throws with what to install when there is none. */
function findProgram(): string {
  const program = ['redis-server', 'valkey-server'].find(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
  );
  if (program === undefined)
    throw new Error('redis-server or valkey-server must be on the PATH: install one');
  return program;
}

/** A Redis at `port`, not started yet. */
export function openRedis(options: { port: number; dir: string; logPath: string }): RedisServer {
  const { port, dir, logPath } = options;
  const command = findProgram();
  let program: Program | undefined;

  function send(lines: readonly string[], waitMs = 500): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () =>
        socket.write(lines.map((line) => `${line}\r\n`).join('')),
      );
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
        if (text.split('\r\n').length > lines.length) socket.end();
      });
      socket.setTimeout(waitMs, () => socket.destroy());
      socket.on('error', reject).on('close', () => resolve(text));
    });
  }

  return {
    port,
    send,
    async start() {
      // biome-ignore format: one option a line says nothing more
      const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no'];
      program = start('redis', command, args, { env: { PATH: process.env.PATH }, cwd: dir, logPath });
      await until(
        'Redis answers',
        async () => (await send(['PING']).catch(() => '')).includes('PONG'),
        20_000,
      );
    },
    async kill() {
      program?.signal('SIGKILL');
      await program?.ended;
    },
    freeze: () => program?.signal('SIGSTOP'),
    thaw: () => program?.signal('SIGCONT'),
    async stop() {
      program?.signal('SIGCONT');
      if (program !== undefined) await end(program, 'SIGTERM', 5_000);
    },
  };
}
