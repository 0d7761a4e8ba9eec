/** Owns a Redis for a run: a program from the PATH that keeps nothing. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { freePort } from '../src/postgres-cluster.ts';
import type { World } from './world.ts';

/** Starts one on the loopback and answers its URL; undefined when there is no program. */
export async function startRedis(world: World): Promise<string | undefined> {
  const program = ['redis-server', 'valkey-server'].find(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
  );
  if (program === undefined) return undefined;
  const port = await freePort();
  // biome-ignore format: one option a line says nothing more
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', world.dir, '--save', '', '--appendonly', 'no'];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  world.parts.add(() => void child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.includes('Ready to accept connections')) continue;
    child.stdout.resume();
    return `redis://127.0.0.1:${port}`;
  }
  throw new Error(`${program} does not start`);
}
