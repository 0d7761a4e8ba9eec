/** Owns every call of the HTTP contract that the console makes, each as one typed function. */
import type { AuditPage, Hold, HoldPage, HoldStatus, Room, RoomPage, RoomTypes } from './wire.ts';

/** What a call needs: how to send one request. `send` throws a `Problem` for anything but a success. */
export type Send = <T>(method: string, path: string, options?: SendOptions) => Promise<Answer<T>>;

export type SendOptions = {
  query?: Record<string, string | number | readonly string[] | undefined>;
  body?: object;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
};

/** An answer, and between which instants of this browser's steady clock (in ms) the server made it. */
export type Answer<T> = { value: T; headers: Headers; sentAtMs: number; receivedAtMs: number };

export type FreezeBody = {
  freeze_reason?: string;
  freeze_note?: string;
  expires_in_seconds?: number;
  supersede_hold?: boolean;
};

export type HoldBody = {
  room_ids?: number[];
  room_type_id?: number;
  quantity?: number;
  ttl_seconds?: number;
  reference?: string;
  holder?: string;
};

export type HoldFilter = {
  status?: HoldStatus | undefined;
  holder?: string | undefined;
  reference?: string | undefined;
  booking_reference?: string | undefined;
  room_id?: number | undefined;
};

export type AuditFilter = {
  entity?: string | undefined;
  entity_id?: string | undefined;
  hold_id?: string | undefined;
  action?: string | undefined;
  actor?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
};

type Page = { limit?: number; cursor?: string | undefined; signal?: AbortSignal | undefined };

/** The calls of the contract, sent by `send`. */
export function callsOf(send: Send) {
  const hold = (holdId: string): string => `/rooms/hold/${encodeURIComponent(holdId)}`;
  return {
    listRooms: ({ signal, ...query }: Page & { room_no?: string } = {}) =>
      send<RoomPage>('GET', '/rooms', { query, signal }),
    getRoom: (roomId: number) => send<Room>('GET', `/rooms/${roomId}`),
    listRoomTypes: () => send<RoomTypes>('GET', '/room-types'),
    freezeRoom: (roomId: number, body: FreezeBody) => send<Room>('POST', `/rooms/${roomId}/freeze`, { body }),
    unfreezeRoom: (roomId: number) => send<Room>('DELETE', `/rooms/${roomId}/freeze`),
    placeHold: (body: HoldBody, idempotencyKey: string) =>
      send<Hold>('POST', '/rooms/hold', { body, headers: { 'idempotency-key': idempotencyKey } }),
    getHold: (holdId: string, signal?: AbortSignal) => send<Hold>('GET', hold(holdId), { signal }),
    listHolds: ({ signal, ...query }: Page & HoldFilter = {}) =>
      send<HoldPage>('GET', '/rooms/hold', { query, signal }),
    extendHold: (holdId: string, ttlSeconds: number) =>
      send<Hold>('PATCH', hold(holdId), { body: { ttl_seconds: ttlSeconds } }),
    confirmHold: (holdId: string, body: { booking_reference?: string; reacquire?: boolean }) =>
      send<Hold>('POST', `${hold(holdId)}/confirm`, { body }),
    releaseHold: (holdId: string) => send<Hold>('DELETE', hold(holdId)),
    listAuditEntries: ({ signal, ...query }: Page & AuditFilter = {}) =>
      send<AuditPage>('GET', '/audit', { query, signal }),
  };
}
export type Calls = ReturnType<typeof callsOf>;
