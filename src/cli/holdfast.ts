#!/usr/bin/env node
/** Owns the program `holdfast`. */
import { runCommandLine } from './program.ts';

await runCommandLine(process.argv.slice(2));
