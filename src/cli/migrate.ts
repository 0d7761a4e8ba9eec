/** Owns `npm run migrate`: `holdfast migrate` in the repository. */
import { runCommandLine } from './program.ts';

await runCommandLine(['migrate', ...process.argv.slice(2)]);
