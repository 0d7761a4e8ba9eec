/** Owns the measurement of holds a second, against what Postgres gives pgbench one hold at a time. */
import { compare, inTurn, type Row, type Target } from '../measure.ts';
import { findPgbench, runPgbench } from '../pgbench.ts';
import type { Sale } from '../sale.ts';
import type { Section, Stage } from '../section.ts';

const connectionCounts = [1, 16, 64, 256] as const;

const targets: Readonly<Record<number, Target>> = {
  64: { bound: 'at least', must: 1, aim: 1.5 },
  256: { bound: 'at least', must: 1.3, aim: 2 },
};

/** More than any machine of today places in one measurement; stock for one is made before it. */
const holdsPerSecondMax = 12_000;

async function rowFor(stage: Stage, sale: Sale, connections: number): Promise<Row> {
  const { world } = stage;
  const { scale, say } = world;
  const program = findPgbench();
  const target = targets[connections];
  const row = {
    section: 'holds',
    what: `holds, ${connections} connections`,
    unit: '/s',
    ...(target && { target }),
  };
  // A B A B is enough for a row that has nothing to reach, and for one whose pgbench takes long to be under way.
  const repeats = target === undefined || connections > 64 ? Math.min(scale.repeats, 2) : scale.repeats;
  const stock = () => sale.stock(Math.min(holdsPerSecondMax * (scale.seconds + 4), scale.roomsMax / 2));
  say(`holds at ${connections} connections`);
  const http = async () => {
    await stock();
    return (await sale.load(connections, { kind: 'hold', fresh: sale.fresh() }, [201])).answersPerSecond;
  };
  if (program === undefined) {
    const samples = (await inTurn(repeats, { http }))('http');
    return { ...compare(row, samples), note: 'there is no pgbench on this machine to measure against' };
  }
  const pgbench = async () => {
    await stock();
    const { databaseUrl } = sale.server;
    const outcome = await runPgbench(world, program, {
      databaseUrl,
      clients: connections,
      fresh: sale.fresh(),
    });
    sale.use(outcome.freshUsed);
    return outcome.perSecond;
  };
  const samples = await inTurn(repeats, { http, pgbench });
  return compare(row, samples('http'), {
    what: 'pgbench',
    samples: samples('pgbench'),
    isInTurn: true,
  });
}

/** Holds of one fresh room each for a fresh holder, over HTTP. */
export const holds: Section = {
  name: 'holds',
  async run(stage) {
    const sale = await stage.sale();
    const rows: Row[] = [];
    for (const connections of connectionCounts) rows.push(await rowFor(stage, sale, connections));
    return rows;
  },
};
