/** Owns that there is a Redis program for the tests: finds it, installs it where that is ours to do, or says how. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { canInstall, findProgram, install } from './programs.ts';

/** The program that tests start, or undefined when there is none on the PATH. */
export function findRedisProgram(): string | undefined {
  return findProgram(['redis-server', 'valkey-server']);
}

const policyPath = '/usr/sbin/policy-rc.d';

/** Debian starts a service as it installs it, unless this policy says no. */
const withoutStartingServices = (work: () => void): void => {
  if (existsSync(policyPath)) {
    work();
    return;
  }
  writeFileSync(policyPath, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    work();
  } finally {
    rmSync(policyPath);
  }
};

/**
 * Makes sure that tests find a Redis: TEST_REDIS_URL, or a program on the PATH. On Debian or Ubuntu as root it is
 * installed, and said so; elsewhere this throws with the one command to run.
 */
export function ensureRedisIsInstalled(): void {
  if (process.env.TEST_REDIS_URL || findRedisProgram() !== undefined) return;
  if (canInstall()) {
    console.log(
      'The tests need Redis: installing it with apt-get install redis-server (no service is started).',
    );
    withoutStartingServices(() => install('redis-server'));
    if (findRedisProgram() !== undefined) return;
  }
  const command = process.platform === 'darwin' ? 'brew install redis' : 'sudo apt-get install redis-server';
  throw new Error(`The tests need Redis or Valkey. Run this once: ${command} (or set TEST_REDIS_URL)`);
}
