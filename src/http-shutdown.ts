/** Owns how the HTTP server comes to its end: requests in flight are answered, nobody else is waited for. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** The end of an app's listening. */
export type HttpShutdown = Readonly<{
  /**
   * Call it once the app drains. Waits for the requests that are in flight now, then closes the listener, then
   * waits for those that came meanwhile; after `graceMs` in all, or when `force` aborts, what is left is cut off.
   * Resolves when the app is closed; at once for an idle server.
   */
  close(graceMs: number, force: AbortSignal): Promise<void>;
}>;

/** Follows the connections of `app`. Call it before the app listens. */
export function prepareHttpShutdown(app: FastifyInstance): HttpShutdown {
  const responses = new Set<ServerResponse>();
  const sockets = new Set<Socket>();
  app.server.on('request', (_request, response) => {
    responses.add(response);
    response.once('close', () => responses.delete(response));
  });
  app.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  /** Browsers connect ahead of their requests; Node takes a connection that never spoke for a busy one. */
  const dropSilent = () => {
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  };

  return {
    close: async (graceMs, force) => {
      const grace = AbortSignal.any([force, AbortSignal.timeout(graceMs)]);
      await answered(responses, grace);
      const cutOff = () => app.server.closeAllConnections();
      // The listener closes a moment after `close` is called: whoever still got in is looked at once it has.
      const closed = app.close();
      app.server.once('close', () => grace.removeEventListener('abort', cutOff));
      grace.addEventListener('abort', cutOff, { once: true });
      const sweep = setInterval(() => {
        if (app.server.listening) return;
        dropSilent();
        if (grace.aborted) cutOff();
      }, sweepMs);
      try {
        await closed;
      } finally {
        clearInterval(sweep);
      }
    },
  };
}

/** How often the last connections are looked at: much shorter than anybody's patience with a stop. */
const sweepMs = 10;

/** Resolves when each of the responses that are there now has ended, or when `signal` aborts. */
function answered(responses: ReadonlySet<ServerResponse>, signal: AbortSignal): Promise<void> {
  const waiting = new Set(responses);
  return new Promise((resolve) => {
    const finish = () => {
      signal.removeEventListener('abort', finish);
      resolve();
    };
    if (waiting.size === 0 || signal.aborted) return finish();
    signal.addEventListener('abort', finish, { once: true });
    for (const response of waiting) {
      response.once('close', () => {
        waiting.delete(response);
        if (waiting.size === 0) finish();
      });
    }
  });
}
