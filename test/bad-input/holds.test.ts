import { afterAll, describe, expect, test } from 'vitest';
import { holdStatuses } from '../../src/holds/schemas.ts';
import type { WireRequest } from '../helpers/wire-request.ts';
import { type HoldState, headersOf, openProperty, type Row, testRows } from './property.ts';

const property = await openProperty();
afterAll(() => property.server.close());
const { as } = property.server;
const { holds } = property;

const neverWas = '0192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6e';

/** Every verb on a hold, by its name. */
const verbs: Readonly<Record<string, (holdId: string, token: string) => WireRequest>> = {
  read: (id, token) => ({ method: 'GET', target: `/rooms/hold/${id}`, headers: headersOf(token) }),
  look: (id, token) => ({ method: 'HEAD', target: `/rooms/hold/${id}`, headers: headersOf(token) }),
  extend: (id, token) => ({
    method: 'PATCH',
    target: `/rooms/hold/${id}`,
    headers: headersOf(token, true),
    body: '{"ttl_seconds":60}',
  }),
  confirm: (id, token) => ({
    method: 'POST',
    target: `/rooms/hold/${id}/confirm`,
    headers: headersOf(token),
  }),
  'confirm under a reference': (id, token) => ({
    method: 'POST',
    target: `/rooms/hold/${id}/confirm`,
    headers: headersOf(token, true),
    body: '{"booking_reference":"B-2"}',
  }),
  reacquire: (id, token) => ({
    method: 'POST',
    target: `/rooms/hold/${id}/confirm`,
    headers: headersOf(token, true),
    body: '{"reacquire":true,"booking_reference":"B-1"}',
  }),
  release: (id, token) => ({ method: 'DELETE', target: `/rooms/hold/${id}`, headers: headersOf(token) }),
};

const notFound = { status: 404, code: 'hold-not-found' } as const;

/** What is the same for every hold that there is not, or not for this caller. */
async function said(request: WireRequest): Promise<unknown> {
  const [answer] = await property.wire.send(request);
  if (answer === undefined) throw new Error('no answer');
  const { 'x-request-id': _, date: __, ...headers } = answer.headers;
  const { request_id: ___, instance: ____, ...body } = answer.body === '' ? {} : JSON.parse(answer.body);
  return { status: answer.status, headers, body };
}

describe('somebody else’s hold, in every state, by every verb', () => {
  const others = Object.entries(verbs).flatMap(([verb, request]) =>
    holdStatuses.map((state) => ({ verb, state, request: request(holds[state].hold_id, as.frontend2) })),
  );
  testRows(
    property,
    others.map(({ verb, state, request }): Row => {
      const code = verb === 'look' ? undefined : notFound.code;
      return { name: `${verb} a hold that is ${state}`, request, status: 404, code };
    }),
  );

  test.each(others.map((other) => [other.verb, other.state, other.request] as const))(
    'to %s a hold that is %s is answered as if it never was',
    async (verb, _state, request) => {
      expect(await said(request)).toEqual(await said(verbs[verb]?.(neverWas, as.frontend2) ?? request));
    },
  );

  test('none of them is in a stranger’s list, whatever the filter', async () => {
    const { hold_id: id, rooms, holder } = holds.ACTIVE;
    for (const query of [
      '',
      '?status=ACTIVE',
      `?holder=${holder}`,
      '?reference=cart',
      '?booking_reference=B-1',
      `?room_id=${rooms[0]?.room_id}`,
    ]) {
      const { body } = await property.server.call('GET', `/rooms/hold${query}`, { token: as.frontend2 });
      expect([id, body]).toEqual([id, { holds: [], next_cursor: null }]);
    }
  });
});

describe('a hold that never was', () => {
  testRows(
    property,
    ['frontend', 'admin', 'delegate'].flatMap((role) =>
      Object.entries(verbs)
        .filter(([verb]) => verb !== 'look')
        .map(([verb, request]): Row => {
          const token = role === 'admin' ? as.admin : role === 'delegate' ? as.delegate : as.frontend;
          return { name: `${verb}, as ${role}`, request: request(neverWas, token), ...notFound };
        }),
    ),
  );
});

/** What a hold that has ended answers to each verb; nothing changes by any of it. */
const answers: Readonly<Record<Exclude<HoldState, 'ACTIVE'>, Readonly<Record<string, string>>>> = {
  CONFIRMED: {
    ...{ read: '200', look: '200', extend: '409 hold-confirmed', confirm: '409 hold-confirmed' },
    ...{ 'confirm under a reference': '409 hold-confirmed', reacquire: '200', release: '409 hold-confirmed' },
  },
  RELEASED: {
    ...{ read: '200', look: '200', extend: '409 hold-released', confirm: '409 hold-released' },
    ...{ 'confirm under a reference': '409 hold-released', reacquire: '409 hold-released', release: '200' },
  },
  EXPIRED: {
    ...{ read: '200', look: '200', extend: '410 hold-expired', confirm: '410 hold-expired' },
    // Its room is free, so it could be reacquired: that it can't by these is told here, that it can elsewhere.
    ...{ 'confirm under a reference': '410 hold-expired', release: '200' },
  },
  REVOKED: {
    ...{ read: '200', look: '200', extend: '409 hold-revoked', confirm: '409 hold-revoked' },
    ...{ 'confirm under a reference': '409 hold-revoked', reacquire: '409 hold-revoked', release: '200' },
  },
};

describe('a hold that has ended, by every verb, as the one who placed it and as the admin', () => {
  testRows(
    property,
    Object.entries(answers).flatMap(([state, byVerb]) =>
      Object.entries(byVerb).flatMap(([verb, answer]) =>
        [as.frontend, as.admin].map((token): Row => {
          const [status, code] = answer.split(' ');
          const hold = Object.entries(holds).find(([name]) => name === state)?.[1];
          const request = verbs[verb]?.(hold?.hold_id ?? '', token);
          if (request === undefined) throw new Error(`there is no verb ${verb}`);
          return { name: `${verb} a hold that is ${state}`, request, status: Number(status), code };
        }),
      ),
    ),
  );
});

describe('a hold that lives', () => {
  testRows(property, [
    {
      name: 'extended past what a hold may last in all',
      request: {
        method: 'PATCH',
        target: `/rooms/hold/${holds.ACTIVE.hold_id}`,
        headers: headersOf(as.frontend, true),
        body: '{"ttl_seconds":7200}',
      },
      status: 409,
      code: 'hold-lifetime-exceeded',
    },
    ...['extend', 'confirm', 'release'].map((verb): Row => {
      const request = verbs[verb]?.(holds.ACTIVE.hold_id, as.operations);
      if (request === undefined) throw new Error(`there is no verb ${verb}`);
      return { name: `${verb} by one who may only read it`, request, status: 403, code: 'permission-denied' };
    }),
  ]);
});
