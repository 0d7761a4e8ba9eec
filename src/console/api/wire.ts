/** Owns the shapes of the HTTP contract that the console reads; a test holds them against the server's schemas. */

export type RoomStatus = 'AVAILABLE' | 'BOOKED' | 'MAINTENANCE' | 'FROZEN' | 'HELD';
export type FreezeReason = 'NONE' | 'CLEANING' | 'ADMIN_LOCK' | 'SYSTEM_HOLD';

/** A room; what does not apply is null. Instants are RFC 3339, by the database's clock. */
export type Room = {
  room_id: number;
  room_no: string;
  room_type_id: number;
  floor: string | null;
  room_status: RoomStatus;
  freeze_reason: FreezeReason;
  freeze_note: string | null;
  freeze_expires_at: string | null;
  hold_id: string | null;
  hold_expires_at: string | null;
  booking_reference: string | null;
  fence: number;
  created_at: string;
  updated_at: string;
};
export type RoomPage = { rooms: Room[]; next_cursor: string | null };

export type RoomType = { room_type_id: number; name: string; created_at: string };
export type RoomTypes = { room_types: RoomType[] };

export type HoldStatus = 'ACTIVE' | 'CONFIRMED' | 'RELEASED' | 'EXPIRED' | 'REVOKED';

/** A hold; `expires_in_seconds` is rounded up, and 0 once it has ended. */
export type Hold = {
  hold_id: string;
  status: HoldStatus;
  holder: string;
  created_by: string;
  reference: string | null;
  rooms: { room_id: number; room_no: string; fence: number }[];
  created_at: string;
  expires_at: string;
  expires_in_seconds: number;
  booking_reference: string | null;
  reacquired: boolean;
  ended_at: string | null;
};
export type HoldPage = { holds: Hold[]; next_cursor: string | null };

export type AuditAction =
  | 'CREATE'
  | 'UPDATE'
  | 'DELETE'
  | 'FREEZE'
  | 'UNFREEZE'
  | 'HOLD'
  | 'EXTEND'
  | 'CONFIRM'
  | 'RELEASE'
  | 'EXPIRE'
  | 'REVOKE';

/** What happened to one room or room type: the fields that changed, before and after. */
export type AuditEntry = {
  audit_id: number;
  at: string;
  entity: 'room' | 'room_type';
  entity_id: string;
  action: AuditAction;
  old_value: Record<string, unknown> | null;
  new_value: Record<string, unknown> | null;
  actor: string;
  hold_id: string | null;
  request_id: string | null;
};
export type AuditPage = { entries: AuditEntry[]; next_cursor: string | null };

/** An entry as an event: a token that may not read everything is not told who and for whom. */
export type LiveEntry = Omit<AuditEntry, 'actor' | 'hold_id' | 'request_id'> &
  Partial<Pick<AuditEntry, 'actor' | 'hold_id' | 'request_id'>>;

/** An answer of status 400 or more: RFC 9457, with the facts of its code beside the members. */
export type ProblemAnswer = {
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id?: string;
  errors?: { path: string; message: string }[];
} & Record<string, unknown>;
