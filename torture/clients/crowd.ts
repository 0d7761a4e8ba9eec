/** Owns the virtual clients: 24 that go on all the time, and more of them in a storm. */
import { setTimeout as delay } from 'node:timers/promises';
import { nowMs } from '../clock.ts';
import type { Ask, Call, Recorder } from '../history.ts';
import type { Random } from '../random.ts';
import { signToken } from '../world/tokens.ts';
import type { World } from '../world/world.ts';
import { type Identity, type Manner, openCaller } from './caller.ts';
import { openMind } from './choice.ts';
import { type Island, remember } from './island.ts';

/** How clients behave at present; a fault may change it. */
export type Behaviour = {
  /** How long a client thinks between two calls, at the most. */
  thinkMsMax: number;
  /** How often a client goes away in the middle of a call. */
  leaveChance: number;
  /** How often a write that may have happened is asked for again, the same key or the same words in it. */
  retryChance: number;
  /** How often a placing carries an `Idempotency-Key`. */
  keyChance: number;
  /**
   * Calls go to the servers themselves instead of through the proxies, as a balancer sends them: a server that says that
   * it closes connections is left alone for a while, and a connection that is refused is tried at the next server.
   */
  isBalanced: boolean;
  /** A server that is asked for reads only, so that it hears of changes from the others alone. */
  readerIndex: number | undefined;
};

export type Crowd = Readonly<{
  behaviour: Behaviour;
  /** So many more clients for so long. */
  storm(clientsCount: number, durationMs: number): Promise<void>;
  /** When the last write that this server answered was sent to it. */
  answeredWriteMs(serverIndex: number): number;
  /** No client begins another call; resolves when all have ended theirs. */
  stop(): Promise<void>;
}>;

const reads: ReadonlySet<Ask['verb']> = new Set(['list', 'read-room', 'read-hold']);

/** Most clients give up soon; some wait longer than any server should take. */
const impatientMs = 3_000;
/** A server that has not answered by then hangs: each of its waits has a bound, and they add up to less. */
export const hangMs = 30_000;

/** A balancer lets go of a connection before a server that stops does: that waits 1 s for one in use. */
const keepMsMax = 500;

/** So long a balancer leaves a server alone that has said that it is about to stop. */
const leaveAloneMs = 1_500;

type Parts = Readonly<{
  world: World;
  recorder: Recorder;
  behaviour: Behaviour;
  /** By server: when the last write that was answered was sent, and until when it is left alone. */
  answered: number[];
  leaving: number[];
}>;

/** One client: thinks, asks, learns, asks again what it does not know the end of. */
async function live(
  parts: Parts,
  identity: Identity,
  island: Island,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  const { world, recorder, behaviour, answered, leaving } = parts;
  const caller = openCaller(identity, recorder, behaviour.isBalanced ? keepMsMax : undefined);
  const mind = openMind(identity.name, island, random.fork('mind'), behaviour.keyChance);
  let index = random.integer(0, world.servers.length - 1);

  const manner = (): Manner => {
    const server = world.servers[index];
    const port = behaviour.isBalanced ? server?.port : world.clientLinks[index]?.port;
    if (server === undefined || port === undefined) throw new Error(`there is no server ${index}`);
    return {
      port,
      server: server.incarnation,
      patienceMs: random.chance(0.9) ? impatientMs : hangMs,
      ...(random.chance(behaviour.leaveChance) ? { leavesAfterMs: random.integer(0, 30) } : {}),
    };
  };

  async function ask(asked: Ask): Promise<Call> {
    const isLeft = () => behaviour.isBalanced && (leaving[index] ?? 0) > nowMs();
    for (let tries = 1; isLeft() && tries < world.servers.length; tries += 1) {
      index = (index + 1) % world.servers.length;
    }
    let call = await caller.call(asked, manner());
    for (let tries = 1; behaviour.isBalanced && call.end.code === 'refused' && tries < 50; tries += 1) {
      index = (index + 1) % world.servers.length;
      if (tries % world.servers.length === 0) await delay(20);
      call = await caller.call(asked, manner());
    }
    if (call.end.isLeaving === true) leaving[Number(call.server.split('.')[0])] = nowMs() + leaveAloneMs;
    if (call.end.status > 0 && call.end.status < 500 && !reads.has(asked.verb)) {
      const asker = Number(call.server.split('.')[0]);
      answered[asker] = Math.max(answered[asker] ?? 0, call.invokedMs);
    }
    mind.learn(call);
    if (call.end.type === 'ok') remember(island, call.end);
    return call;
  }

  /** Sends reads to the reader, if there is one, and writes to the others. */
  const divert = (asked: Ask): void => {
    const { readerIndex } = behaviour;
    if (readerIndex === undefined) return;
    if (reads.has(asked.verb)) index = readerIndex;
    else if (index === readerIndex) index = (index + random.integer(1, 2)) % world.servers.length;
  };

  while (!isOver()) {
    const asked = mind.choose();
    const isKeyed = 'key' in asked && asked.key !== undefined;
    // The same key at two servers at once: one of them makes the hold, the other shows it.
    const twin = isKeyed && random.chance(0.03) ? ask(asked) : undefined;
    if (random.chance(0.3)) index = random.integer(0, world.servers.length - 1);
    divert(asked);
    let call = await ask(asked);
    const isSafe = isKeyed || !(asked.verb.startsWith('place') || reads.has(asked.verb));
    for (let tries = 1; tries <= 4 && isSafe && !isOver(); tries += 1) {
      const isWanted = call.end.type === 'info' ? random.chance(behaviour.retryChance) : random.chance(0.04);
      if (!isWanted) break;
      await delay(random.integer(5, 200));
      if (random.chance(0.5)) index = random.integer(0, world.servers.length - 1);
      divert(asked);
      call = await ask(asked);
    }
    await twin;
    await delay(random.next() * behaviour.thinkMsMax);
  }
  caller.close();
}

/** Starts the clients, each on its island. */
export function openCrowd(options: {
  world: World;
  recorder: Recorder;
  islands: readonly Island[];
  random: Random;
  clientsCount: number;
  behaviour: Behaviour;
}): Crowd {
  const { world, recorder, islands, random, behaviour } = options;
  const [answered, leaving] = [world.servers.map(() => 0), world.servers.map(() => 0)];
  const parts: Parts = { world, recorder, behaviour, answered, leaving };
  let isStopped = false;
  let bornCount = 0;

  async function begin(isOver: () => boolean): Promise<void> {
    const name = `client-${++bornCount}`;
    const island = islands[bornCount % islands.length];
    if (island === undefined) throw new Error('clients need an island');
    const identity = {
      name,
      island: island.index,
      guestToken: signToken(world.secret, name, ['ROOM_HOLD:WRITE']),
      adminToken: signToken(world.secret, `admin-of-${name}`, ['ROOM_MANAGEMENT:WRITE']),
    };
    await live(parts, identity, island, random.fork(name), isOver);
  }

  const steady = Array.from({ length: options.clientsCount }, () => begin(() => isStopped));
  const storms = new Set<Promise<unknown>>();
  return {
    behaviour,
    async storm(clientsCount, durationMs) {
      const endsMs = nowMs() + durationMs;
      const isOver = () => isStopped || nowMs() > endsMs;
      const all = Promise.all(Array.from({ length: clientsCount }, () => begin(isOver)));
      storms.add(all);
      await delay(durationMs);
      void all.finally(() => storms.delete(all));
    },
    answeredWriteMs: (serverIndex) => parts.answered[serverIndex] ?? 0,
    async stop() {
      isStopped = true;
      await Promise.all([...steady, ...storms]);
    },
  };
}
