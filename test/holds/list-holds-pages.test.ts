/** Owns the tests of the pages and cursors of GET /rooms/hold. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { roles, type TestApp } from '../helpers/app.ts';
import { makeRoom } from '../helpers/property.ts';
import { ask, idsOf, list, listIds, newFrontend, pages, placeHolds } from './lists.ts';
import { confirmHold, expire, releaseHold, startHoldApp } from './verbs.ts';

let server: TestApp;

beforeAll(async () => {
  server = await startHoldApp();
});
afterAll(() => server.close());

describe('pages', () => {
  test('limit by limit to the end, none repeated, none skipped', async () => {
    const { token } = newFrontend();
    const ids = idsOf(await placeHolds(server, token, 7)).reverse();
    const found = await pages(server, token, { limit: 3 });
    expect(found.map(({ length }) => length)).toEqual([3, 3, 1]);
    expect(idsOf(found.flat())).toEqual(ids);
    // A last page that is full has no cursor to an empty one.
    expect((await pages(server, token, { limit: 7 })).map(({ length }) => length)).toEqual([7]);
    expect((await pages(server, token, { limit: 1 })).map(({ length }) => length)).toEqual([
      1, 1, 1, 1, 1, 1, 1,
    ]);
  });

  test('50 without a limit, 200 at most', async () => {
    const { token, sub } = newFrontend();
    // By plain SQL: 201 holds by HTTP would prove no more.
    await server.database.query(
      `WITH made AS (
         INSERT INTO hold (hold_id, status, holder, created_by, expires_at, ended_at)
         SELECT hold_id_at(clock() - make_interval(secs => n)), 'RELEASED', $1, $1, clock(), clock()
         FROM generate_series(1, 201) n RETURNING hold_id)
       INSERT INTO hold_room (hold_id, room_id, fence, is_live) SELECT hold_id, $2, 1, false FROM made`,
      [sub, (await makeRoom(server)).room_id],
    );
    expect((await list(server, token)).holds).toHaveLength(50);
    const page = await list(server, token, { limit: 200 });
    expect(page.holds).toHaveLength(200);
    expect((await list(server, token, { limit: 200, cursor: page.next_cursor ?? '' })).holds).toHaveLength(1);
  });

  test('while holds come and end, those that do not change are neither repeated nor skipped', async () => {
    const { token } = newFrontend();
    const holds = await placeHolds(server, token, 6);
    const [a, b, c, d, e, f] = holds;
    if (!a || !b || !c || !d || !e || !f) throw new Error('six holds were placed');
    const first = await list(server, token, { limit: 2 });
    expect(idsOf(first.holds)).toEqual(idsOf([f, e]));
    const [newer] = await placeHolds(server, token, 1);
    await releaseHold(server, f, token);
    await confirmHold(server, c, {}, token);
    const second = await list(server, token, { limit: 2, cursor: first.next_cursor ?? '' });
    expect(second.holds).toMatchObject([{ hold_id: d.hold_id }, { hold_id: c.hold_id, status: 'CONFIRMED' }]);
    const third = await list(server, token, { limit: 2, cursor: second.next_cursor ?? '' });
    expect(idsOf(third.holds)).toEqual(idsOf([b, a]));
    expect(third.next_cursor).toBeNull();
    expect((await listIds(server, token, { limit: 1 }))[0]).toBe(newer?.hold_id);
  });

  test('by a filter that changes meanwhile: those that still fit, once each', async () => {
    const { token } = newFrontend();
    const [a, b, c, d] = await placeHolds(server, token, 4);
    if (!a || !b || !c || !d) throw new Error('four holds were placed');
    const first = await list(server, token, { status: 'ACTIVE', limit: 2 });
    expect(idsOf(first.holds)).toEqual(idsOf([d, c]));
    await releaseHold(server, d, token);
    await expire(server, b);
    const second = await list(server, token, { status: 'ACTIVE', limit: 2, cursor: first.next_cursor ?? '' });
    expect(idsOf(second.holds)).toEqual([a.hold_id]);
  });

  test.each([
    ['another filter', { status: 'ACTIVE' }],
    ['one filter less', {}],
    ['one filter more', { holder: 'frontend', reference: 'x' }],
  ])('400 cursor-invalid with %s than it came from', async (_how, query) => {
    const holder = 'frontend';
    await placeHolds(server, roles.frontend, 2);
    const { next_cursor } = await list(server, roles.frontend, { holder, limit: 1 });
    expect(next_cursor).not.toBeNull();
    expect(
      await ask(server, roles.frontend, { ...query, limit: 1, cursor: next_cursor ?? '' }),
    ).toMatchObject({
      status: 400,
      body: { code: 'cursor-invalid' },
    });
    // Another limit is another length, not another list.
    expect((await ask(server, roles.frontend, { holder, limit: 2, cursor: next_cursor ?? '' })).status).toBe(
      200,
    );
  });

  test.each(['', 'x', 'W10', Buffer.from('["abcdefgh","not-a-uuid"]').toString('base64url'), 'ü🛏'])(
    '400 cursor-invalid for %j',
    async (cursor) => {
      expect(await ask(server, roles.frontend, { cursor })).toMatchObject({
        status: 400,
        body: { code: 'cursor-invalid' },
      });
    },
  );

  test('400 cursor-invalid for a cursor of another kind of list', async () => {
    await makeRoom(server);
    await makeRoom(server);
    const { body } = await server.call('GET', '/rooms?limit=1', { token: roles.frontend });
    expect(body.next_cursor).not.toBeNull();
    expect(await ask(server, roles.frontend, { cursor: body.next_cursor })).toMatchObject({
      status: 400,
      body: { code: 'cursor-invalid' },
    });
  });
});

test('every cursor is text that a URL takes as it is', async () => {
  const { token } = newFrontend();
  await placeHolds(server, token, 2);
  const { next_cursor } = await list(server, token, { limit: 1 });
  expect(z.base64url().safeParse(next_cursor).success).toBe(true);
});
