/** Owns what a virtual client does next: every verb, often on the same few rooms, sometimes what must be refused. */
import { nowMs } from '../clock.ts';
import type { Ask, Call } from '../history.ts';
import type { Random } from '../random.ts';
import { holdTtlSecondsMax } from '../world/world.ts';
import type { Island } from './island.ts';

type OwnHold = { holdId: string; expiresMs: number };

/** What one client knows and wants. */
export type Mind = Readonly<{
  /** What to ask for next. */
  choose(): Ask;
  /** Learns from a call of its own. */
  learn(call: Call): void;
}>;

type Want =
  | 'place'
  | 'placeType'
  | 'extend'
  | 'confirm'
  | 'release'
  | 'admin'
  | 'list'
  | 'readRoom'
  | 'readHold';

/** How often what is wanted, of 100. */
const wants: readonly (readonly [Want, number])[] = [
  ['place', 22],
  ['placeType', 8],
  ['extend', 9],
  ['confirm', 9],
  ['release', 9],
  ['admin', 14],
  ['list', 17],
  ['readRoom', 6],
  ['readHold', 6],
];

/** Ended holds that a client comes back to, to be refused or to reacquire them. */
const pastHoldsMax = 6;

function wanted(random: Random): Want {
  let left = random.next() * 100;
  for (const [want, weight] of wants) {
    left -= weight;
    if (left < 0) return want;
  }
  return 'list';
}

/** A mind of its own for the client `name`; every tag that it makes is unique. */
export function openMind(name: string, island: Island, random: Random, keyChance: number): Mind {
  let active: OwnHold[] = [];
  let past: OwnHold[] = [];
  let tagsCount = 0;
  const tag = () => `${name}:${++tagsCount}`;
  const roomsSeen = (status: string) => island.roomIds.filter((roomId) => island.seen.get(roomId) === status);
  const list = (): Ask => ({
    verb: 'list',
    typeId: random.chance(0.8) ? island.typeId : null,
    status: random.chance(0.25) ? random.pick(['AVAILABLE', 'HELD', 'BOOKED', 'FROZEN']) : null,
    isAdmin: random.chance(0.5),
  });
  const ttlSeconds = () => (random.chance(0.3) ? holdTtlSecondsMax : 0);

  function place(): Ask {
    const count = random.chance(0.6) ? 1 : random.integer(2, 3);
    const free = roomsSeen('AVAILABLE');
    const roomIds = random.sample(free.length >= count && random.chance(0.8) ? free : island.roomIds, count);
    const own = tag();
    const key = random.chance(keyChance) ? { key: own } : {};
    return { verb: 'place', roomIds, ttlSeconds: ttlSeconds(), tag: own, ...key };
  }

  function placeType(): Ask {
    const own = tag();
    const key = random.chance(keyChance) ? { key: own } : {};
    const quantity = random.integer(1, 2);
    return {
      verb: 'place-type',
      typeId: island.typeId,
      quantity,
      ttlSeconds: ttlSeconds(),
      tag: own,
      ...key,
    };
  }

  /** Rooms that stay booked or frozen would leave nothing to do: they are given back more often than taken. */
  function admin(): Ask {
    const [booked, frozen] = [roomsSeen('BOOKED'), roomsSeen('FROZEN')];
    if (frozen.length > 0 && random.chance(0.6)) return { verb: 'unfreeze', roomId: random.pick(frozen) };
    if (booked.length > 0 && random.chance(0.8)) {
      const status = random.chance(0.9) ? 'AVAILABLE' : 'MAINTENANCE';
      return { verb: 'change', roomId: random.pick(booked), status, tag: tag() };
    }
    const roomId = random.pick(island.roomIds);
    if (island.seen.get(roomId) === 'MAINTENANCE')
      return { verb: 'change', roomId, status: 'AVAILABLE', tag: tag() };
    if (random.chance(0.15)) return { verb: 'unfreeze', roomId };
    const seconds = random.chance(0.3) ? 60 : null;
    return { verb: 'freeze', roomId, tag: tag(), isSuperseding: random.chance(0.4), seconds };
  }

  /** A verb on an own hold, now and then on one that is over. */
  function onHold(ask: (holdId: string, isPast: boolean) => Ask): Ask | undefined {
    active = active.filter((hold) => {
      if (hold.expiresMs > nowMs() + 5) return true;
      past = [...past, hold].slice(-pastHoldsMax);
      return false;
    });
    const isPast = past.length > 0 && (active.length === 0 || random.chance(0.25));
    if (isPast) return ask(random.pick(past).holdId, true);
    return active.length === 0 ? undefined : ask(random.pick(active).holdId, false);
  }

  const choices: Record<Want, () => Ask | undefined> = {
    place,
    placeType,
    admin,
    list,
    extend: () => onHold((holdId) => ({ verb: 'extend', holdId, ttlSeconds: holdTtlSecondsMax })),
    confirm: () =>
      onHold((holdId, isPast) => ({
        verb: 'confirm',
        holdId,
        tag: tag(),
        isReacquiring: isPast ? random.chance(0.5) : random.chance(0.1),
      })),
    release: () => onHold((holdId) => ({ verb: 'release', holdId })),
    readRoom: () => ({ verb: 'read-room', roomId: random.pick(island.roomIds) }),
    readHold: () => onHold((holdId) => ({ verb: 'read-hold', holdId })),
  };

  return {
    choose: () => choices[wanted(random)]() ?? place(),
    learn({ ask, end }) {
      const holdId = end.hold?.holdId ?? ('holdId' in ask ? ask.holdId : undefined);
      if (holdId === undefined || end.type === 'info') return;
      active = active.filter((hold) => hold.holdId !== holdId);
      if (end.hold?.status === 'ACTIVE') active.push({ holdId, expiresMs: end.hold.expiresMs });
      else if (ask.verb === 'confirm' || ask.verb === 'release') {
        past = [...past.filter((hold) => hold.holdId !== holdId), { holdId, expiresMs: 0 }].slice(
          -pastHoldsMax,
        );
      }
    },
  };
}
