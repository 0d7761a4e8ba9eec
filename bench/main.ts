/** Owns `npm run bench`: which sections run, in which order, and what is left of a run: one table, one file. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fillMixed } from './databases.ts';
import type { Row } from './measure.ts';
import { memoryOf, openParts } from './parts.ts';
import { openSale, type Sale } from './sale.ts';
import type { Property, Section } from './section.ts';
import { contended } from './sections/contended.ts';
import { cycles } from './sections/cycles.ts';
import { growth } from './sections/growth.ts';
import { holds } from './sections/holds.ts';
import { latency } from './sections/latency.ts';
import { list } from './sections/list.ts';
import { lists } from './sections/lists.ts';
import { slowClients } from './sections/slow-clients.ts';
import { storm } from './sections/storm.ts';
import { sweep } from './sections/sweep.ts';
import { machine, tableOf, writeResults } from './table.ts';
import { openWorld, type Scale, type World } from './world.ts';

/** What a run is of unless it is told otherwise: nine minutes of it. */
const usual: readonly Section[] = [holds, cycles, contended, list, latency, lists, growth, sweep];
/** What clients of ill will cost the others: only when asked for. */
const abuse: readonly Section[] = [storm, slowClients];
const sections = [...usual, ...abuse];
const namesOf = (of: readonly Section[]) => of.map(({ name }) => name);

const full: Scale = {
  repeats: 3,
  warmSeconds: 0.5,
  seconds: 2.5,
  roomsMax: 1_000_000,
  pastHolds: 1_000_000,
  expiredHolds: 100_000,
};
const quick: Scale = {
  repeats: 1,
  warmSeconds: 1,
  seconds: 2,
  roomsMax: 200_000,
  pastHolds: 50_000,
  expiredHolds: 20_000,
};

/** Something hangs if a run is not over by then. */
const runMsMax = 20 * 60_000;

const usage = `npm run bench [-- [--only SECTION]... [--quick] [--log FILE]]
  --only SECTION   ${namesOf(usual).join(', ')} (all of these);
                   ${namesOf(abuse).join(', ')}
  --quick          small and short, for developing a section: the figures mean little
  --log FILE       keep the log of the servers`;

const { values: wanted } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    log: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const names = wanted.only ?? namesOf(usual);
const chosen = sections.filter(({ name }) => names.includes(name));
if (wanted.help || chosen.length !== names.length) {
  process.stdout.write(`${usage}\n`);
  process.exit(wanted.help ? 0 : 2);
}

const parts = openParts();
const startedAtMs = performance.now();
const say = (text: string) => {
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`${seconds} s  ${text}\n`);
};

let isStopping = false;
async function stop(reason: string): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  say(`${reason}: stopping what was started`);
  await parts.stopAll();
  process.exit(1);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(signal));
setTimeout(() => void stop('the run takes too long'), runMsMax).unref();

async function memoryRows(world: World, section: string): Promise<Row[]> {
  return Promise.all(
    world.servers().map(async ({ name, pid }) => ({
      section: 'memory',
      what: `server "${name}" after ${section}`,
      value: await memoryOf(pid),
      unit: 'MB',
      target: { bound: 'at most' as const, must: 200, aim: 120 },
    })),
  );
}

/** Filled once: to make a million rooms takes longer than to measure them. */
async function openLarge(world: World): Promise<Property> {
  const databaseUrl = await world.createDatabase('large');
  world.say(`filling a property of ${world.scale.roomsMax} rooms`);
  return { databaseUrl, fresh: await fillMixed(databaseUrl, world.scale.roomsMax) };
}

const measured: Row[] = [];
const memory: Row[] = [];

async function run(): Promise<void> {
  const scale = wanted.quick ? quick : full;
  const world = await openWorld({ scale, parts, logPath: wanted.log, say });
  let sale: Promise<Sale> | undefined;
  let large: Promise<Property> | undefined;
  const stage = {
    world,
    isAlone: chosen.length === 1,
    sale: () => {
      sale ??= openSale(world);
      return sale;
    },
    large: () => {
      large ??= openLarge(world);
      return large;
    },
  };
  for (const section of chosen) {
    measured.push(...(await section.run(stage)));
    memory.push(...(await memoryRows(world, section.name)));
  }
}

/** Also of a run that failed: what it measured before stays. */
function tellResults(): void {
  const rows = [...measured, ...memory];
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  const path = fileURLToPath(new URL('results.json', import.meta.url));
  writeResults(path, { isQuick: wanted.quick, seconds, machine: machine(), rows });
  process.stdout.write(
    `${tableOf(rows)}\n\n${JSON.stringify(machine())}, ${seconds} s; see bench/results.json\n`,
  );
}

try {
  await run();
} catch (error) {
  // What was stopped on purpose fails in many ways, none of them news.
  if (!isStopping) {
    process.stderr.write(
      `bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = 1;
  }
}
if (!isStopping) {
  tellResults();
  await parts.stopAll();
  process.exit();
}
