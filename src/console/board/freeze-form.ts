/** Owns what a person fills in to freeze rooms, and the request that it stands for. */
import type { FreezeBody } from '../api/calls.ts';
import type { FreezeReason, Room } from '../api/wire.ts';
import type { Choice } from '../parts/fields.tsx';

/** The ends that are offered: in seconds from now, by hand, or none. */
export const endChoices: readonly Choice[] = [
  { id: 'never', text: 'When somebody unfreezes it' },
  { id: '1800', text: 'In 30 minutes' },
  { id: '3600', text: 'In 1 hour' },
  { id: '7200', text: 'In 2 hours' },
  { id: '14400', text: 'In 4 hours' },
  { id: '28800', text: 'In 8 hours' },
  { id: '86400', text: 'In 1 day' },
  { id: '604800', text: 'In 1 week' },
  { id: 'at', text: 'At a date and time' },
];

export const reasonNames: Readonly<Record<FreezeReason, string>> = {
  NONE: 'None',
  CLEANING: 'Cleaning',
  ADMIN_LOCK: 'Admin lock',
  SYSTEM_HOLD: 'System hold',
};

export const reasonChoices: readonly Choice[] = [
  { id: 'CLEANING', text: reasonNames.CLEANING },
  { id: 'ADMIN_LOCK', text: reasonNames.ADMIN_LOCK },
  { id: 'SYSTEM_HOLD', text: reasonNames.SYSTEM_HOLD },
];

export const noteLengthMax = 500;
const secondsMin = 60;
const secondsMax = 31_536_000;

/** `endsAt` is a local date and time, as a datetime-local field gives it. */
export type FreezeForm = { reason: string; note: string; end: string; endsAt: string };

/** `2026-11-24T14:30` in this browser's time zone. */
export function localText(instantMs: number): string {
  const date = new Date(instantMs);
  return new Date(instantMs - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** What the form begins with: the freeze as it is when one frozen room is changed, else a lock without an end. */
export function freezeFormOf(rooms: readonly Room[]): FreezeForm {
  const [room] = rooms;
  if (rooms.length !== 1 || room?.room_status !== 'FROZEN') {
    return { reason: 'CLEANING', note: '', end: 'never', endsAt: '' };
  }
  const end = room.freeze_expires_at;
  return {
    reason: room.freeze_reason,
    note: room.freeze_note ?? '',
    end: end === null ? 'never' : 'at',
    endsAt: end === null ? '' : localText(Date.parse(end)),
  };
}

/** The request, or what is wrong with the form, by field. `nowMs` is the database's time. */
export function freezeBodyOf(
  form: FreezeForm,
  nowMs: number,
): { body: FreezeBody } | { errors: { note?: string; endsAt?: string } } {
  const body: FreezeBody = { freeze_reason: form.reason };
  if ([...form.note].length > noteLengthMax) {
    return {
      errors: {
        note: `A note has at most ${noteLengthMax} characters: this one has ${[...form.note].length}.`,
      },
    };
  }
  if (form.note.trim() !== '') body.freeze_note = form.note;
  if (form.end === 'never') return { body };
  const seconds = form.end === 'at' ? Math.round((Date.parse(form.endsAt) - nowMs) / 1000) : Number(form.end);
  if (Number.isNaN(seconds)) return { errors: { endsAt: 'Say when the freeze ends.' } };
  if (seconds < secondsMin) return { errors: { endsAt: 'The end must be at least a minute from now.' } };
  if (seconds > secondsMax) return { errors: { endsAt: 'The end must be within a year from now.' } };
  return { body: { ...body, expires_in_seconds: seconds } };
}
