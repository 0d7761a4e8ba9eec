/** Owns a way to Postgres that a test can break: bytes go through it until it is told otherwise. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export type TcpProxy = Readonly<{
  /** The URL of the server behind, by way of the proxy. */
  url: string;
  /** From now on nothing that the server says arrives; what is said to the server still does. */
  deafen(): void;
  /** Cuts every connection; new ones are served as before. */
  cut(): void;
  /** Every new connection is closed as soon as it is made. */
  refuse(): void;
  /** New connections are served again. */
  accept(): void;
}>;

/** A proxy before the Postgres of `url`, gone when the test ends. */
export async function startTcpProxy(url: string): Promise<TcpProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let isDeaf = false;
  let isRefusing = false;
  const server = createServer((near) => {
    if (isRefusing) {
      near.destroy();
      return;
    }
    const far = connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    near.on('data', (bytes) => far.write(bytes)).on('close', () => far.destroy());
    far
      .on('data', (bytes) => {
        if (!isDeaf) near.write(bytes);
      })
      .on('close', () => near.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  const throughProxy = new URL(url);
  throughProxy.hostname = '127.0.0.1';
  throughProxy.port = String(address.port);
  return {
    url: throughProxy.href,
    deafen: () => {
      isDeaf = true;
    },
    cut: () => {
      isDeaf = false;
      for (const socket of sockets) socket.destroy();
    },
    refuse: () => {
      isRefusing = true;
    },
    accept: () => {
      isRefusing = false;
    },
  };
}
