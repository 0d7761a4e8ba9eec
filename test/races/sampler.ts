/** Owns the look at the tables while a race runs: each sample is one statement, so one instant. */
import pg from 'pg';
import type { TestDatabase } from '../helpers/database.ts';

/** What samples saw: how many there were, and every hold or room that was not whole. */
export type Samples = Readonly<{ count: number; torn: readonly string[] }>;

/**
 * Samples on a connection of its own until it is stopped. At every instant each active hold has all of its rooms (as
 * many as its reference says), each of them HELD by it alone and with its HOLD row, and no other room is HELD.
 */
export async function startSampler(database: TestDatabase): Promise<() => Promise<Samples>> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const torn = new Set<string>();
  let count = 0;
  let isStopped = false;
  const running = (async () => {
    while (!isStopped) {
      const { rows } = await client.query<{ torn: string }>(tornSql);
      count += 1;
      for (const row of rows) torn.add(row.torn);
    }
    await client.end();
  })();
  return async () => {
    isStopped = true;
    await running;
    return { count, torn: [...torn] };
  };
}

const tornSql = `
  SELECT format('hold %s of %s rooms: held, claimed, audited are %s', h.hold_id, h.reference, seen) AS torn
  FROM hold h CROSS JOIN LATERAL (
    SELECT
      (SELECT count(*) FROM room r WHERE r.hold_id = h.hold_id AND r.room_status = 'HELD') AS held,
      (SELECT count(*) FROM hold_room c WHERE c.hold_id = h.hold_id AND c.is_live) AS claimed,
      (SELECT count(*) FROM audit_log a WHERE a.hold_id = h.hold_id AND a.action = 'HOLD') AS audited) seen
  WHERE h.status = 'ACTIVE' AND NOT (seen.held = h.reference::integer AND seen.claimed = seen.held AND seen.audited = seen.held)
  UNION ALL
  SELECT format('room %s is held by nobody', r.room_id) FROM room r
  WHERE r.room_status = 'HELD' AND NOT EXISTS (
    SELECT FROM hold h JOIN hold_room c USING (hold_id)
    WHERE h.hold_id = r.hold_id AND h.status = 'ACTIVE' AND c.room_id = r.room_id AND c.is_live)`;
