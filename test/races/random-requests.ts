/** Owns random requests on few rooms, sent through two instances at once, and the notes of what was asked and answered. */
import fc from 'fast-check';
import type { Answer } from '../helpers/contract.ts';
import { arrive, buyer, type Instance, type Instances, sample } from './instances.ts';

/** One request: between `sentAt` and `answeredAt` (milliseconds of this process) it took effect, or was refused. */
export type Note = Readonly<{ verb: string; sentAt: number; answeredAt: number; answer: Answer }>;

type Wish = Readonly<{
  verb: string;
  rooms: readonly number[];
  room: number;
  hold: number;
  type: number;
  quantity: number;
  reference: string;
  isYes: boolean;
  status: 'AVAILABLE' | 'MAINTENANCE' | 'BOOKED';
  inMs: number;
}>;

const verbs = [
  ...['place', 'place', 'place', 'place by type', 'place by type', 'extend', 'confirm', 'release', 'release'],
  ...['freeze', 'unfreeze', 'unfreeze', 'change', 'change', 'change', 'move', 'list', 'end', 'end', 'sweep'],
];

const wishes = (roomIds: readonly number[]): fc.Arbitrary<Wish> =>
  fc.record({
    verb: fc.constantFrom(...verbs),
    rooms: fc.shuffledSubarray([...roomIds], { minLength: 1, maxLength: 3 }),
    room: fc.constantFrom(...roomIds),
    hold: fc.nat(7),
    type: fc.nat(1),
    quantity: fc.integer({ min: 1, max: 3 }),
    reference: fc.constantFrom('B1', 'B2'),
    isYes: fc.boolean(),
    status: fc.constantFrom('AVAILABLE', 'AVAILABLE', 'MAINTENANCE', 'BOOKED'),
    inMs: fc.integer({ min: -10, max: 30 }),
  });

/** Sends `count` random requests, the same for the same seed, and answers the notes of them. */
export async function sendRandomRequests(
  instances: Instances,
  { seed, count, roomsOfType }: { seed: number; count: number; roomsOfType: number },
): Promise<Note[]> {
  const types = [await instances.makeRooms(roomsOfType), await instances.makeRooms(roomsOfType)] as const;
  const roomIds = types.flatMap((type) => type.roomIds);
  const typeIds = types.map((type) => type.roomTypeId);
  const recent: string[] = [];
  const notes: Note[] = [];
  const { admin } = instances.apps[0].as;

  const send = (instance: Instance, wish: Wish, n: number): Promise<Answer | undefined> => {
    const call = instances.call(instance);
    const hold = `/rooms/hold/${recent[wish.hold % recent.length] ?? '00000000-0000-7000-8000-000000000000'}`;
    const room = `/rooms/${wish.room}`;
    switch (wish.verb) {
      case 'place':
        return call('POST', '/rooms/hold', { token: buyer(n), body: { room_ids: wish.rooms } });
      case 'place by type': {
        const body = { room_type_id: typeIds[wish.type], quantity: wish.quantity };
        return call('POST', '/rooms/hold', { token: buyer(n), body });
      }
      case 'extend':
        return call('PATCH', hold, { token: admin, body: { ttl_seconds: 60 + n } });
      case 'confirm': {
        const body = { booking_reference: wish.reference, reacquire: wish.isYes };
        return call('POST', `${hold}/confirm`, { token: admin, body });
      }
      case 'release':
        return call('DELETE', hold, { token: admin });
      case 'freeze': {
        const body = {
          supersede_hold: wish.isYes,
          freeze_reason: `for ${wish.reference}`,
          ...(n % 3 === 0 ? { expires_in_seconds: 60 } : {}),
        };
        return call('POST', `${room}/freeze`, { token: admin, body });
      }
      case 'unfreeze':
        return call('DELETE', `${room}/freeze`, { token: admin });
      case 'change':
        return call('PATCH', room, { token: admin, body: { room_status: wish.status } });
      case 'move':
        return call('PATCH', room, { token: admin, body: { floor: wish.reference } });
      case 'list':
        return call('GET', '/rooms', { token: admin });
      case 'end':
        return end(wish);
      default:
        return instances.sweep(instance).then(() => undefined);
    }
  };
  const end = async ({ hold, inMs, rooms }: Wish): Promise<undefined> => {
    const holdId = recent[hold % recent.length];
    if (holdId !== undefined) await instances.endHolds([{ holdId, inMs }]);
    await instances.endFreezes(rooms);
  };

  await arrive(
    12,
    sample(wishes(roomIds), seed, count).map((wish, n) => async (instance) => {
      const sentAt = performance.now();
      const answer = await send(instance, wish, n);
      if (answer === undefined) return;
      notes.push({ verb: wish.verb, sentAt, answeredAt: performance.now(), answer });
      if (answer.status === 201) {
        recent.unshift(answer.body.hold_id);
        recent.length = Math.min(recent.length, 8);
      }
    }),
  );
  return notes;
}
