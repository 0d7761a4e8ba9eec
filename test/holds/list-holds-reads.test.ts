/** Owns the promise that a list of holds by status reads what it shows, however many other holds there are. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { selectHoldPage } from '../../src/holds/sql.ts';
import type { TestApp } from '../helpers/app.ts';
import { rowsFetched } from '../helpers/rows-fetched.ts';
import { idsOf, list, newFrontend, placeHolds } from './lists.ts';
import { confirmHold, expire, releaseHold, startHoldApp } from './verbs.ts';

/** Far more than a page, younger than those that are looked for. */
const othersCount = 5_000;
const status = (name: 'ACTIVE' | 'CONFIRMED' | 'RELEASED' | 'EXPIRED' | 'REVOKED') => ({ status: name });
const { sub, token } = newFrontend();

let server: TestApp;
let ids: string[];

beforeAll(async () => {
  server = await startHoldApp();
  const [active, confirmed, expired, reacquired] = await placeHolds(server, token, 4);
  if (!active || !confirmed || !expired || !reacquired) throw new Error('four holds were placed');
  await confirmHold(server, confirmed, {}, token);
  await expire(server, expired);
  await releaseHold(server, expired, token);
  await expire(server, reacquired);
  await releaseHold(server, reacquired, token);
  await confirmHold(server, reacquired, { reacquire: true }, token);
  ids = idsOf([active, confirmed, expired, reacquired]);
  await server.database.query(
    `INSERT INTO hold (hold_id, status, holder, created_by, expires_at, ended_at)
     SELECT hold_id_at(clock() + make_interval(secs => n)), 'RELEASED', $1, $1, clock(), clock()
     FROM generate_series(1, $2::integer) n`,
    [sub, othersCount],
  );
  await server.database.query('ANALYZE');
});
afterAll(() => server.close());

describe('a list by status', () => {
  test.each([
    ['ACTIVE', [0]],
    ['CONFIRMED', [3, 1]],
    ['EXPIRED', [2]],
    ['REVOKED', []],
  ] as const)('%s shows those, and reads few others', async (name, wanted) => {
    expect(idsOf((await list(server, token, status(name))).holds)).toEqual(wanted.map((n) => ids[n]));
    const { text, values } = selectHoldPage({ ...status(name), limit: 50 }, undefined, undefined);
    expect(await rowsFetched(server, text, values)).toBeLessThan(100);
  });

  test('RELEASED, a page of many, reads a page', async () => {
    const { text, values } = selectHoldPage({ ...status('RELEASED'), limit: 50 }, undefined, undefined);
    expect(await rowsFetched(server, text, values)).toBeLessThan(400);
  });
});
