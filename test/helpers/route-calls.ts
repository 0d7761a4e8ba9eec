/** Owns one good call of each route of the server: what a test bends until it must be refused. */
import type { FastifyInstance } from 'fastify';

/** What the targets and bodies of the calls name. */
export type Subject = Readonly<{
  roomId: number;
  frozenRoomId: number;
  roomTypeId: number;
  /** A room type that no room has. */
  spareRoomTypeId: number;
  holdId: string;
}>;

/** A call that whoever may make it makes with success. A body that is not there is one that the route does not take. */
export type RouteCall = Readonly<{
  target(subject: Subject): string;
  body?(subject: Subject): Record<string, unknown>;
  /** The route works without its body too. */
  isBodyOptional?: true;
  /** No token is asked for. */
  isPublic?: true;
  /** Its answer does not end: who asks for its head learns all that can be learned at once. */
  isStream?: true;
}>;

let madeCount = 0;
const fresh = (prefix: string): string => {
  madeCount += 1;
  return `${prefix} ${madeCount}`;
};

/** By method and path pattern, as the server registers them. HEAD is as GET. */
export const routeCalls: Readonly<Record<string, RouteCall>> = {
  'GET /openapi.json': { target: () => '/openapi.json', isPublic: true },
  'GET /livez': { target: () => '/livez', isPublic: true },
  'GET /readyz': { target: () => '/readyz', isPublic: true },
  'POST /rooms': {
    target: () => '/rooms',
    body: ({ roomTypeId }) => ({ room_no: fresh('made'), room_type_id: roomTypeId }),
  },
  'GET /rooms': { target: () => '/rooms' },
  'GET /rooms/summary': { target: () => '/rooms/summary' },
  'GET /rooms/:room_id': { target: ({ roomId }) => `/rooms/${roomId}` },
  'PATCH /rooms/:room_id': {
    target: ({ roomId }) => `/rooms/${roomId}`,
    body: () => ({ floor: fresh('floor') }),
  },
  'DELETE /rooms/:room_id': { target: ({ roomId }) => `/rooms/${roomId}` },
  'POST /room-types': { target: () => '/room-types', body: () => ({ name: fresh('type made') }) },
  'GET /room-types': { target: () => '/room-types' },
  'PATCH /room-types/:room_type_id': {
    target: ({ roomTypeId }) => `/room-types/${roomTypeId}`,
    body: () => ({ name: fresh('type renamed') }),
  },
  'DELETE /room-types/:room_type_id': { target: ({ spareRoomTypeId }) => `/room-types/${spareRoomTypeId}` },
  'POST /rooms/:room_id/freeze': {
    target: ({ roomId }) => `/rooms/${roomId}/freeze`,
    body: () => ({ freeze_reason: 'CLEANING' }),
    isBodyOptional: true,
  },
  'DELETE /rooms/:room_id/freeze': { target: ({ frozenRoomId }) => `/rooms/${frozenRoomId}/freeze` },
  'POST /rooms/hold': { target: () => '/rooms/hold', body: ({ roomId }) => ({ room_ids: [roomId] }) },
  'GET /rooms/hold': { target: () => '/rooms/hold' },
  'GET /rooms/hold/:hold_id': { target: ({ holdId }) => `/rooms/hold/${holdId}` },
  'PATCH /rooms/hold/:hold_id': {
    target: ({ holdId }) => `/rooms/hold/${holdId}`,
    body: () => ({ ttl_seconds: 600 }),
  },
  'DELETE /rooms/hold/:hold_id': { target: ({ holdId }) => `/rooms/hold/${holdId}` },
  'POST /rooms/hold/:hold_id/confirm': {
    target: ({ holdId }) => `/rooms/hold/${holdId}/confirm`,
    body: () => ({ booking_reference: 'B-1' }),
    isBodyOptional: true,
  },
  'GET /audit': { target: () => '/audit' },
  'GET /events': { target: () => '/events', isStream: true },
  'GET /metrics': { target: () => '/metrics', isPublic: true },
  'GET /docs': { target: () => '/docs', isPublic: true },
  'GET /docs/problems': { target: () => '/docs/problems', isPublic: true },
};

/** A route of the server with its call. */
export type Route = Readonly<{ key: string; method: string; pattern: string; call: RouteCall }>;

/** The server's own pages and their files, which take other names and queries than the API: tests of their own ask them. */
const pageFiles = /^\/docs\/assets\/|^\/console/;

/** Every route of the API, HEAD left out. Throws for one that has no call above, and for a call without a route. */
export function routesOf(app: FastifyInstance): Route[] {
  const patterns = [...app.patterns].filter(([pattern]) => !pageFiles.test(pattern));
  const keys = patterns.flatMap(([pattern, methods]) =>
    [...methods].filter((method) => method !== 'HEAD').map((method) => `${method} ${pattern}`),
  );
  const stray = Object.keys(routeCalls).filter((key) => !keys.includes(key));
  if (stray.length > 0) throw new Error(`no such route any more: ${stray.join(', ')}`);
  return keys.map((key) => {
    const call = routeCalls[key];
    if (call === undefined) throw new Error(`${key} is a new route: give it a call in route-calls.ts`);
    const [method = '', pattern = ''] = key.split(' ');
    return { key, method, pattern, call };
  });
}
