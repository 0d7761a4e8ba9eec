/** Owns the Redis servers that cache tests mistreat, and what stands in for one that is slow or out of its mind. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { vi } from 'vitest';
import { startRedis, type TestRedis } from '../helpers/redis.ts';

/** Polls until the check passes; for whatever has no event to wait for. */
export function until<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 15_000, interval: 5 });
}

function portOf(server: Server): { port: number } {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address;
}

export type RedisProcess = TestRedis & {
  port: number;
  /** A connection of the test's own; it comes back by itself after a restart. */
  admin: Redis;
};

/** A Redis that may be mistreated: never the one of TEST_REDIS_URL, which others may rely on. */
export async function startOwnRedis(): Promise<RedisProcess> {
  vi.stubEnv('TEST_REDIS_URL', '');
  const redis = await startRedis();
  const admin = new Redis(redis.url, { retryStrategy: () => 20 });
  admin.on('error', () => undefined);
  const close = async () => {
    admin.disconnect();
    await redis.close();
  };
  return { ...redis, port: Number(new URL(redis.url).port), admin, close };
}

export type FakeServer = { url: string; connectionsCount(): number; close(): Promise<void> };

async function listen(serve: (socket: Socket) => void): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  let connectionsCount = 0;
  const server = createServer((socket) => {
    connectionsCount += 1;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${portOf(server).port}`,
    connectionsCount: () => connectionsCount,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Something that answers whatever it is asked with these bytes. */
export function startNonsense(reply: string): Promise<FakeServer> {
  return listen((socket) => socket.on('data', () => socket.write(reply)));
}

/** Something that hangs up on everybody. */
export function startHangUp(): Promise<FakeServer> {
  return listen((socket) => void socket.destroy());
}

/** The way to a Redis, each direction of it `delayMs` long. */
export function startSlowWay(port: number, delayMs: number): Promise<FakeServer> {
  return listen((near) => {
    const far = connect(port, '127.0.0.1').on('error', () => near.destroy());
    const carry = (from: Socket, to: Socket) => {
      from.on('data', (bytes) => setTimeout(() => to.destroyed || to.write(bytes), delayMs));
      from.on('close', () => to.destroy());
    };
    carry(near, far);
    carry(far, near);
  });
}
