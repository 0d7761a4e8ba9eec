/** Owns a key set server for tests: a real HTTP server on a free port that counts what it is asked. */
import type { KeyObject } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';

/** How the server answers; a test may change it at any time. */
export type KeySetServer = { url: string; askedCount: number; answer: (response: ServerResponse) => void };

/** The published form of a public key. */
export function published(key: KeyObject, members: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...key.export({ format: 'jwk' }), ...members };
}

/** Answers with these keys. */
export function keysAnswer(...keys: Record<string, unknown>[]) {
  return (response: ServerResponse) => {
    response.setHeader('content-type', 'application/jwk-set+json');
    response.end(JSON.stringify({ keys }));
  };
}

/** A server that is closed when the test ends. */
export async function startKeySetServer(answer: KeySetServer['answer']): Promise<KeySetServer> {
  const state: KeySetServer = { url: '', askedCount: 0, answer };
  const server = createServer((_request, response) => {
    state.askedCount += 1;
    state.answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  state.url = `http://127.0.0.1:${address.port}/keys.json`;
  return state;
}
