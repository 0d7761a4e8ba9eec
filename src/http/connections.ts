/** Owns the bounds on connections: how many there may be, and how long one may take to read its answer. */
import type { Server } from 'node:http';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** The bounds; a test makes them small. */
export type ConnectionBounds = { connectionsMax?: number; answerTimeoutMs?: number };

/** Each costs some 20 KiB idle, and its request (80 KiB at most) while that arrives: 500 MB at the very worst. */
const connectionsMaxDefault = 5_000;

/** As long as a request may take to arrive: a long page of a list at 10 KiB a second. */
const answerTimeoutMsDefault = 10_000;

/** To look for idle connections costs a moment for each: not at every knock of a flood. */
const roomPauseMs = 100;

/** A flood is one line in the log, not a flood of lines. */
const warningPauseMs = 60_000;

/** Lets a connection that waits between two requests go when a new one finds no place. */
function makeRoom(app: FastifyInstance, connectionsMax: number): void {
  let roomAtMs = Number.NEGATIVE_INFINITY;
  let warnedAtMs = Number.NEGATIVE_INFINITY;
  app.server.maxConnections = connectionsMax;
  app.server.on('drop', () => {
    const nowMs = performance.now();
    if (nowMs - roomAtMs < roomPauseMs) return;
    roomAtMs = nowMs;
    app.server.closeIdleConnections();
    if (nowMs - warnedAtMs < warningPauseMs) return;
    warnedAtMs = nowMs;
    app.log.warn({ connections_max: connectionsMax }, 'connections are refused: there are too many');
  });
}

/** Cuts whoever has not taken an answer, to where the system buffers it, in this time after it was whole. */
function cutSlowReaders(server: Server, answerTimeoutMs: number): void {
  server.on('request', ({ socket }, response) => {
    const watch = () => {
      if (response.writableFinished) return;
      const timer = setTimeout(() => socket.destroy(), answerTimeoutMs);
      response.once('close', () => clearTimeout(timer));
    };
    // One that was answered at once is whole; unless it waits for its turn on the connection.
    if (response.writableEnded && response.socket !== null) watch();
    else response.once('prefinish', watch);
  });
}

/**
 * At most `connectionsMax` connections: one more is closed at once, and those that are idle between two requests
 * make room for the next. A client that has not read its answer `answerTimeoutMs` after that was whole is cut; an
 * event stream, which has no end, is not meant.
 */
export const connections = fp<ConnectionBounds>(
  async (app: FastifyInstance, bounds) => {
    const { connectionsMax = connectionsMaxDefault, answerTimeoutMs = answerTimeoutMsDefault } = bounds;
    makeRoom(app, connectionsMax);
    cutSlowReaders(app.server, answerTimeoutMs);
  },
  { name: 'connections' },
);
