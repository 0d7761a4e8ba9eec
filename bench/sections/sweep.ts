/** Owns the measurement of many holds that expire at one instant, and of who places holds meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { benchActor, runSql, usedRoomsSql } from '../databases.ts';
import type { Outcome } from '../load.ts';
import { compare, percentile, type Row } from '../measure.ts';
import { mustAnswer } from '../sale.ts';
import type { Property, Section } from '../section.ts';
import type { World } from '../world.ts';

/** Holds placed a second, on a schedule: a good evening, not the peak. */
const placedPerSecond = 400;
const connections = 128;
const sweepMsMax = 120_000;
/** How placing fares is looked at for so long, at most; what is left of the backlog is then swept alone. */
const meanwhileMsMax = 30_000;

/** Holds that were over when they were written; nobody sees them before the transaction ends. */
const expiredHolds = (property: Property, count: number): string[] => [
  `CREATE TEMPORARY TABLE over ON COMMIT DROP AS
   SELECT room_id, hold_id_at(now()) AS hold_id FROM (${usedRoomsSql(property.fresh)} LIMIT ${count}) r`,
  `UPDATE hold_room SET is_live = false WHERE is_live AND room_id IN (SELECT room_id FROM over)`,
  `INSERT INTO hold (hold_id, holder, created_by, created_at, expires_at)
   SELECT hold_id, 'late-' || room_id, '${benchActor}', now() - interval '15 min', now() - interval '1 s' FROM over`,
  'INSERT INTO hold_room (hold_id, room_id) SELECT hold_id, room_id FROM over',
  `UPDATE room SET room_status = 'HELD', hold_id = over.hold_id, hold_expires_at = now() - interval '1 s',
     fence = fence + 1, freeze_reason = 'NONE', freeze_expires_at = NULL, frozen_from_maintenance = false
   FROM over WHERE room.room_id = over.room_id`,
];

/** Makes holds that are over, in a transaction of its own, and commits it once it is `due`: the worker finds them all. */
async function expireAtOnce(property: Property, count: number, due: () => Promise<void>): Promise<string> {
  const { databaseUrl } = property;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    for (const statement of expiredHolds(property, count)) await client.query(statement);
    await runSql(databaseUrl, 'CHECKPOINT');
    await due();
    const [last] = await runSql(
      databaseUrl,
      'SELECT coalesce(max(audit_id), 0)::text AS audit_id FROM audit_log',
    );
    await client.query('COMMIT');
    return String(last?.audit_id);
  } finally {
    await client.end();
  }
}

const leftSql = `SELECT FROM room WHERE room_status = 'HELD' AND hold_expires_at <= now() LIMIT 1`;

/** Waits until no room is held by a hold that is over. One connection looks: to connect anew would take from the sweep. */
async function sweptClean(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const deadline = performance.now() + sweepMsMax;
  try {
    while ((await client.query(leftSql)).rowCount !== 0) {
      if (performance.now() > deadline) throw new Error(`not swept within ${sweepMsMax / 1000} s`);
      await delay(100);
    }
  } finally {
    await client.end();
  }
}

type Pass = { firstMs: number; lastMs: number; swept: number; perSecond: number };

/** What the audit log says of a sweep until an instant: its first and its last batch, Unix milliseconds. */
async function passAfter(url: string, lastAuditId: string, until = new Date()): Promise<Pass> {
  const [pass] = await runSql(
    url,
    `SELECT extract(epoch FROM min(at)) * 1000 AS first_ms, extract(epoch FROM max(at)) * 1000 AS last_ms,
       count(*) AS swept
     FROM audit_log WHERE action = 'EXPIRE' AND audit_id > ${lastAuditId} AND at <= '${until.toISOString()}'`,
  );
  const [firstMs, lastMs, swept] = [Number(pass?.first_ms), Number(pass?.last_ms), Number(pass?.swept)];
  return { firstMs, lastMs, swept, perSecond: (swept * 1000) / (lastMs - firstMs) };
}

