import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import type { Answer } from '../helpers/contract.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { expireHold, makeRooms, placeHold } from '../helpers/property.ts';
import { tokenFor } from '../helpers/tokens.ts';

const limit = 7;
const lifetimeSecondsMax = 3_600;
let database: TestDatabase;
let servers: TestApp[];
beforeAll(async () => {
  database = await createTestDatabase();
  const env = {
    HOLDS_ACTIVE_MAX: String(limit),
    HOLD_TTL_SECONDS_MAX: '1800',
    HOLD_LIFETIME_SECONDS_MAX: String(lifetimeSecondsMax),
  };
  servers = await Promise.all([0, 1, 2].map(() => startTestApp({ database, env })));
});
afterAll(async () => {
  await Promise.all(servers.map(({ close }) => close()));
  await database.drop();
});

/** The instance that the n-th of a crowd meets. */
const at = (n: number): TestApp => {
  const server = servers[n % servers.length];
  if (server === undefined) throw new Error('there are three instances');
  return server;
};

let subs = 0;
const newSub = (): string => {
  subs += 1;
  return `hoarder ${subs}`;
};
const newToken = (...scopes: string[]) => tokenFor(newSub(), 'ROOM_HOLD:WRITE', ...scopes);

/** 50 at once, over three instances, each for a room of its own; `fields` and `headers` may differ. */
async function storm(
  token: (n: number) => string,
  fields: (n: number) => Record<string, unknown> = () => ({}),
  headers: (n: number) => Record<string, string> = () => ({}),
): Promise<Answer[]> {
  const rooms = await makeRooms(at(0), 50);
  return Promise.all(
    rooms.map(({ room_id }, n) =>
      at(n).call('POST', '/rooms/hold', {
        token: token(n),
        headers: headers(n),
        body: { room_ids: [room_id], ...fields(n) },
      }),
    ),
  );
}

