/** Owns how the tests install a program that they need: on Debian or Ubuntu as root, and nowhere else. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Whether a package may be installed here without asking anybody. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version');
}

const aptGet = (...args: string[]): boolean =>
  spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }).status === 0;

/** Installs a package with what it cannot do without; whether it worked shows when the program is looked for. */
export function install(packageName: string): void {
  const attempt = () => aptGet('install', '--yes', '--no-install-recommends', packageName);
  if (!attempt() && aptGet('update')) attempt();
}

/** The program of `names` that answers to --version, or undefined when there is none on the PATH. */
export function findProgram(names: readonly string[]): string | undefined {
  return names.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);
}
