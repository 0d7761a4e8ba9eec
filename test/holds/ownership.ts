/** Owns what is the same for every verb on a hold: who may use it on whose holds. */
import { describe, expect, test } from 'vitest';
import { roles, type TestApp } from '../helpers/app.ts';
import type { Answer } from '../helpers/contract.ts';
import { auditOf } from '../helpers/property.ts';
import { tokenFor } from '../helpers/tokens.ts';
import { makeHold, pathOf, readHold } from './verbs.ts';

const unknownHoldId = '0192d3b4-5f6a-7b8c-9d0e-1f2a3b4c5d6e';

/** What an answer says, but for what names this one request. */
export function said({ status, headers, body }: Answer): unknown {
  const { request_id: _, instance: __, ...rest } = body;
  const { 'x-request-id': ___, 'content-length': ____, date: _____, ...restOfHeaders } = headers;
  return { status, headers: restOfHeaders, body: rest };
}

/** A verb that changes holds: its method, what its path has behind the hold's, its body, its word in the audit. */
export type Verb = { method: 'PATCH' | 'POST' | 'DELETE'; suffix?: string; body?: unknown; action: string };

/** Registers the tests of who may use this verb on whose holds. */
export function testOwnership(serverOf: () => TestApp, { method, suffix = '', body, action }: Verb): void {
  const change = (server: TestApp, path: string, token?: string, query = '') =>
    server.call(method, `${path}${suffix}${query}`, {
      ...(body === undefined ? {} : { body }),
      ...(token === undefined ? {} : { token }),
    });

  const attempt = async (token?: string) => {
    const server = serverOf();
    const { hold, rooms } = await makeHold(server);
    const answer = await change(server, pathOf(hold), token);
    return { answer, hold, rooms, now: await readHold(server, hold) };
  };

  describe('who may', () => {
    test('401 credentials-missing without a token', async () => {
      const { answer, hold, now } = await attempt();
      expect(answer).toMatchObject({ status: 401, body: { code: 'credentials-missing' } });
      expect(now).toEqual(hold);
    });

    test.each([
      ['no permission at all', roles.nobody],
      ['ROOM_MANAGEMENT:READ alone, which may read it', roles.operations],
      ['ROOM_HOLD:DELEGATE alone', tokenFor('only-delegate', 'ROOM_HOLD:DELEGATE')],
    ])('403 permission-denied with %s', async (_which, token) => {
      const { answer, hold, now } = await attempt(token);
      expect(answer).toMatchObject({ status: 403, body: { code: 'permission-denied' } });
      expect(now).toEqual(hold);
    });

    test('404 hold-not-found for somebody else’s hold, the same as a hold that never was', async () => {
      const { answer, hold, rooms, now } = await attempt(roles.frontend2);
      expect(answer).toMatchObject({ status: 404, body: { code: 'hold-not-found' } });
      const never = await change(serverOf(), pathOf({ hold_id: unknownHoldId }), roles.frontend2);
      expect(said(answer)).toEqual(said(never));
      expect(now).toEqual(hold);
      for (const room of rooms) {
        const entries = await auditOf(serverOf().database, room);
        expect(entries.map((entry) => entry.action)).toEqual(['CREATE', 'HOLD']);
      }
    });

    test('404 hold-not-found for the holder, when a delegate placed it for them', async () => {
      const server = serverOf();
      const { hold } = await makeHold(server, 1, { token: roles.delegate, holder: 'frontend' });
      const answer = await change(server, pathOf(hold), roles.frontend);
      expect(answer).toMatchObject({ status: 404, body: { code: 'hold-not-found' } });
    });

    test('404 hold-not-found for somebody else’s hold that READ lets read: it takes WRITE to change it', async () => {
      const { answer } = await attempt(tokenFor('reader', 'ROOM_MANAGEMENT:READ', 'ROOM_HOLD:WRITE'));
      expect(answer).toMatchObject({ status: 404, body: { code: 'hold-not-found' } });
    });

    test('200 with ROOM_MANAGEMENT:WRITE for anyone’s hold; the audit names who did it', async () => {
      const { answer, hold, rooms } = await attempt(roles.admin);
      expect(answer).toMatchObject({
        status: 200,
        body: { hold_id: hold.hold_id, created_by: 'frontend', holder: 'frontend' },
      });
      for (const room of rooms) {
        const entries = await auditOf(serverOf().database, room);
        expect(entries.at(-1)).toMatchObject({ action, actor: 'admin', hold_id: hold.hold_id });
      }
    });

    test('404 hold-not-found for a hold that never was, also with ROOM_MANAGEMENT:WRITE', async () => {
      const answer = await change(serverOf(), pathOf({ hold_id: unknownHoldId }), roles.admin);
      expect(answer).toMatchObject({ status: 404, body: { code: 'hold-not-found' } });
    });

    test.each(['5', 'not-a-uuid', unknownHoldId.toUpperCase(), unknownHoldId.slice(1), `${unknownHoldId}0`])(
      '400 request-invalid for the id %s',
      async (holdId) => {
        const answer = await change(serverOf(), pathOf({ hold_id: holdId }), roles.admin);
        expect(answer).toMatchObject({
          status: 400,
          body: { code: 'request-invalid', errors: [{ path: 'hold_id' }] },
        });
      },
    );

    test('400 request-invalid for a query parameter', async () => {
      const server = serverOf();
      const { hold } = await makeHold(server, 1);
      expect(await change(server, pathOf(hold), roles.frontend, '?force=true')).toMatchObject({
        status: 400,
        body: { code: 'request-invalid', errors: [{ path: 'force' }] },
      });
      expect(await readHold(server, hold)).toEqual(hold);
    });
  });
}