const statusesOf = (answers: readonly Answer[]) => {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const kind = status === 201 ? '201' : `${status} ${body.code}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
};

const exactly = (held: number) => ({ '201': held, '429 hold-limit-reached': 50 - held });

async function activeHolds(token: string): Promise<number> {
  const { body } = await at(0).call('GET', '/rooms/hold?status=ACTIVE&limit=200', { token });
  return body.holds.length;
}

describe('50 holds at once over three instances', () => {
  test('of one holder: exactly as many as the limit, whatever else each asks', async () => {
    const token = newToken();
    expect(statusesOf(await storm(() => token))).toEqual(exactly(limit));
    expect(await activeHolds(token)).toBe(limit);
  });

  test('of one holder by type: exactly as many as the limit', async () => {
    const token = newToken();
    const rooms = await makeRooms(at(0), 50);
    const answers = await Promise.all(
      rooms.map(({ room_type_id }, n) =>
        at(n).call('POST', '/rooms/hold', { token, body: { room_type_id, quantity: 1 } }),
      ),
    );
    expect(statusesOf(answers)).toEqual(exactly(limit));
  });

  test('of one holder with 50 tokens, 50 references and 50 idempotency keys: exactly as many as the limit', async () => {
    const sub = newSub();
    const answers = await storm(
      (n) => tokenFor(sub, 'ROOM_HOLD:WRITE', `other:${n}`),
      (n) => ({ reference: `cart ${n}`, ttl_seconds: 30 + n, holder: n % 2 === 0 ? sub : undefined }),
      (n) => ({ 'idempotency-key': `key ${n}`.replace(' ', '-') }),
    );
    expect(statusesOf(answers)).toEqual(exactly(limit));
  });

  test('that are refused can be asked again with their keys once there is room: a 429 is not remembered', async () => {
    const token = newToken();
    const [room] = await makeRooms(at(0), 1);
    const rooms = await makeRooms(at(0), limit);
    const holds = await Promise.all(rooms.map(({ room_id }, n) => placeHold(at(n), [room_id], { token })));
    const ask = () =>
      at(1).call('POST', '/rooms/hold', {
        token,
        headers: { 'idempotency-key': 'once-more' },
        body: { room_ids: [room?.room_id] },
      });
    expect(await ask()).toMatchObject({ status: 429, body: { code: 'hold-limit-reached' } });
    await at(2).call('DELETE', `/rooms/hold/${holds[0]?.hold_id}`, { token });
    expect(await ask()).toMatchObject({ status: 201 });
  });

  test('of one DELEGATE token for one holder: exactly as many as the limit; without a holder, all', async () => {
    const token = newToken('ROOM_HOLD:DELEGATE');
    expect(
      statusesOf(
        await storm(
          () => token,
          () => ({ holder: 'one customer' }),
        ),
      ),
    ).toEqual(exactly(limit));
    expect(statusesOf(await storm(() => token))).toEqual({ '201': 50 });
  });

  test('of a token without DELEGATE for 50 holders: none', async () => {
    const token = newToken();
    const answers = await storm(
      () => token,
      (n) => ({ holder: `customer ${n}` }),
    );
    expect(statusesOf(answers)).toEqual({ '403 permission-denied': 50 });
  });

  test('while holds are released as fast as they are placed: never more than the limit', async () => {
    const token = newToken();
    const seen: number[] = [];
    let isOver = false;
    const watch = async () => {
      const sql = `SELECT count(*)::integer AS active FROM hold WHERE status = 'ACTIVE' AND created_by = $1`;
      while (!isOver)
        seen.push((await database.query<{ active: number }>(sql, [`hoarder ${subs}`]))[0]?.active ?? 0);
    };
    const watching = watch();
    const rooms = await makeRooms(at(0), 50);
    await Promise.all(
      rooms.map(async ({ room_id }, n) => {
        for (let round = 0; round < 5; round += 1) {
          const answer = await at(n + round).call('POST', '/rooms/hold', {
            token,
            body: { room_ids: [room_id] },
          });
          if (answer.status === 201)
            await at(n).call('DELETE', `/rooms/hold/${answer.body.hold_id}`, { token });
          else expect(answer.body).toMatchObject({ code: 'hold-limit-reached' });
        }
      }),
    );
    isOver = true;
    await watching;
    expect(Math.max(...seen)).toBeLessThanOrEqual(limit);
    expect(Math.max(...seen)).toBeGreaterThan(0);
  });
});

describe('who counts as one holder', () => {
  // Subs are opaque: an issuer that gives one person two of them gives that person two limits.
  test.each([
    ['case', 'ana', 'ANA'],
    ['a space at the end', 'ben', 'ben '],
    ['a space of another kind', 'c d', 'c\u00a0d'],
    ['composed and decomposed', 'Zoë', 'Zoe\u0308'],
    ['a letter that looks the same', 'paul', 'p\u0430ul'],
    ['a zero-width joiner', 'eve', 'e\u200dve'],
    ['full width', 'finn', 'ｆinn'],
    ['a dotless i', 'gil', 'gıl'],
    ['a sharp s', 'strasse', 'straße'],
  ])(
    'two that differ by %s are two: each has its own limit, to the byte, and sees its own holds',
    async (_what, one, other) => {
      for (const sub of [one, other]) {
        const token = tokenFor(sub, 'ROOM_HOLD:WRITE');
        expect(statusesOf(await storm(() => token))).toEqual(exactly(limit));
        expect(await activeHolds(token)).toBe(limit);
      }
    },
  );

  test('a sub and holder that run together as another pair do are two', async () => {
    const pairs = [
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['a"', '"b'],
      ['a","b', 'c'],
    ] as const;
    for (const [sub, holder] of pairs) {
      const token = tokenFor(sub, 'ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE');
      expect(
        statusesOf(
          await storm(
            () => token,
            () => ({ holder }),
          ),
        ),
      ).toEqual(exactly(limit));
    }
  });
});

describe('to keep rooms for ever', () => {
  const extend = (holdId: string, ttl_seconds: number, token: string, n = 0) =>
    at(n).call('PATCH', `/rooms/hold/${holdId}`, { token, body: { ttl_seconds } });

  test('by extending again and again: no further than the lifetime, over all instances', async () => {
    const token = newToken();
    const [room] = await makeRooms(at(0), 1);
    const { hold_id, created_at } = await placeHold(at(0), [room?.room_id ?? 0], {
      token,
      ttl_seconds: 1800,
    });
    const latest = Date.parse(created_at) + lifetimeSecondsMax * 1000;
    expect(await extend(hold_id, 1800, token)).toMatchObject({ status: 200 });
    // As if it had been placed 31 minutes before and had 29 more to go: 29 more than there are may be asked.
    await database.query(`UPDATE hold SET created_at = created_at - interval '31 min' WHERE hold_id = $1`, [
      hold_id,
    ]);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => extend(hold_id, 1800, token, n)));
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 409, body: { code: 'hold-lifetime-exceeded' } });
      expect(Date.parse(answer.body.expires_at)).toBe(latest - 31 * 60_000);
    }
    expect(await extend(hold_id, 1700, token, 1)).toMatchObject({ status: 200 });
    const [kept] = await database.query<{ isWithin: boolean }>(
      `SELECT expires_at <= created_at + interval '${lifetimeSecondsMax} s' AS "isWithin" FROM hold WHERE hold_id = $1`,
      [hold_id],
    );
    expect(kept).toEqual({ isWithin: true });
  });

  test('by extending what is over: 410, and the room is free for others', async () => {
    const token = newToken();
    const [room] = await makeRooms(at(0), 1);
    const { hold_id } = await placeHold(at(0), [room?.room_id ?? 0], { token });
    await expireHold(database, hold_id);
    const answers = await Promise.all(Array.from({ length: 9 }, (_, n) => extend(hold_id, 60, token, n)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([410]));
    await placeHold(at(1), [room?.room_id ?? 0], { token: newToken() });
  });

  test('by a longer hold than may be asked for, at its placing or later: 400', async () => {
    const token = newToken();
    const [room] = await makeRooms(at(0), 1);
    const body = { room_ids: [room?.room_id], ttl_seconds: 1801 };
    expect(await at(0).call('POST', '/rooms/hold', { token, body })).toMatchObject({ status: 400 });
    const { hold_id } = await placeHold(at(0), [room?.room_id ?? 0], { token });
    expect(await extend(hold_id, 1801, token)).toMatchObject({ status: 400 });
  });

  test('by more rooms in one hold than may be asked for, by id or by type: 400', async () => {
    const token = newToken();
    const rooms = await makeRooms(at(0), 21);
    for (const body of [
      { room_ids: rooms.map(({ room_id }) => room_id) },
      { room_type_id: rooms[0]?.room_type_id, quantity: 21 },
    ]) {
      expect(await at(0).call('POST', '/rooms/hold', { token, body })).toMatchObject({ status: 400 });
    }
  });
});
