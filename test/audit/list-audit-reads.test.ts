/** Owns the promise that a page of the audit trail reads what it shows, however long the trail is. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { selectAuditPage } from '../../src/audit/sql.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { rowsFetched } from '../helpers/rows-fetched.ts';

const entriesCount = 10_000;
const day = (n: number): string => new Date(Date.UTC(2100, 0, 1 + n)).toISOString();

let server: TestApp;

/** One entry a day from 2100 on, all HOLD but for a few at the beginning; ids have gaps, as those that were rolled back leave. */
beforeAll(async () => {
  server = await startTestApp();
  await server.database.query(
    `INSERT INTO audit_log (audit_id, at, entity, entity_id, action, actor)
     SELECT 1000 + 3 * n, '2100-01-01Z'::timestamptz + make_interval(days => n), 'room', (n % 100)::text,
       (CASE n WHEN 10 THEN 'EXPIRE' WHEN 20 THEN 'UNFREEZE' WHEN 30 THEN 'DELETE' ELSE 'HOLD' END)::audit_action,
       CASE WHEN n IN (10, 20) THEN 'system' ELSE 'frontend' END
     FROM generate_series(0, $1::integer - 1) n`,
    [entriesCount],
  );
  await server.database.query('ANALYZE audit_log');
});
afterAll(() => server.close());

type Query = Omit<Parameters<typeof selectAuditPage>[0], 'limit'>;

/** The days of the entries that a query finds, newest first. */
async function daysOf(query: Record<string, string>): Promise<number[]> {
  const { body } = await server.call('GET', `/audit?${new URLSearchParams({ limit: '200', ...query })}`, {
    token: server.as.operations,
  });
  return body.entries.map(({ at }: { at: string }) => (Date.parse(at) - Date.UTC(2100, 0, 1)) / 86_400_000);
}

const cases: [string, Query & Record<string, string>, number[]][] = [
  ['the only EXPIRE, long ago', { action: 'EXPIRE' }, [10]],
  ['the only DELETE, long ago', { action: 'DELETE' }, [30]],
  ['what the system did', { actor: 'system' }, [20, 10]],
  ['EXPIRE by somebody else, which never is', { action: 'EXPIRE', actor: 'frontend' }, []],
  ['a span in the middle', { from: day(5_000), to: day(5_002) }, [5_002, 5_001, 5_000]],
  ['a span between two entries', { from: '2110-01-01T10:00:00.000Z', to: '2110-01-01T11:00:00.000Z' }, []],
  ['from the last entry on', { from: day(entriesCount - 1) }, [entriesCount - 1]],
  ['from the instant behind the last entry', { from: day(entriesCount) }, []],
];

test.each(cases)('%s', async (_what, query, wanted) => {
  expect(await daysOf(query)).toEqual(wanted);
  const { text, values } = selectAuditPage({ limit: 200, ...query }, undefined);
  expect(await rowsFetched(server, text, values)).toBeLessThan(100);
});

test('up to the first entry', async () => {
  const { text, values } = selectAuditPage({ limit: 200, to: day(0) }, undefined);
  expect(await daysOf({ from: day(0), to: day(0) })).toEqual([0]);
  expect(await rowsFetched(server, text, values)).toBeLessThan(100);
});
