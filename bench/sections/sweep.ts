/** Owns the measurement of many holds that expire at one instant, and of who places holds meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { benchActor, runSql, usedRoomsSql } from '../databases.ts';
import { compare, percentile, type Row } from '../measure.ts';
import { mustAnswer } from '../sale.ts';
import type { Property, Section } from '../section.ts';
import type { World } from '../world.ts';

/** Holds placed a second, on a schedule: a good evening, not the peak. */
const placedPerSecond = 400;
const connections = 128;
const sweepMsMax = 60_000;

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

/** How many rooms are held by a hold that is over. */
async function overLeft(url: string): Promise<number> {
  const [row] = await runSql(
    url,
    `SELECT count(*)::integer AS left FROM (
       SELECT FROM room WHERE room_status = 'HELD' AND hold_expires_at <= now() LIMIT 1) over`,
  );
  return Number(row?.left);
}

type Swept = { perSecond: number; beforeMs: number; meanwhileMs: number };

async function sweepOnce(world: World, property: Property, origin: string, count: number): Promise<Swept> {
  const { databaseUrl } = property;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    for (const statement of expiredHolds(property, count)) await client.query(statement);
    await runSql(databaseUrl, 'CHECKPOINT');
    const { warmSeconds, seconds } = world.scale;
    const placing = world.loader.run({
      kind: 'schedule',
      origin,
      token: world.token,
      connections,
      perSecond: placedPerSecond,
      warmSeconds: warmSeconds + 1,
      seconds: sweepMsMax / 1000,
      script: { kind: 'hold', fresh: property.fresh },
    });
    const watch = async () => {
      await delay((warmSeconds + 1 + 2 * seconds) * 1000);
      const [last] = await runSql(
        databaseUrl,
        'SELECT coalesce(max(audit_id), 0) AS audit_id FROM audit_log',
      );
      await client.query('COMMIT');
      const deadline = performance.now() + sweepMsMax;
      while ((await overLeft(databaseUrl)) > 0 && performance.now() < deadline) await delay(100);
      world.loader.stop();
      return String(last?.audit_id);
    };
    const [outcome, lastAuditId] = await Promise.all([placing, watch()]);
    property.fresh = { ...property.fresh, from: property.fresh.from + outcome.freshUsed };
    mustAnswer(outcome, [201]);
    const [pass] = await runSql(
      databaseUrl,
      `SELECT extract(epoch FROM first) * 1000 AS first_ms, extract(epoch FROM last) * 1000 AS last_ms, swept FROM (
         SELECT min(at) AS first, max(at) AS last, count(*) AS swept FROM audit_log
         WHERE action = 'EXPIRE' AND audit_id > ${lastAuditId}) pass`,
    );
    const [firstMs, lastMs] = [Number(pass?.first_ms), Number(pass?.last_ms)];
    const p99 = (isWanted: (dueAtMs: number) => boolean) =>
      percentile(
        outcome.samples
          .filter(({ dueAtMs }) => isWanted(dueAtMs))
          .map(({ latenciesMs }) => latenciesMs[0] ?? 0),
        0.99,
      ) ?? Number.NaN;
    return {
      perSecond: (Number(pass?.swept) * 1000) / (lastMs - firstMs),
      beforeMs: p99((dueAtMs) => dueAtMs < firstMs - 1_000),
      meanwhileMs: p99((dueAtMs) => dueAtMs >= firstMs && dueAtMs <= lastMs),
    };
  } finally {
    await client.end();
  }
}

/** 100,000 holds expire at one instant while holds are placed. The worker looks every second. */
export const sweep: Section = {
  name: 'sweep',
  async run({ world, large }) {
    const { scale, say } = world;
    const property = await large();
    const server = await world.startServer('sweeping', property.databaseUrl, {
      HOLD_SWEEP_INTERVAL_SECONDS: '1',
    });
    const taken: Swept[] = [];
    for (let round = 0; round < Math.min(scale.repeats, 2); round += 1) {
      say(`${scale.expiredHolds} holds expire at once`);
      taken.push(await sweepOnce(world, property, server.origin, scale.expiredHolds));
    }
    await server.stop();
    const speed: Row['target'] = { bound: 'at least', must: 20_000, aim: 50_000 };
    const calm: Row['target'] = { bound: 'at most', must: 3, aim: 1.5 };
    const before = { what: 'before', samples: taken.map(({ beforeMs }) => beforeMs) };
    return [
      compare(
        { section: 'sweep', what: 'expired holds swept', unit: '/s', target: speed },
        taken.map(({ perSecond }) => perSecond),
      ),
      compare(
        {
          section: 'sweep',
          what: `placing ${placedPerSecond} holds/s meanwhile, p99`,
          unit: 'ms',
          target: calm,
        },
        taken.map(({ meanwhileMs }) => meanwhileMs),
        before,
      ),
    ];
  },
};
