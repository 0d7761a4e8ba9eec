/** Owns a load process: it runs the jobs that its parent sends, one at a time, and ends with its parent. */
import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import { type Connection, openConnection } from './connection.ts';
import { hammer } from './hammer.ts';
import type { Job, Message, Outcome, Sample } from './load.ts';
import { type Steps, stepsOf } from './scripts.ts';

/** A scheduled load that is this far behind has met a server that cannot keep up: it stops adding to the pile. */
const pileMax = 20_000;

type Of<Kind extends Job['kind']> = Extract<Job, { kind: Kind }>;
type Counted = Pick<Outcome, 'answersPerSecond' | 'statuses' | 'samples'>;

function countIn(statuses: Record<string, number>, status: number): void {
  statuses[status] = (statuses[status] ?? 0) + 1;
}

async function runAutocannon(job: Of<'autocannon'>, { steps }: Steps): Promise<Counted> {
  const statuses: Record<string, number> = {};
  const beginsAtMs = performance.now() + job.warmSeconds * 1000;
  const endsAtMs = beginsAtMs + job.seconds * 1000;
  let answers = 0;
  const run = autocannon({
    url: job.origin,
    connections: job.connections,
    // It looks at its own clock once a second: what counts is cut by ours.
    duration: job.warmSeconds + job.seconds + 0.1,
    timeout: 30,
    headers: { authorization: `Bearer ${job.token}` },
    requests: steps.map((step) => {
      const { done } = step;
      const onResponse =
        done && ((status: number, body: string, kept: Record<string, unknown>) => done(kept, status, body));
      const build = (kept: Record<string, unknown>) => {
        const { headers, ...request } = step.next(kept);
        const type = request.body === undefined ? {} : { 'content-type': 'application/json' };
        return { ...request, headers: { authorization: `Bearer ${job.token}`, ...type, ...headers } };
      };
      return {
        ...(step.isFixed
          ? build({})
          : { setupRequest: (_: object, kept: Record<string, unknown>) => build(kept) }),
        ...(onResponse === undefined ? {} : { onResponse }),
      };
    }),
  });
  run.on('response', (_client: unknown, status: number) => {
    countIn(statuses, status);
    const nowMs = performance.now();
    if (nowMs >= beginsAtMs && nowMs < endsAtMs) answers += 1;
  });
  const { errors, timeouts } = await run;
  if (errors + timeouts > 0) throw new Error(`${errors} requests failed, ${timeouts} timed out`);
  return { answersPerSecond: answers / job.seconds, statuses, samples: [] };
}

async function runHammer(job: Of<'hammer'>, { steps }: Steps): Promise<Counted> {
  const [step] = steps;
  if (step === undefined || steps.length > 1 || !step.isFixed)
    throw new Error('not one request, always the same');
  const statuses: Record<string, number> = {};
  const beginsAtMs = performance.now() + job.warmSeconds * 1000;
  const ms = (job.warmSeconds + job.seconds) * 1000;
  let answers = 0;
  await hammer({ ...job, request: step.next({}) }, ms, (status) => {
    countIn(statuses, status);
    if (performance.now() >= beginsAtMs) answers += 1;
  });
  return { answersPerSecond: answers / job.seconds, statuses, samples: [] };
}

/** Runs the script once on a connection; latency counts from `dueAtMs` (monotonic). */
async function runOnce(
  connection: Connection,
  { steps }: Steps,
  dueAtMs: number,
  statuses: Record<string, number>,
) {
  const kept: Record<string, unknown> = {};
  const latenciesMs: number[] = [];
  let sinceMs = dueAtMs;
  for (const { next, done } of steps) {
    const { status, body, endedAtMs } = await connection.send(next(kept));
    countIn(statuses, status);
    done?.(kept, status, body);
    latenciesMs.push(endedAtMs - sinceMs);
    sinceMs = endedAtMs;
  }
  return { dueAtMs: performance.timeOrigin + dueAtMs, latenciesMs };
}

async function runCount(job: Of<'count'>, script: Steps, connections: Connection[]): Promise<Counted> {
  const statuses: Record<string, number> = {};
  const samples: Sample[] = [];
  const startedAtMs = performance.now();
  let begun = 0;
  const work = async (connection: Connection) => {
    while (begun++ < job.count) samples.push(await runOnce(connection, script, performance.now(), statuses));
  };
  await Promise.all(connections.map(work));
  const seconds = (performance.now() - startedAtMs) / 1000;
  return { answersPerSecond: (samples.length * script.steps.length) / seconds, statuses, samples };
}

let isStopWished = false;

async function runSchedule(job: Of<'schedule'>, script: Steps, connections: Connection[]): Promise<Counted> {
  const statuses: Record<string, number> = {};
  const samples: Sample[] = [];
  const idle = [...connections];
  const due: number[] = [];
  const running = new Set<Promise<void>>();
  const startedAtMs = performance.now();
  const endsAtMs = startedAtMs + (job.warmSeconds + job.seconds) * 1000;
  let failure: unknown;
  isStopWished = false;

  const serve = async (connection: Connection) => {
    for (let dueAtMs = due.shift(); dueAtMs !== undefined; dueAtMs = due.shift()) {
      const sample = await runOnce(connection, script, dueAtMs, statuses);
      if (dueAtMs - startedAtMs >= job.warmSeconds * 1000) samples.push(sample);
    }
    idle.push(connection);
  };
  for (let count = 0; ; ) {
    const nowMs = performance.now();
    for (; startedAtMs + (count * 1000) / job.perSecond <= Math.min(nowMs, endsAtMs); count += 1)
      due.push(startedAtMs + (count * 1000) / job.perSecond);
    if (due.length > pileMax) throw new Error(`the server does not keep up with ${job.perSecond} a second`);
    while (due.length > 0 && idle.length > 0) {
      // In turn: the server closes a connection that is idle for some seconds.
      const connection = idle.shift();
      if (connection === undefined) break;
      const served = serve(connection).catch((error: unknown) => {
        failure = error;
      });
      running.add(served);
      void served.then(() => running.delete(served));
    }
    if (nowMs >= endsAtMs || isStopWished) break;
    // Up to 2 ms late, which the latency counts; to poll the event loop instead would take a core from the server.
    await delay(1);
    if (failure !== undefined) throw failure;
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure;
  return { answersPerSecond: samples.length / job.seconds, statuses, samples };
}

async function run(job: Job): Promise<Outcome> {
  const script = stepsOf(job.script);
  const cpu = process.cpuUsage();
  const startedAtMs = performance.now();
  let counted: Counted;
  if (job.kind === 'autocannon') counted = await runAutocannon(job, script);
  else if (job.kind === 'hammer') counted = await runHammer(job, script);
  else {
    const open = () => openConnection(job.origin, job.token);
    const connections = await Promise.all(Array.from({ length: job.connections }, open));
    counted = await (job.kind === 'count'
      ? runCount(job, script, connections)
      : runSchedule(job, script, connections));
    for (const connection of connections) connection.close();
  }
  const { user, system } = process.cpuUsage(cpu);
  const loadCpu = (user + system) / 1000 / (performance.now() - startedAtMs);
  return { ...counted, freshUsed: script.freshUsed(), loadCpu };
}

const say = (message: Message): void => {
  process.send?.(message);
};

process.on('message', (order: { job: Job } | { stop: true }) => {
  if ('stop' in order) {
    isStopWished = true;
    return;
  }
  run(order.job).then(
    (outcome) => say({ outcome }),
    (error: unknown) => say({ failure: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit());
// Ctrl-C reaches every process of the terminal: the parent decides when this one ends.
process.on('SIGINT', () => undefined);
