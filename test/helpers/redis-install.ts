/** Owns that there is a Redis program for the tests: finds it, installs it where that is ours to do, or says how. */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

const programs = ['redis-server', 'valkey-server'];

/** The program that tests start, or undefined when there is none on the PATH. */
export function findRedisProgram(): string | undefined {
  return programs.find((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0);
}

const aptGet = (...args: string[]): boolean =>
  spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }).status === 0;

const policyPath = '/usr/sbin/policy-rc.d';

/** Debian starts a service as it installs it, unless this policy says no. */
const withoutStartingServices = <T>(work: () => T): T => {
  if (existsSync(policyPath)) return work();
  writeFileSync(policyPath, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return work();
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
  const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version');
  if (isRootOnDebian) {
    console.log(
      'The tests need Redis: installing it with apt-get install redis-server (no service is started).',
    );
    const install = () => aptGet('install', '--yes', '--no-install-recommends', 'redis-server');
    withoutStartingServices(() => install() || (aptGet('update') && install()));
    if (findRedisProgram() !== undefined) return;
  }
  const command = process.platform === 'darwin' ? 'brew install redis' : 'sudo apt-get install redis-server';
  throw new Error(`The tests need Redis or Valkey. Run this once: ${command} (or set TEST_REDIS_URL)`);
}
