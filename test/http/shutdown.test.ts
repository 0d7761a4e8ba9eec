/** Owns how the HTTP server goes down under load: whoever is connected is answered and told to close, not cut off. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { expect, test } from 'vitest';
import { prepareHttpShutdown } from '../../src/http-shutdown.ts';
import { dial, listen, parseAnswers } from '../helpers/raw-http.ts';
import { startBareApp } from './bare.ts';

const request = 'GET /things HTTP/1.1\r\nHost: x\r\n\r\n';
const graceMs = 30_000;

async function startWithShutdown(extraRoutes?: FastifyPluginAsyncZod) {
  const draining = new AbortController();
  const { app } = await startBareApp({ draining, ...(extraRoutes && { extraRoutes }) });
  const shutdown = prepareHttpShutdown(app);
  const port = await listen(app);
  return {
    app,
    port,
    /** As the server does at SIGTERM. */
    stop: () => {
      draining.abort();
      return shutdown.close(graceMs, new AbortController().signal);
    },
  };
}

/** All that is answered on a connection until it closes. */
function answersOf(socket: Socket) {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  return once(socket, 'close').then(() => parseAnswers(Buffer.concat(chunks)));
}

test('a connection in use is served once more and told to close', async () => {
  const { port, stop } = await startWithShutdown();
  const socket = await dial(port);
  const answers = answersOf(socket);
  socket.write(request);
  await once(socket, 'data');
  const stopped = stop();
  // Idle connections would be cut within this turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  socket.write(request);
  expect((await answers).map(({ status, headers }) => [status, headers.connection])).toEqual([
    [200, 'keep-alive'],
    [200, 'close'],
  ]);
  await stopped;
});

test('a connection that has just been made is served', async () => {
  const { app, port, stop } = await startWithShutdown();
  const accepted = once(app.server, 'connection');
  const socket = await dial(port);
  await accepted;
  const answers = answersOf(socket);
  const stopped = stop();
  await new Promise((resolve) => setImmediate(resolve));
  socket.write(request);
  expect((await answers).map(({ status, headers }) => [status, headers.connection])).toEqual([
    [200, 'close'],
  ]);
  await stopped;
});

test('a connection that nobody speaks on does not keep the server, nor does one that was left open', async () => {
  const { app, port, stop } = await startWithShutdown();
  const [silent, left] = [await dial(port), await dial(port)];
  left.write(request);
  await once(left, 'data');
  const closed = [silent, left].map((socket) => once(socket, 'close'));
  await stop();
  await Promise.all(closed);
  expect(app.server.listening).toBe(false);
});

test('answers that waited behind one on a connection that broke are not waited for', async () => {
  const slow: { answer?: () => void } = {};
  const { app, port, stop } = await startWithShutdown(async (routes) => {
    routes.get(
      '/slow',
      { config: { public: true } },
      () =>
        new Promise<object>((resolve) => {
          slow.answer = () => resolve({});
        }),
    );
  });
  const socket = await dial(port);
  const connections = () => new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)));
  socket.write(`GET /slow HTTP/1.1\r\nHost: x\r\n\r\n${request.repeat(5)}`);
  await expect.poll(() => slow.answer, { interval: 5 }).toBeDefined();
  const stopped = stop();
  socket.destroy();
  await expect.poll(connections, { interval: 5 }).toBe(0);
  slow.answer?.();
  const startedAtMs = performance.now();
  await stopped;
  expect(performance.now() - startedAtMs).toBeLessThan(graceMs / 2);
});
