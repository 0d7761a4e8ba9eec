import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { connect, lockRooms, until } from '../helpers/connections.ts';
import { makeRooms, placeHold } from '../helpers/property.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp({ env: { DATABASE_POOL_MAX: '4', HOLDS_ACTIVE_MAX: '0' } });
});
afterAll(() => server.close());

type Ending = { status: number; code: string; body: { room_id?: number } };

/** Asks without holding each answer against the document: so many are to be there before those who wait give up. */
async function ask(method: 'GET' | 'POST', url: string, token: string, payload?: object): Promise<Ending> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await server.app.inject({ method, url, headers, ...(payload && { payload }) });
  return { status: answer.statusCode, code: answer.json().code ?? 'none', body: answer.json() };
}

/** How `count` ended that were asked for at once: those refused at once, and those that waited for `letGo`. */
async function storm(
  count: number,
  refusedMin: number,
  one: () => Promise<Ending>,
  letGo: () => Promise<unknown>,
) {
  const early: Ending[] = [];
  const late: Ending[] = [];
  let endings = early;
  const all = Array.from({ length: count }, async () => {
    const ending = await one();
    endings.push(ending);
  });
  await until(() => expect(early.length).toBeGreaterThanOrEqual(refusedMin));
  endings = late;
  await letGo();
  await Promise.all(all);
  return { early, late };
}

const overloaded = { status: 503, code: 'overloaded' };

test('of 3,000 holds at once behind a locked room 2,000 wait and the rest are 503 overloaded at once; then all is well', async () => {
  const [room] = await makeRooms(server, 1);
  const roomId = room?.room_id ?? 0;
  const blocker = await lockRooms(server.database.url, roomId);
  // The queue, and at most three batches of 64 that are under way.
  const refusedMin = 3_000 - 2_000 - 3 * 64;
  const { early, late } = await storm(
    3_000,
    refusedMin,
    () => ask('POST', '/rooms/hold', server.as.delegate, { room_ids: [roomId] }),
    () => blocker.query('COMMIT'),
  );
  for (const answer of early) expect(answer).toMatchObject(overloaded);
  expect(late.length).toBeGreaterThan(1_900);
  expect(late.filter(({ status }) => status === 201)).toHaveLength(1);
  const others = late.filter(({ status }) => status !== 201);
  expect(new Set(others.map(({ code }) => code))).toEqual(new Set(['room-unavailable']));
  const [next] = await makeRooms(server, 1);
  await placeHold(server, [next?.room_id ?? 0]);
});

test('of 2,000 reads at once while Postgres hangs 1,000 wait and the rest are 503 overloaded at once; then all is well', async () => {
  const [room] = await makeRooms(server, 1);
  const blocker = await connect(server.database.url);
  await blocker.query('BEGIN');
  await blocker.query('LOCK TABLE room IN ACCESS EXCLUSIVE MODE');
  const read = () => ask('GET', `/rooms/${room?.room_id}`, server.as.operations);
  const refusedMin = 2_000 - 1_000;
  const { early, late } = await storm(2_000, refusedMin, read, () => blocker.query('COMMIT'));
  for (const answer of early) expect(answer).toMatchObject(overloaded);
  expect(late.length).toBe(1_000);
  for (const answer of late) expect(answer).toMatchObject({ status: 200, body: { room_id: room?.room_id } });
  expect(await read()).toMatchObject({ status: 200 });
});
