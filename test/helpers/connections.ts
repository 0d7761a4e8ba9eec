/** Owns a test's own connections to Postgres, beside the server's: they hold row locks, and see who waits for them. */
import pg from 'pg';
import { onTestFinished, vi } from 'vitest';

/** A connection that outlives no test; `pid` is its process at the server. */
export type Connection = Readonly<{
  pid: number;
  query<Row extends pg.QueryResultRow = Record<string, unknown>>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
}>;

/** Connects to `url`. Whatever it has locked is free at the end of the test, at the latest. */
export async function connect(url: string): Promise<Connection> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {
    // A test may cut it.
  });
  await client.connect();
  onTestFinished(async () => {
    await client.end().catch(() => undefined);
  });
  const query = async <Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]) =>
    (await client.query<Row>(sql, values ? [...values] : undefined)).rows;
  const [backend] = await query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  if (backend === undefined) throw new Error('a connection has a process');
  return { pid: backend.pid, query };
}

/** A connection that has begun a transaction and locked these rooms' rows, in this order. */
export async function lockRooms(url: string, ...roomIds: number[]): Promise<Connection> {
  const connection = await connect(url);
  await connection.query('BEGIN');
  for (const roomId of roomIds) {
    await connection.query('SELECT FROM room WHERE room_id = $1 FOR NO KEY UPDATE', [roomId]);
  }
  return connection;
}

/** Waits until `count` others are blocked by this connection, and answers their processes. */
export function untilBlocked(
  by: Connection,
  watcher: Pick<Connection, 'query'>,
  count = 1,
): Promise<number[]> {
  return until(async () => {
    const blocked = await watcher.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)) ORDER BY pid',
      [by.pid],
    );
    if (blocked.length !== count) throw new Error(`${blocked.length} wait for the connection, not ${count}`);
    return blocked.map(({ pid }) => pid);
  });
}

/** Polls until the check passes; for whatever has no event to wait for. */
export function until<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 15_000, interval: 5 });
}
