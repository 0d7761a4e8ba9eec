/** Owns the command line of the torture. */
import { parseArgs } from 'node:util';

/** What a run was asked for. */
export type Options = Readonly<{
  seconds: number;
  seed: number;
  profile: string;
  /** Only these faults. */
  faults: readonly string[];
  /** Where the history and the logs are kept; undefined: in a new folder of the system's temporary one. */
  keepDir: string | undefined;
  areMutants: boolean;
  /** Only those mutants. */
  only: readonly string[];
  /** A history that is judged once more, instead of a run. */
  judgeDir: string | undefined;
}>;

/** What is wrong with a command line, or the command line was a request for help. */
export type Usage = Readonly<{ usage: string; exitCode: number }>;

/** Reads the arguments; profiles are those that may be named. */
export function readOptions(args: readonly string[], profiles: readonly string[]): Options | Usage {
  const usage = `npm run torture -- [--seconds N] [--seed S] [--profile NAME | --fault NAME]... [--keep DIR] [--mutants [--only NAME]...] [--judge DIR]
  --seconds N     how long clients and faults go on (60); counted profiles end by their counts
  --seed S        what is decided by chance (a new one each time, printed)
  --profile NAME  ${profiles.join(', ')} (all)
  --fault NAME    only this kind of fault, by the name that summaries print
  --keep DIR      where the history, the final tables and the logs are kept
  --mutants       plants known bugs into a copy of the sources, one by one, and expects each to be caught
  --only NAME     only this mutant
  --judge DIR     judges what a run kept in DIR once more
`;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: '60' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
        profile: { type: 'string', default: 'all' },
        fault: { type: 'string', multiple: true, default: [] },
        keep: { type: 'string' },
        mutants: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        judge: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
    const isValid = seconds > 0 && Number.isInteger(seed) && profiles.includes(values.profile);
    if (values.help || !isValid) return { usage, exitCode: values.help ? 0 : 2 };
    const { profile, fault: faults, keep: keepDir, mutants: areMutants, only, judge: judgeDir } = values;
    return { seconds, seed, profile, faults, keepDir, areMutants, only, judgeDir };
  } catch (error) {
    return { usage: `${String(error)}\n${usage}`, exitCode: 2 };
  }
}
