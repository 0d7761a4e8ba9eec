/** Owns the faults of Postgres, and of other people's sessions in it. */
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { kill } from '../world/processes.ts';
import type { Fault, Scene } from './fault.ts';

/** Runs something again and again in the background, whatever becomes of each time, until it is stopped. */
function repeat(pauseMs: () => number, act: () => Promise<void>): () => Promise<void> {
  let isStopped = false;
  const run = async () => {
    while (!isStopped) {
      await act().catch(() => undefined);
      await delay(pauseMs());
    }
  };
  const running = run();
  return async () => {
    isStopped = true;
    await running;
  };
}

const restart: Fault = {
  name: 'postgres restarted',
  layer: 'postgres',
  lastsMs: [0, 1_000],
  async inject({ world: { postgres } }) {
    await postgres.stop();
    return { detail: 'fast', heal: postgres.start };
  },
};

const killPostgres: Fault = {
  name: 'postgres killed',
  layer: 'postgres',
  lastsMs: [0, 1_000],
  async inject({ world: { postgres } }) {
    await postgres.kill();
    return { detail: 'every process', heal: postgres.start };
  },
};

const killBackend: Fault = {
  name: 'backend killed',
  layer: 'postgres',
  lastsMs: [0, 200],
  async inject({ world: { postgres }, random }) {
    const backends = await postgres.backends();
    const [pid] = random.sample(backends, 1);
    // Postgres then restarts all of its backends, and recovers.
    if (pid !== undefined) kill(pid, 'SIGKILL');
    return { detail: `1 of ${backends.length}`, heal: async () => undefined };
  },
};

const freeze: Fault = {
  name: 'postgres frozen',
  layer: 'postgres',
  lastsMs: [500, 4_000],
  async inject({ world: { postgres } }) {
    await postgres.freeze();
    return { detail: 'every process', heal: postgres.thaw };
  },
};

const terminate: Fault = {
  name: 'backends terminated',
  layer: 'postgres',
  lastsMs: [500, 2_500],
  async inject({ world: { postgres }, random }) {
    const stop = repeat(
      () => random.integer(20, 150),
      async () => {
        await postgres.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = 'holdfast' AND random() < 0.3`,
        );
      },
    );
    return { detail: 'a third of them, again and again', heal: stop };
  },
};

const lockHog: Fault = {
  name: 'lock hog',
  layer: 'postgres',
  lastsMs: [1_000, 6_500],
  async inject({ world: { postgres }, random }) {
    const client = await postgres.connect();
    await client.query('BEGIN');
    const share = random.pick([0.2, 1]);
    await client.query(`SELECT FROM room WHERE random() < ${share} ORDER BY room_id FOR UPDATE`);
    const heal = async () => void (await client.end().catch(() => undefined));
    return { detail: `${share * 100} % of the rooms`, heal };
  },
};

/** Locks rooms the wrong way round, so that whoever locks them the right way meets it. */
async function lockBackwards(scene: Scene): Promise<void> {
  const { world, random } = scene;
  const client = await world.postgres.connect();
  try {
    const { rows } = await client.query('SELECT room_id FROM room ORDER BY room_id DESC');
    const from = random.integer(0, Math.max(0, rows.length - 6));
    await client.query('BEGIN');
    for (const { room_id } of rows.slice(from, from + 6)) {
      await client.query('SELECT FROM room WHERE room_id = $1 FOR UPDATE', [room_id]);
      await delay(random.integer(0, 40));
    }
    await client.query('ROLLBACK');
  } finally {
    await client.end().catch(() => undefined);
  }
}

const deadlockPartner: Fault = {
  name: 'deadlock partner',
  layer: 'postgres',
  lastsMs: [1_500, 4_000],
  async inject(scene) {
    const stops = [1, 2].map(() =>
      repeat(
        () => scene.random.integer(0, 30),
        () => lockBackwards(scene),
      ),
    );
    const heal = async () => void (await Promise.all(stops.map((stop) => stop())));
    return { detail: 'two sessions', heal };
  },
};

const noConnections: Fault = {
  name: 'no connections left',
  layer: 'postgres',
  lastsMs: [1_500, 4_000],
  async inject({ world: { postgres } }) {
    const taken: pg.Client[] = [];
    const stop = repeat(
      () => 20,
      async () => {
        // Those of the servers that are idle go too: whoever comes back finds the door shut.
        await taken[0]?.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = 'holdfast' AND state = 'idle' AND random() < 0.2`,
        );
        for (;;) taken.push(await postgres.connect());
      },
    );
    const heal = async () => {
      await stop();
      await Promise.all(taken.map((client) => client.end().catch(() => undefined)));
    };
    return { detail: 'all that there are', heal };
  },
};

/** Every fault of Postgres. */
export const postgresFaults: readonly Fault[] = [
  restart,
  killPostgres,
  killBackend,
  freeze,
  terminate,
  lockHog,
  deadlockPartner,
  noConnections,
];
