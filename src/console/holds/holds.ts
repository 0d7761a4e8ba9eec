/** Owns what the view of holds knows of a hold: its status now, who may act on it, and which list the address asks for. */
import type { HoldFilter } from '../api/calls.ts';
import type { AuditAction, Hold, HoldStatus } from '../api/wire.ts';
import type { Claims } from '../session/token.ts';

export const holdStatuses = ['ACTIVE', 'CONFIRMED', 'RELEASED', 'EXPIRED', 'REVOKED'] as const;

/** The actions that change what a list of holds says. */
export const holdActions: ReadonlySet<AuditAction> = new Set([
  'HOLD',
  'EXTEND',
  'CONFIRM',
  'RELEASE',
  'EXPIRE',
  'REVOKE',
]);

const isHoldStatus = (text: string | undefined): text is HoldStatus =>
  holdStatuses.some((status) => status === text);

/** The list that the address asks for; what it says wrongly is left out. */
export function holdFilterOf(filters: Readonly<Record<string, string>>): HoldFilter {
  const { status, holder, reference, booking_reference, room_id = '' } = filters;
  return {
    status: isHoldStatus(status) ? status : undefined,
    holder,
    reference,
    booking_reference,
    room_id: /^[1-9]\d{0,9}$/.test(room_id) ? Number(room_id) : undefined,
  };
}

/** A hold that has passed its end is over, whether or not anybody has tidied it. */
export function statusNow(hold: Hold, hasPassed: boolean): HoldStatus {
  return hold.status === 'ACTIVE' && hasPassed ? 'EXPIRED' : hold.status;
}

/** Whether a token may extend, confirm and release this hold: anyone's, or those that it placed. */
export function mayAct({ permissions, sub }: Claims, hold: Hold): boolean {
  if (permissions.has('ROOM_MANAGEMENT:WRITE')) return true;
  return permissions.has('ROOM_HOLD:WRITE') && hold.created_by === sub;
}

/** An expired hold can be confirmed all the same for this long after its end. */
const reacquireMsMax = 24 * 3600 * 1000;

/** Whether it is worth asking to confirm an expired hold all the same. */
export function isReacquirable(hold: Hold, nowMs: number): boolean {
  return nowMs - Date.parse(hold.expires_at) < reacquireMsMax;
}

/** The numbers of a hold's rooms in a sentence: `101, 102 and 103`. */
export function roomsText(rooms: readonly { room_no: string }[]): string {
  const numbers = rooms.map(({ room_no }) => room_no);
  const last = numbers.pop() ?? '';
  return numbers.length === 0 ? last : `${numbers.join(', ')} and ${last}`;
}

/** `Room 101` or `Rooms 101 and 102`. */
export function roomsTitle(rooms: readonly { room_no: string }[]): string {
  return `${rooms.length === 1 ? 'Room' : 'Rooms'} ${roomsText(rooms)}`;
}
