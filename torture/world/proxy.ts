/** Owns a TCP proxy that can be told to be a bad network. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { nowMs } from '../clock.ts';
import type { Random } from '../random.ts';
import { openCommitWatch } from './commit-watch.ts';

/** How the network between two parts behaves at present. */
export type Weather = {
  /** Each chunk waits so long, and up to `jitterMs` more; the order stays. */
  latencyMs: number;
  jitterMs: number;
  /** 0: as fast as may be. */
  bytesPerSecond: number;
  /** Nothing is carried either way; what comes is kept and carried later, as TCP does after a short outage. */
  isBlackhole: boolean;
  /** New connections are closed as soon as they are made. */
  isRefusing: boolean;
  /** A connection is reset once it has carried about so many bytes; 0: never. */
  cutAfterBytes: number;
  /** How often the answer to a commit is swallowed and the connection reset. Postgres only. */
  commitDropChance: number;
};

const fair: Weather = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: 0,
  isBlackhole: false,
  isRefusing: false,
  cutAfterBytes: 0,
  commitDropChance: 0,
};

/** A proxied link, such as that of the first server to Postgres. */
export type Link = Readonly<{
  name: string;
  /** Where to connect instead. */
  port: number;
  weather: Weather;
  /** Resets all connections, or each by chance. */
  resetAll(chance?: number): void;
  /** The far side goes away and the near side does not hear of it, unless it is reset later. */
  halfOpenAll(): void;
  /** Fair weather again. Connections that were kept waiting go on, or are reset if `isResetting`. */
  clear(isResetting: boolean): void;
  /** From now on new connections go there. */
  pointTo(port: number): void;
  /** How many answers to commits were swallowed. */
  commitsDroppedCount(): number;
  close(): void;
}>;

type Pair = { near: Socket; far: Socket; carriedBytes: number; isHalfOpen: boolean };

/** Carries bytes one way, in order, as the weather allows. */
function carrier(pair: Pair, from: Socket, to: Socket, weather: Weather, random: Random) {
  let freeAtMs = 0;
  const waiting: Buffer[] = [];
  const cut = () => {
    pair.near.resetAndDestroy();
    pair.far.resetAndDestroy();
  };
  const write = (bytes: Buffer): void => {
    if (to.destroyed) return;
    if (to.write(bytes)) return;
    from.pause();
    to.once('drain', () => from.resume());
  };
  const flush = (): void => {
    while (!weather.isBlackhole) {
      const bytes = waiting.shift();
      if (bytes === undefined) return;
      write(bytes);
    }
  };
  return {
    carry(bytes: Buffer): void {
      if (pair.isHalfOpen) return;
      pair.carriedBytes += bytes.length;
      if (weather.cutAfterBytes > 0 && pair.carriedBytes > weather.cutAfterBytes) {
        cut();
        return;
      }
      waiting.push(bytes);
      const { latencyMs, jitterMs, bytesPerSecond } = weather;
      const startsMs = Math.max(freeAtMs, nowMs() + latencyMs + jitterMs * random.next());
      freeAtMs = startsMs + (bytesPerSecond > 0 ? (bytes.length / bytesPerSecond) * 1000 : 0);
      const waitMs = freeAtMs - nowMs();
      if (waitMs <= 0) flush();
      else setTimeout(flush, waitMs);
    },
    flush,
  };
}

/** Starts a proxy before `port` of this machine. */
export async function startLink(options: { name: string; port: number; random: Random }): Promise<Link> {
  const { name, random } = options;
  let targetPort = options.port;
  let droppedCount = 0;
  const weather: Weather = { ...fair };
  const pairs = new Set<Pair>();
  const flushes = new Set<() => void>();

  const server = createServer((near) => {
    near.on('error', () => undefined);
    if (weather.isRefusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    near.setNoDelay(true);
    const pair: Pair = { near, far, carriedBytes: random.integer(0, 2_000), isHalfOpen: false };
    pairs.add(pair);
    const there = carrier(pair, near, far, weather, random);
    const back = carrier(pair, far, near, weather, random);
    const watch = openCommitWatch(() => random.next() < weather.commitDropChance);
    for (const { flush } of [there, back]) flushes.add(flush);
    near.on('data', (bytes) => {
      if (weather.commitDropChance > 0) watch.sent(bytes);
      there.carry(bytes);
    });
    far.on('data', (bytes) => {
      const verdict = watch.answered(bytes);
      if (verdict === 'pass') back.carry(bytes);
      if (verdict !== 'cut') return;
      droppedCount += 1;
      near.resetAndDestroy();
      far.destroy();
    });
    near.on('end', () => far.end()).on('close', () => far.destroy());
    far.on('error', () => pair.isHalfOpen || near.resetAndDestroy());
    far.on('end', () => pair.isHalfOpen || near.end());
    far.on('close', () => {
      if (pair.isHalfOpen && !near.destroyed) return;
      near.destroy();
      pairs.delete(pair);
      for (const { flush } of [there, back]) flushes.delete(flush);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');

  const reset = ({ near, far }: Pair) => {
    near.resetAndDestroy();
    far.resetAndDestroy();
  };
  return {
    name,
    port: address.port,
    weather,
    resetAll(chance = 1) {
      for (const pair of pairs) if (random.chance(chance)) reset(pair);
    },
    halfOpenAll() {
      for (const pair of pairs) {
        pair.isHalfOpen = true;
        pair.far.resetAndDestroy();
      }
    },
    clear(isResetting) {
      Object.assign(weather, fair);
      for (const pair of pairs) {
        // A far side that went away without a word stays away: only a reset tells.
        if (isResetting) {
          reset(pair);
          pairs.delete(pair);
        }
      }
      for (const flush of flushes) flush();
    },
    pointTo(port) {
      targetPort = port;
    },
    commitsDroppedCount: () => droppedCount,
    close() {
      server.close();
      for (const pair of pairs) reset(pair);
    },
  };
}
