/** Owns `npm run token`: `holdfast token` in the repository. */
import { runCommandLine } from './program.ts';

await runCommandLine(['token', ...process.argv.slice(2)]);
