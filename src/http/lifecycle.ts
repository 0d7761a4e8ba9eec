/** Owns how the HTTP side goes down: first it drains, then the listener closes, then late requests hear 503. */
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { Problem } from '../problems.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the server drains, or closes already. */
    isGoingDown: () => boolean;
  }
}

/**
 * Once `draining` aborts, answers carry `Connection: close` but requests are served. Once the app closes, what
 * still arrives on open connections is answered 503 `draining`.
 */
export const lifecycle = fp<{ draining: AbortSignal }>(
  async (app: FastifyInstance, { draining }) => {
    let isClosed = false;
    let isDraining = draining.aborted;
    draining.addEventListener('abort', () => {
      isDraining = true;
    });
    app.decorate('isGoingDown', () => isDraining || isClosed);
    app.addHook('preClose', async () => {
      isClosed = true;
    });
    app.addHook('onRequest', (_request, _reply, done) => {
      done(isClosed ? new Problem('draining', 'The server is shutting down.') : undefined);
    });
    app.addHook('onSend', (_request, reply, payload, done) => {
      if (app.isGoingDown()) reply.header('connection', 'close');
      done(null, payload);
    });
  },
  { name: 'lifecycle' },
);
