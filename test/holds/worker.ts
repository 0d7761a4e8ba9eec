/** Owns workers as the tests run them: with a log to read, a clock that the test moves, and much to do. */
import { pino } from 'pino';
import { expect, onTestFinished, vi } from 'vitest';
import { type ExpiryWorker, type SweptCounts, startExpiryWorker } from '../../src/holds/expiry-worker.ts';
import type { TestApp } from '../helpers/app.ts';
import { type Connection, connect, until } from '../helpers/connections.ts';
import { makeRoom } from '../helpers/property.ts';
import { expire, makeHold } from './verbs.ts';

/** Longer than any test waits: passes beyond the first come when the test moves the clock. */
export const intervalSeconds = 3_600;

type Line = { level: number; msg: string } & Partial<SweptCounts>;
export type Watched = { worker: ExpiryWorker; lines: Line[]; swept(): Line[] };

/** Starts the worker of an instance, with its log to read. It has stopped by the end of the test. */
export function startWorker(instance: TestApp): Watched {
  const lines: Line[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const config = { ...instance.platform.config, holdSweepIntervalSeconds: intervalSeconds };
  const worker = startExpiryWorker({ ...instance.platform, config, log });
  onTestFinished(() => worker.stop());
  return { worker, lines, swept: () => lines.filter(({ msg }) => msg === 'swept') };
}

/** A worker whose first pass is over. */
export async function startIdleWorker(server: TestApp): Promise<Watched> {
  const { hold } = await makeHold(server, 1);
  await expire(server, hold);
  const watched = startWorker(server);
  await until(() => expect(watched.swept()).toHaveLength(1));
  return watched;
}

/** Makes passes come by `passTime` alone. */
export const stopTime = () => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
export const passTime = (intervals = 1) => vi.advanceTimersByTime(intervals * intervalSeconds * 1_000);

/** A connection that a pass waits for at its end, with all of its work done and not yet committed. */
export async function holdUpPasses(server: TestApp): Promise<Connection> {
  const connection = await connect(server.database.url);
  await connection.query('BEGIN');
  await connection.query('LOCK TABLE idempotency_key IN EXCLUSIVE MODE');
  return connection;
}

/** So many holds on two rooms each, made by one command and over for a minute or less. Returns their ids. */
export async function makeOverHolds(server: TestApp, count: number): Promise<string[]> {
  const { room_type_id } = await makeRoom(server);
  const rooms = await server.database.query<{ room_id: number }>(
    `INSERT INTO room (room_no, room_type_id)
     SELECT format('bulk %s %s', $1::integer, n), $1::integer FROM generate_series(1, $2::integer) n RETURNING room_id`,
    [room_type_id, count * 2],
  );
  const requests = Array.from({ length: count }, (_, n) => ({
    created_by: 'bulk',
    holder: 'bulk',
    room_ids: rooms.slice(2 * n, 2 * n + 2).map(({ room_id }) => room_id),
    ttl_seconds: 900,
    is_patient: false,
    request_id: 'bulk',
  }));
  const holds = await server.database.query<{ hold_id: string }>(
    `SELECT outcome ->> 'hold_id' AS hold_id FROM json_array_elements(hold_place($1)) outcome`,
    [JSON.stringify(requests)],
  );
  const holdIds = holds.map(({ hold_id }) => hold_id);
  await server.database.query(
    `WITH over AS (
       UPDATE hold SET expires_at = clock() - make_interval(secs => 60 * random()), created_at = created_at - interval '20 min'
       WHERE hold_id = ANY ($1) RETURNING hold_id, expires_at)
     UPDATE room SET hold_expires_at = over.expires_at, updated_at = updated_at - interval '20 min'
     FROM over WHERE room.hold_id = over.hold_id`,
    [holdIds],
  );
  return holdIds;
}

/** How these holds stand: how many have ended, and how many EXPIRE rows each of their rooms has at most and at least. */
export async function endedCounts(server: TestApp, holdIds: readonly string[]) {
  const [row] = await server.database.query(
    `SELECT count(DISTINCT h.hold_id)::integer AS ended, min(expires)::integer AS expires_min, max(expires)::integer AS expires_max,
       count(*) FILTER (WHERE r.room_status <> 'AVAILABLE' OR c.is_live)::integer AS untidy
     FROM hold h JOIN hold_room c USING (hold_id) JOIN room r USING (room_id)
     CROSS JOIN LATERAL (
       SELECT count(*) AS expires FROM audit_log a
       WHERE a.action = 'EXPIRE' AND a.hold_id = h.hold_id AND a.entity_id = r.room_id::text) e
     WHERE h.hold_id = ANY ($1) AND h.status = 'EXPIRED'`,
    [holdIds],
  );
  return row;
}
