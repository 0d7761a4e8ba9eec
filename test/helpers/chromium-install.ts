/** Owns that there is a Chromium for the tests: finds it, installs it where that is ours to do, or says how. */
import { canInstall, findProgram, install } from './programs.ts';

const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** macOS keeps its programs off the PATH. */
const macProgram = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/** The browser that tests start (TEST_CHROMIUM, or one on the PATH), or undefined when there is none. */
export function findChromium(): string | undefined {
  if (process.env.TEST_CHROMIUM) return process.env.TEST_CHROMIUM;
  return findProgram(process.platform === 'darwin' ? [...programs, macProgram] : programs);
}

/**
 * Makes sure that tests find a Chromium. On Debian or Ubuntu as root it is installed, and said so; elsewhere this
 * throws with the one command to run.
 */
export function ensureChromiumIsInstalled(): void {
  if (findChromium() !== undefined) return;
  if (canInstall()) {
    console.log('The tests need a browser: installing it with apt-get install chromium (about 300 MB).');
    install('chromium');
    if (findChromium() !== undefined) return;
  }
  const command =
    process.platform === 'darwin' ? 'brew install --cask google-chrome' : 'sudo apt-get install chromium';
  throw new Error(
    `The tests need Chromium or Chrome. Run this once: ${command} (or set TEST_CHROMIUM to the program)`,
  );
}
