/** Owns the property that bad requests meet: rooms and holds in every state, and the proof that nothing about them changed. */
import { expect, test } from 'vitest';
import { holdSchema } from '../../src/holds/schemas.ts';
import { startTestApp, type TestApp, type TestAppOptions } from '../helpers/app.ts';
import {
  bodyAs,
  expireHold,
  freezeRoom,
  type Hold,
  makeRoom,
  makeRoomIn,
  makeRoomType,
  placeHold,
} from '../helpers/property.ts';
import type { RawAnswer } from '../helpers/raw-http.ts';
import type { Subject } from '../helpers/route-calls.ts';
import { openWire, type Wire } from '../helpers/wire-app.ts';
import type { HeaderLine, WireRequest } from '../helpers/wire-request.ts';

/** How a hold ended, or that it did not. */
export type HoldState = Hold['status'];

/** A server that listens, with a property on it. */
export type Property = Readonly<{
  server: TestApp;
  subject: Subject;
  rooms: Readonly<{
    available: number;
    other: number;
    maintenance: number;
    frozen: number;
    booked: number;
    held: number;
    deleted: number;
  }>;
  /** One hold in each state, all placed by the frontend. */
  holds: Readonly<Record<HoldState, Hold>>;
  /** Every row of every table, and every list as the server tells it to operations and to the frontend. */
  snapshot(): Promise<Record<string, string>>;
  wire: Wire;
}>;

const tables = ['room_type', 'room', 'hold', 'hold_room', 'idempotency_key', 'audit_log'];

const digestSql = tables
  .map(
    (table) =>
      `(SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM ${table} t) AS ${table}`,
  )
  .join(', ');

/** The seconds that a hold has left count down by themselves. */
const withoutCountdown = (text: string): string => text.replaceAll(/"expires_in_seconds":\d+/g, '');

async function makeHolds(server: TestApp): Promise<Record<HoldState, Hold>> {
  const { as, call } = server;
  const make = async () => {
    const room = await makeRoom(server);
    const hold = await placeHold(server, [room.room_id], { ttl_seconds: 7200, reference: 'cart' });
    return { room, hold };
  };
  const read = async ({ hold_id }: Hold) =>
    bodyAs(holdSchema, await call('GET', `/rooms/hold/${hold_id}`, { token: as.operations }));
  const [active, confirmed, released, expired, revoked] = [
    await make(),
    await make(),
    await make(),
    await make(),
    await make(),
  ];
  const body = { booking_reference: 'B-1' };
  await call('POST', `/rooms/hold/${confirmed.hold.hold_id}/confirm`, { token: as.frontend, body });
  await call('DELETE', `/rooms/hold/${released.hold.hold_id}`, { token: as.frontend });
  await expireHold(server, expired.hold.hold_id);
  await freezeRoom(server, revoked.room.room_id, { supersede_hold: true });
  // Whoever asks for something that is over tidies it: that is done before.
  await server.database.query('SELECT sweep(1000)');
  return {
    ACTIVE: await read(active.hold),
    CONFIRMED: await read(confirmed.hold),
    RELEASED: await read(released.hold),
    EXPIRED: await read(expired.hold),
    REVOKED: await read(revoked.hold),
  };
}

/** Starts a server on a property with a room and a hold in every state. Close the server in `afterAll`. */
export async function openProperty(options: TestAppOptions = {}): Promise<Property> {
  const server = await startTestApp(options);
  const { as, database } = server;
  const makeId = async (status: Parameters<typeof makeRoomIn>[1]) =>
    (await makeRoomIn(server, status)).room_id;
  const rooms = {
    available: await makeId('AVAILABLE'),
    other: await makeId('AVAILABLE'),
    maintenance: await makeId('MAINTENANCE'),
    frozen: await makeId('FROZEN'),
    booked: await makeId('BOOKED'),
    held: await makeId('HELD'),
    deleted: await makeId('AVAILABLE'),
  };
  await server.call('DELETE', `/rooms/${rooms.deleted}`, { token: as.admin });
  const holds = await makeHolds(server);
  const subject = {
    roomId: rooms.available,
    frozenRoomId: rooms.frozen,
    roomTypeId: (await server.call('GET', `/rooms/${rooms.available}`, { token: as.operations })).body
      .room_type_id,
    spareRoomTypeId: (await makeRoomType(server)).room_type_id,
    holdId: holds.ACTIVE.hold_id,
  };
  const lists: [string, string][] = ['/rooms?limit=200', '/room-types', '/rooms/hold?limit=200'].flatMap(
    (url) => [
      [url, as.operations],
      [url, as.frontend],
    ],
  );
  lists.push(['/audit?limit=1', as.operations], [`/rooms/hold/${holds.ACTIVE.hold_id}`, as.frontend]);
  const wire = await openWire(server);
  return {
    server,
    subject,
    rooms,
    holds,
    snapshot: async () => {
      const [digests] = await database.query<Record<string, string>>(`SELECT ${digestSql}`);
      const told = lists.map(async ([url, token]) => {
        const { text } = await server.call('GET', url, { token });
        return [`${url} ${token === as.frontend ? 'frontend' : 'operations'}`, withoutCountdown(text)];
      });
      return { ...digests, ...Object.fromEntries(await Promise.all(told)) };
    },
    wire,
  };
}

/** A request that must be refused, and how. */
export type Row = Readonly<{
  name: string;
  /** The request; or bytes that are none, or more than one, of which the last answer is judged. */
  request: WireRequest | string | Buffer;
  status: number;
  /** The code of the problem; nothing for an answer without a body, or one that is no problem. */
  code?: string | undefined;
}>;

/** The header lines of a caller with this token, and of a JSON body where there is one. */
export function headersOf(token: string | undefined, hasBody = false): HeaderLine[] {
  return [
    ...(token === undefined ? [] : [['Authorization', `Bearer ${token}`] as const]),
    ...(hasBody ? [['Content-Type', 'application/json'] as const] : []),
  ];
}

/** Every problem there is may stand in a row; everything of it but its facts is judged. */
function expectRefusal(
  { request, status, code }: Row,
  answers: readonly RawAnswer[],
  property: Property,
): void {
  const answer = answers.at(-1);
  if (answer === undefined) throw new Error('no answer');
  if (typeof request === 'string' || Buffer.isBuffer(request)) {
    const body = answer.body === '' ? {} : JSON.parse(answer.body);
    expect({ status: answer.status, code: body.code }).toEqual({ status, code });
    return;
  }
  const { body } = property.wire.judged(request, answer);
  expect({ status: answer.status, code: body?.code }, answer.body).toEqual({ status, code });
}

/** Registers a test for each row: it is answered as it says, and neither the tables nor any list has changed. */
export function testRows(property: Property, rows: readonly Row[]): void {
  let last: Record<string, string> | undefined;
  test.each(rows.map((row) => [row.status, row.code ?? '', row.name, row] as const))(
    '%i %s: %s',
    async (_status, _code, _name, row) => {
      const before = last ?? (await property.snapshot());
      const answers = await property.wire.send(row.request);
      last = await property.snapshot();
      expectRefusal(row, answers, property);
      expect(last).toEqual(before);
    },
  );
}