async function sweepAlone(property: Property, count: number): Promise<Pass> {
  const lastAuditId = await expireAtOnce(property, count, async () => {});
  await sweptClean(property.databaseUrl);
  return passAfter(property.databaseUrl, lastAuditId);
}

async function sweepMeanwhile(
  world: World,
  property: Property,
  origin: string,
  count: number,
): Promise<Pass & { beforeMs: number; meanwhileMs: number }> {
  const { warmSeconds, seconds } = world.scale;
  let placing: Promise<Outcome> | undefined;
  const lastAuditId = await expireAtOnce(property, count, async () => {
    placing = world.loader.run({
      kind: 'schedule',
      origin,
      token: world.token,
      connections,
      perSecond: placedPerSecond,
      warmSeconds: warmSeconds + 1,
      seconds: 2 * seconds + meanwhileMsMax / 1000 + 5,
      script: { kind: 'hold', fresh: property.fresh },
    });
    await delay((warmSeconds + 1 + 2 * seconds) * 1000);
  });
  const swept = sweptClean(property.databaseUrl);
  await Promise.race([swept, delay(meanwhileMsMax)]);
  const lookedUntil = new Date();
  world.loader.stop();
  const outcome = await placing;
  await swept;
  if (outcome === undefined) throw new Error('nobody placed holds');
  property.fresh = { ...property.fresh, from: property.fresh.from + outcome.freshUsed };
  mustAnswer(outcome, [201]);
  const pass = await passAfter(property.databaseUrl, lastAuditId, lookedUntil);
  const p99 = (isWanted: (dueAtMs: number) => boolean) =>
    percentile(
      outcome.samples
        .filter(({ dueAtMs }) => isWanted(dueAtMs))
        .map(({ latenciesMs }) => latenciesMs[0] ?? 0),
      0.99,
    ) ?? Number.NaN;
  return {
    ...pass,
    beforeMs: p99((dueAtMs) => dueAtMs < pass.firstMs - 1_000),
    meanwhileMs: p99((dueAtMs) => dueAtMs >= pass.firstMs && dueAtMs <= pass.lastMs),
  };
}

/** 100,000 holds expire at one instant, with nobody there and while holds are placed. The worker looks every second. */
export const sweep: Section = {
  name: 'sweep',
  async run({ world, large }) {
    const { scale, say } = world;
    const property = await large();
    const server = await world.startServer('sweeping', property.databaseUrl, {
      HOLD_SWEEP_INTERVAL_SECONDS: '1',
    });
    const alone: Pass[] = [];
    const meanwhile: Awaited<ReturnType<typeof sweepMeanwhile>>[] = [];
    for (let round = 0; round < Math.min(scale.repeats, 2); round += 1) {
      say(`${scale.expiredHolds} holds expire at once`);
      alone.push(await sweepAlone(property, scale.expiredHolds));
      say(`${scale.expiredHolds} holds expire at once, while others are placed`);
      meanwhile.push(await sweepMeanwhile(world, property, server.origin, scale.expiredHolds));
    }
    await server.stop();
    const speed: Row['target'] = { bound: 'at least', must: 20_000, aim: 50_000 };
    const calm: Row['target'] = { bound: 'at most', must: 3, aim: 1.5 };
    const placing = `placing ${placedPerSecond} holds/s`;
    const left = scale.expiredHolds - Math.min(...meanwhile.map(({ swept }) => swept));
    const note = left > 0 ? { note: `${left} left after ${meanwhileMsMax / 1000} s` } : {};
    return [
      compare(
        { section: 'sweep', what: 'expired holds swept', unit: '/s', target: speed },
        alone.map(({ perSecond }) => perSecond),
      ),
      compare(
        { section: 'sweep', what: `expired holds swept, ${placing}`, unit: '/s', ...note },
        meanwhile.map(({ perSecond }) => perSecond),
      ),
      compare(
        { section: 'sweep', what: `${placing} meanwhile, p99`, unit: 'ms', target: calm },
        meanwhile.map(({ meanwhileMs }) => meanwhileMs),
        { what: 'before', samples: meanwhile.map(({ beforeMs }) => beforeMs) },
      ),
    ];
  },
};
