/** Owns how the HTTP server comes to its end: nobody who speaks to it is cut off, nobody else is waited for. */
import type { ServerResponse } from 'node:http';
import { Server, type Socket } from 'node:net';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

/** The end of an app's listening. */
export type HttpShutdown = Readonly<{
  /**
   * Call it once the app drains. Waits for the requests that are in flight now, and for connections in use to come once
   * more, as they are then told to close; then closes the listener, then waits for what came meanwhile. After `graceMs`
   * in all, or when `force` aborts, what is left is cut off. Resolves when the app is closed; at once for an idle server.
   */
  close(graceMs: number, force: AbortSignal): Promise<void>;
}>;

/**
 * A connection that was silent for so long is not in use. One in use must not be closed: its next request may be on its
 * way already, and would be lost.
 */
const useMsMax = 1_000;

/** Under a load that never pauses there may be no moment without a connection that has yet to speak: long enough. */
const calmMsMax = 3_000;

/** How often connections are looked at: much shorter than anybody's patience with a stop. */
const lookMs = 10;

/** Turns of the event loop in which somebody connected, before the listener is closed all the same. */
const turnsMax = 1_000;

/** What is known of a connection. */
type Use = { inFlight: Set<ServerResponse>; lastMs: number };

/** Follows the connections of `app`. Call it before the app listens. */
export function prepareHttpShutdown(app: FastifyInstance): HttpShutdown {
  const { uses, connectionsCount } = followConnections(app.server);

  /** Whether a request may be on its way on some connection. */
  const isInUse = (): boolean => {
    const now = performance.now();
    return [...uses.values()].some(({ inFlight, lastMs }) => inFlight.size === 0 && now - lastMs < useMsMax);
  };

  /** Waits until nobody uses a connection but for requests in flight, in bounded time. */
  const calm = async (grace: AbortSignal): Promise<void> => {
    const endsMs = performance.now() + calmMsMax;
    while (isInUse() && !grace.aborted && performance.now() < endsMs) await delay(lookMs);
  };

  /** Closes the listener behind everybody whose connection was made: those in its queue would be reset. */
  const closeListener = async (grace: AbortSignal): Promise<void> => {
    for (let turns = 0, known = -1; known !== connectionsCount() && turns < turnsMax; turns += 1) {
      if (grace.aborted) break;
      known = connectionsCount();
      await turn();
    }
    // Not that of the HTTP server, which would close idle connections as well.
    Server.prototype.close.call(app.server);
  };

  return {
    close: async (graceMs, force) => {
      const grace = AbortSignal.any([force, AbortSignal.timeout(graceMs)]);
      await answered(uses, grace);
      await calm(grace);
      await closeListener(grace);
      await calm(grace);
      await closeApp(app, uses, grace);
    },
  };
}

/** Keeps account of who is connected, and what is in flight. */
function followConnections(server: FastifyInstance['server']) {
  const uses = new Map<Socket, Use>();
  let connectionsCount = 0;
  server.on('connection', (socket) => {
    connectionsCount += 1;
    uses.set(socket, { inFlight: new Set(), lastMs: performance.now() });
    // With it go the answers that waited for their turn on it: Node never closes those.
    socket.once('close', () => uses.delete(socket));
  });
  server.on('request', (request, response) => {
    const use = uses.get(request.socket);
    if (use === undefined) return;
    use.lastMs = performance.now();
    // It was answered at once.
    if (response.writableFinished) return;
    use.inFlight.add(response);
    response.once('close', () => {
      use.inFlight.delete(response);
      use.lastMs = performance.now();
    });
  });
  return { uses, connectionsCount: () => connectionsCount };
}

/** Closes the app: late requests hear 503, and whoever has not spoken, or is there after the grace, is cut off. */
async function closeApp(
  app: FastifyInstance,
  uses: ReadonlyMap<Socket, Use>,
  grace: AbortSignal,
): Promise<void> {
  const closed = app.close();
  const sweep = setInterval(() => {
    // Browsers connect ahead of their requests; Node takes a connection that never spoke for a busy one.
    for (const socket of uses.keys()) if (socket.bytesRead === 0) socket.destroy();
    if (grace.aborted) app.server.closeAllConnections();
  }, lookMs);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
  }
}

/** Resolves when each of the responses that are there now has ended, or its connection, or when `signal` aborts. */
function answered(uses: ReadonlyMap<Socket, Use>, signal: AbortSignal): Promise<void> {
  const waiting = new Set([...uses.values()].flatMap(({ inFlight }) => [...inFlight]));
  return new Promise((resolve) => {
    const finish = () => {
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const end = (responses: readonly ServerResponse[]) => {
      for (const response of responses) waiting.delete(response);
      if (waiting.size === 0) finish();
    };
    if (waiting.size === 0 || signal.aborted) return finish();
    signal.addEventListener('abort', finish, { once: true });
    for (const [socket, { inFlight }] of uses) {
      const responses = [...inFlight];
      for (const response of responses) response.once('close', () => end([response]));
      socket.once('close', () => end(responses));
    }
  });
}
