/** Owns the trial of the event stream: servers that die, writers that go on, and clients that come back by themselves. */
import { EventSource } from 'eventsource';
import { onTestFinished } from 'vitest';
import { auditActions } from '../../src/audit/schemas.ts';
import { connect } from '../helpers/connections.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { type StartedServer, startServer } from '../helpers/server-process.ts';
import { testSecret, tokenFor } from '../helpers/tokens.ts';

/** Servers as processes, each in a place that another takes when it is killed. */
export type Fleet = Readonly<{
  /** The URL of one that should live, each in turn, as a load balancer that has not heard yet would choose. */
  next(): string;
  /** Kills the server in the n-th place, and resolves when another one listens there. */
  replace(place: number, signal: NodeJS.Signals): Promise<void>;
}>;

/** Starts `count` servers on one database; they end with the test. */
export async function startFleet(database: TestDatabase, count: number, redisUrl?: string): Promise<Fleet> {
  const env = {
    DATABASE_URL: database.url,
    DATABASE_POOL_MAX: '5',
    JWT_SECRET: testSecret,
    RATE_LIMIT_PER_MINUTE: '0',
    LOG_LEVEL: 'info',
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
  };
  const places = await Promise.all(Array.from({ length: count }, () => startServer(env)));
  let turn = 0;
  const at = (place: number): StartedServer => {
    const server = places[place % count];
    if (server === undefined) throw new Error('a fleet has servers');
    return server;
  };
  return {
    next: () => at(turn++).url,
    async replace(place, signal) {
      const server = at(place);
      server.kill(signal);
      await server.ended;
      places[place % count] = await startServer(env);
    },
  };
}

/** What one client has seen. */
export type Watcher = Readonly<{
  /** The ids of its events, in the order in which they came. */
  ids: readonly number[];
  /** The positions that it was told instead of events: one hello, and nothing else if all is well. */
  positions: readonly Readonly<{ event: string; id: number }>[];
  /** How often it had to connect. */
  connectionsCount(): number;
  isOpen(): boolean;
}>;

const eventNames = ['room', 'room_type'].flatMap((entity) =>
  auditActions.map((action) => `${entity}.${action.toLowerCase()}`),
);

/** A client as Node users have it: an EventSource that comes back to whichever server is next. It ends with the test. */
export function watch(fleet: Fleet, token: string): Watcher {
  const ids: number[] = [];
  const positions: { event: string; id: number }[] = [];
  let connectionsCount = 0;
  const source = new EventSource('http://events/events', {
    fetch: (_url, init) => {
      connectionsCount += 1;
      return fetch(`${fleet.next()}/events`, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${token}` },
      });
    },
  });
  onTestFinished(() => source.close());
  for (const name of eventNames)
    source.addEventListener(name, (event) => ids.push(Number(event.lastEventId)));
  for (const name of ['hello', 'reset']) {
    source.addEventListener(name, (event) => positions.push({ event: name, id: Number(event.lastEventId) }));
  }
  return {
    ids,
    positions,
    connectionsCount: () => connectionsCount,
    isOpen: () => source.readyState === EventSource.OPEN,
  };
}

/** Writers that go on whatever happens to the servers. */
export type Writers = Readonly<{
  /** How many changes were answered with success. */
  count(): number;
  /** Resolves when all have stopped. */
  stop(): Promise<void>;
}>;

const admin = tokenFor('admin', 'ROOM_MANAGEMENT:WRITE');

type Answer = Readonly<{ isDone: boolean; text: string }>;

/** What the server answered; undefined when it died before or while it did. */
async function post(fleet: Fleet, method: string, path: string, body?: object): Promise<Answer | undefined> {
  const content = { 'content-type': 'application/json' };
  try {
    const answer = await fetch(fleet.next() + path, {
      method,
      headers: { authorization: `Bearer ${admin}`, ...(body && content) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { isDone: answer.ok, text: await answer.text() };
  } catch {
    return undefined;
  }
}

/**
 * Starts a writer for each of these rooms, which freezes and unfreezes, holds and releases it in turn, and beside them
 * one whose transactions stay open while others commit.
 */
export async function startWriters(
  fleet: Fleet,
  database: TestDatabase,
  roomIds: readonly number[],
  pauseMs: number,
): Promise<Writers> {
  const slow = await connect(database.url);
  let count = 0;
  let isStopped = false;
  const pause = () => new Promise((resolve) => setTimeout(resolve, pauseMs));

  async function change(roomId: number): Promise<void> {
    while (!isStopped) {
      const body = { room_ids: [roomId], reference: 'trial', ttl_seconds: 30 };
      const hold = await post(fleet, 'POST', '/rooms/hold', body);
      const holdId: string | undefined = hold?.isDone === true ? JSON.parse(hold.text).hold_id : undefined;
      const answers = [
        hold,
        holdId === undefined ? holdId : await post(fleet, 'DELETE', `/rooms/hold/${holdId}`),
        await post(fleet, 'POST', `/rooms/${roomId}/freeze`, { supersede_hold: true }),
        await post(fleet, 'DELETE', `/rooms/${roomId}/freeze`),
      ];
      count += answers.filter((answer) => answer?.isDone === true).length;
      await pause();
    }
  }

  async function dawdle(): Promise<void> {
    while (!isStopped) {
      await slow.query('BEGIN');
      await slow.query(
        `INSERT INTO audit_log (entity, entity_id, action, actor) VALUES ('room', '0', 'UPDATE', 'slow')`,
      );
      await slow.query('SELECT pg_sleep(0.05)');
      await slow.query('COMMIT');
      await pause();
    }
  }

  const writing = Promise.all([...roomIds.map(change), dawdle()]);
  return {
    count: () => count,
    async stop() {
      isStopped = true;
      await writing;
    },
  };
}
