/** Owns how a call is made and written down: sent as HTTP, its end judged as done, not done, or not known. */
import { Agent } from 'node:http';
import { nowMs } from '../clock.ts';
import type { Ask, Call, Ending, Recorder } from '../history.ts';
import { type Reply, send } from './http.ts';
import { readBody } from './wire.ts';

/** What a call says to the server. */
type Request = Readonly<{
  method: string;
  path: string;
  isAdmin: boolean;
  shows: 'hold' | 'room' | 'rooms';
  body?: Record<string, unknown>;
}>;

/** Codes of 503 that say that nothing was done. */
const undoneCodes: ReadonlySet<string> = new Set(['dependency-unavailable', 'overloaded', 'draining']);

function requestOf(ask: Ask): Request {
  switch (ask.verb) {
    case 'place':
    case 'place-type': {
      const wanted =
        ask.verb === 'place'
          ? { room_ids: ask.roomIds }
          : { room_type_id: ask.typeId, quantity: ask.quantity };
      const ttl = ask.ttlSeconds > 0 ? { ttl_seconds: ask.ttlSeconds } : {};
      const body = { ...wanted, ...ttl, reference: ask.tag };
      return { method: 'POST', path: '/rooms/hold', isAdmin: false, shows: 'hold', body };
    }
    case 'extend': {
      const body = { ttl_seconds: ask.ttlSeconds };
      return { method: 'PATCH', path: `/rooms/hold/${ask.holdId}`, isAdmin: false, shows: 'hold', body };
    }
    case 'confirm': {
      const body = { booking_reference: ask.tag, ...(ask.isReacquiring ? { reacquire: true } : {}) };
      return {
        method: 'POST',
        path: `/rooms/hold/${ask.holdId}/confirm`,
        isAdmin: false,
        shows: 'hold',
        body,
      };
    }
    case 'release':
      return { method: 'DELETE', path: `/rooms/hold/${ask.holdId}`, isAdmin: false, shows: 'hold' };
    case 'read-hold':
      return { method: 'GET', path: `/rooms/hold/${ask.holdId}`, isAdmin: false, shows: 'hold' };
    default:
      return roomRequestOf(ask);
  }
}

function roomRequestOf(
  ask: Extract<Ask, { verb: 'freeze' | 'unfreeze' | 'change' | 'list' | 'read-room' }>,
): Request {
  switch (ask.verb) {
    case 'freeze': {
      const seconds = ask.seconds === null ? {} : { expires_in_seconds: ask.seconds };
      const body = { freeze_reason: ask.tag, supersede_hold: ask.isSuperseding, ...seconds };
      return { method: 'POST', path: `/rooms/${ask.roomId}/freeze`, isAdmin: true, shows: 'room', body };
    }
    case 'unfreeze':
      return { method: 'DELETE', path: `/rooms/${ask.roomId}/freeze`, isAdmin: true, shows: 'room' };
    case 'change': {
      const body = { room_status: ask.status, floor: ask.tag };
      return { method: 'PATCH', path: `/rooms/${ask.roomId}`, isAdmin: true, shows: 'room', body };
    }
    case 'list': {
      const filters = [
        ...(ask.typeId === null ? [] : [`room_type_id=${ask.typeId}`]),
        ...(ask.status === null ? [] : [`room_status=${ask.status}`]),
      ];
      const path = `/rooms?${['limit=200', ...filters].join('&')}`;
      return { method: 'GET', path, isAdmin: ask.isAdmin, shows: 'rooms' };
    }
    case 'read-room':
      return { method: 'GET', path: `/rooms/${ask.roomId}`, isAdmin: true, shows: 'room' };
  }
}

/** Who calls, and by which name; the admin's calls go by another name, with another token. */
export type Identity = Readonly<{ name: string; island: number; guestToken: string; adminToken: string }>;

/** How a call is made. */
export type Manner = Readonly<{
  port: number;
  server: () => string;
  patienceMs: number;
  leavesAfterMs?: number;
}>;

/** Makes calls for one client and writes them down. */
export type Caller = Readonly<{ call(ask: Ask, manner: Manner): Promise<Call>; close(): void }>;

function endingOf(n: number, request: Request, reply: Reply): Ending {
  const endedMs = nowMs();
  if (reply.kind === 'refused') return { n, type: 'fail', endedMs, status: 0, code: 'refused' };
  if (reply.kind === 'lost') return { n, type: 'info', endedMs, status: 0, code: reply.why };
  const { status, headers, body } = reply;
  const requestId = String(headers['x-request-id'] ?? '');
  const isLeaving = headers.connection === 'close';
  const answered = { n, endedMs, status, requestId, ...(isLeaving ? { isLeaving } : {}) };
  try {
    if (status < 300) {
      const isReplay = headers['idempotent-replayed'] === 'true';
      return { ...answered, type: 'ok', ...readBody(request.shows, body), ...(isReplay ? { isReplay } : {}) };
    }
    const shown = readBody('problem', body);
    const isUndone = status < 500 || undoneCodes.has(shown.code ?? '');
    return { ...answered, type: isUndone ? 'fail' : 'info', ...shown };
  } catch (error) {
    return { ...answered, type: 'info', code: `unreadable: ${String(error).slice(0, 300)}` };
  }
}

/** A caller with connections of its own; one that was not used for `keepMsMax` is used no more. */
export function openCaller(identity: Identity, recorder: Recorder, keepMsMax: number | undefined): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ...(keepMsMax && { timeout: keepMsMax }) });
  return {
    async call(ask, { port, server, patienceMs, leavesAfterMs }) {
      const request = requestOf(ask);
      const { name, island, guestToken, adminToken } = identity;
      const invocation = {
        client: request.isAdmin ? `admin-of-${name}` : name,
        island,
        server: server(),
        invokedMs: nowMs(),
        ask,
      };
      const n = recorder.invoke(invocation);
      const key = 'key' in ask ? ask.key : undefined;
      const reply = await send({
        agent,
        port,
        method: request.method,
        path: request.path,
        token: request.isAdmin ? adminToken : guestToken,
        body: request.body,
        headers: key === undefined ? {} : { 'idempotency-key': key },
        patienceMs,
        ...(leavesAfterMs === undefined ? {} : { leavesAfterMs }),
      });
      const end = endingOf(n, request, reply);
      recorder.end(end);
      return { n, ...invocation, end };
    },
    close: () => agent.destroy(),
  };
}
