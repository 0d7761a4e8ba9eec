/** Owns the looks at the tables while a run goes on: each one statement, so that it sees one instant. */
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { z } from 'zod';
import { nowMs } from './clock.ts';
import type { Recorder, Sample } from './history.ts';
import type { World } from './world/world.ts';

const ms = (column: string) => `(extract(epoch FROM ${column}) * 1000)::bigint`;

/** $1: the audit ids up to which all have been seen. */
const statement = `
  SELECT json_build_object(
    'atMs', ${ms('clock_timestamp()')},
    'rooms', (SELECT coalesce(json_agg(json_build_array(
      room_id, room_status, hold_id, ${ms('hold_expires_at')}, fence) ORDER BY room_id), '[]') FROM room),
    'holds', (SELECT coalesce(json_agg(json_build_array(hold_id, ${ms('expires_at')}, (
      SELECT coalesce(json_agg(c.room_id ORDER BY c.room_id), '[]') FROM hold_room c WHERE c.hold_id = h.hold_id))), '[]')
      FROM hold h WHERE status = 'ACTIVE'),
    'claims', (SELECT coalesce(json_agg(json_build_array(hold_id, room_id)), '[]') FROM hold_room WHERE is_live),
    'auditIds', (SELECT coalesce(json_agg(audit_id ORDER BY audit_id), '[]') FROM audit_log WHERE audit_id > $1)
  ) AS sample`;

const sampleSchema = z.object({
  atMs: z.int(),
  rooms: z.array(z.tuple([z.int(), z.string(), z.string().nullable(), z.int().nullable(), z.int()])),
  holds: z.array(z.tuple([z.string(), z.int(), z.array(z.int())])),
  claims: z.array(z.tuple([z.string(), z.int()])),
  auditIds: z.array(z.int()),
});

const intervalMs = 200;
/** Ids are given out before they are committed: those so far back are looked for again. */
const auditLookback = 300;

/** A sampler that runs until it is stopped. */
export type Sampler = Readonly<{ stop(): Promise<void> }>;

async function look(client: pg.Client, seen: Set<number>): Promise<Sample> {
  const newest = Math.max(0, ...[...seen].slice(-1));
  const sentMs = nowMs();
  const { rows } = await client.query(statement, [Math.max(0, newest - auditLookback)]);
  const receivedMs = nowMs();
  const sample = sampleSchema.parse(rows[0]?.sample);
  const auditIds = sample.auditIds.filter((auditId) => !seen.has(auditId));
  for (const auditId of auditIds) seen.add(auditId);
  for (const auditId of seen) {
    if (seen.size <= 2 * auditLookback) break;
    seen.delete(auditId);
  }
  return { sentMs, receivedMs, ...sample, auditIds };
}

/** Starts looking, five times a second while Postgres can be reached; not through the proxies. */
export function startSampler(world: World, recorder: Recorder): Sampler {
  let isStopped = false;
  const seen = new Set<number>();

  async function run(): Promise<void> {
    let client: pg.Client | undefined;
    while (!isStopped) {
      try {
        client ??= await world.postgres.connect();
        recorder.sample(await look(client, seen));
      } catch (error) {
        if (error instanceof z.ZodError) throw error;
        // It is being tortured: the next look has a new connection.
        await client?.end().catch(() => undefined);
        client = undefined;
      }
      await delay(intervalMs);
    }
    await client?.end().catch(() => undefined);
  }

  const running = run();
  return {
    async stop() {
      isStopped = true;
      await running;
    },
  };
}
