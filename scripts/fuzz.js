/** Owns `npm run fuzz`: the fuzz test with as many calls as are asked for, a seed of its own, and a bound on each answer. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const usage = `npm run fuzz [-- [--runs CALLS] [--seed SEED]]
  --runs CALLS   at least this many calls; 20000 when absent
  --seed SEED    the seed that an earlier run printed, to send the same again; another one each time when absent`;

/** Nobody waits longer for an answer of a server that has nothing else to do. */
const answerMsMax = 1_000;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    help: { type: 'boolean', default: false },
  },
});
const isCount = (text) => /^[1-9]\d{0,8}$|^0$/.test(text);
if (values.help || !isCount(values.runs) || !isCount(values.seed)) {
  process.stdout.write(`${usage}\n`);
  process.exit(values.help ? 0 : 2);
}
process.stderr.write(`fuzz: ${values.runs} calls, seed ${values.seed}\n`);

const root = fileURLToPath(new URL('..', import.meta.url));
const child = spawn(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/fuzz', '--reporter=default'],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      FUZZ_RUNS: values.runs,
      FUZZ_SEED: values.seed,
      FUZZ_ANSWER_MS_MAX: String(answerMsMax),
    },
  },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
