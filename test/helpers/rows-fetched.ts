/** Owns how many rows a statement looks at: what is served by an index looks at few, however many there are. */
import type { TestApp } from './app.ts';
import { openSession } from './property.ts';

/** Rows that a statement fetched from our tables, by an index or without one. What it did is taken back. */
export async function rowsFetched(
  server: TestApp,
  statement: string,
  values: readonly unknown[],
): Promise<number> {
  const session = await openSession(server.database);
  try {
    await session.query('BEGIN');
    await session.query(statement, [...values]);
    const { rows } = await session.query<{ fetched: string }>(
      `SELECT sum(idx_tup_fetch) + sum(seq_tup_read) AS fetched FROM pg_stat_xact_user_tables`,
    );
    return Number(rows[0]?.fetched);
  } finally {
    await session.query('ROLLBACK');
    await session.end();
  }
}
