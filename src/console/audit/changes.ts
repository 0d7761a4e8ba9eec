/** Owns how an entry of the audit trail reads: which fields changed, from what to what, in words. */
import { statusWord } from '../api/problem-words.ts';
import type { AuditAction, AuditEntry } from '../api/wire.ts';
import { timeTextExact } from '../layout/times.ts';

/** One field that changed; undefined where there was nothing to say before, or nothing is there after. */
export type FieldChange = {
  field: string;
  label: string;
  before: string | undefined;
  after: string | undefined;
};

/** In the order in which they are told. What is not here comes after, under its own name. */
const labels: Readonly<Record<string, string>> = {
  name: 'Name',
  room_no: 'Number',
  room_type_id: 'Type',
  floor: 'Floor',
  room_status: 'Status',
  freeze_reason: 'Reason',
  freeze_note: 'Note',
  freeze_expires_at: 'Frozen until',
  holder: 'For',
  created_by: 'Placed by',
  reference: 'Reference',
  hold_expires_at: 'Held until',
  booking_reference: 'Booking',
  fence: 'Fence',
};

/** What every entry says of itself anyway: its own time, the hold that it links to, the thing that it is about. */
const fieldsKnown = new Set(['updated_at', 'created_at', 'hold_id', 'room_id', 'is_deleted']);

const reasons: Readonly<Record<string, string>> = {
  NONE: 'none',
  CLEANING: 'cleaning',
  ADMIN_LOCK: 'locked by an admin',
  SYSTEM_HOLD: 'held by the system',
};

/** What an action is called, as what was done. */
export const actionTexts: Readonly<Record<AuditAction, string>> = {
  CREATE: 'Created',
  UPDATE: 'Changed',
  DELETE: 'Deleted',
  FREEZE: 'Frozen',
  UNFREEZE: 'Unfrozen',
  HOLD: 'Held',
  EXTEND: 'Extended',
  CONFIRM: 'Confirmed',
  RELEASE: 'Released',
  EXPIRE: 'Expired',
  REVOKE: 'Revoked',
};

type TypeName = (roomTypeId: number) => string;

function valueText(field: string, value: unknown, typeName: TypeName): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (field === 'room_status') return statusWord(String(value));
  if (field === 'freeze_reason') return reasons[String(value)] ?? String(value);
  if (field === 'room_type_id') return typeName(Number(value));
  if (field.endsWith('_at') && typeof value === 'string') return timeTextExact(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The changes of an entry, field by field; fields that were and are nothing are left out. */
export function changesOf(entry: AuditEntry, typeName: TypeName): FieldChange[] {
  const { old_value: before, new_value: after } = entry;
  const known = Object.keys(labels);
  const rankOf = (field: string): number => (known.includes(field) ? known.indexOf(field) : known.length);
  const fields = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return fields
    .filter((field) => !fieldsKnown.has(field))
    .sort((one, other) => rankOf(one) - rankOf(other))
    .map((field) => ({
      field,
      label: labels[field] ?? field.replaceAll('_', ' '),
      before: valueText(field, before?.[field], typeName),
      after: valueText(field, after?.[field], typeName),
    }))
    .filter((change) => change.before !== change.after);
}

const textIn = (value: Record<string, unknown> | null, field: string): string | undefined => {
  const found = value?.[field];
  return typeof found === 'string' ? found : undefined;
};

/** What an entry is about, by the name that it had then or has now: `Room 101`. */
export function subjectOf(entry: AuditEntry, nameNow: string | undefined): string {
  const field = entry.entity === 'room' ? 'room_no' : 'name';
  const name = textIn(entry.new_value, field) ?? textIn(entry.old_value, field) ?? nameNow;
  return `${entry.entity === 'room' ? 'Room' : 'Room type'} ${name ?? `#${entry.entity_id}`}`;
}
