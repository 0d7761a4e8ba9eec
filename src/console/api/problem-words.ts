/** Owns how problems are told to people: one sentence or two, with what to do about it where that is known. */
import { timeText } from '../layout/times.ts';
import { Problem, unreachable } from './problem.ts';

type Words = (facts: Readonly<Record<string, unknown>>) => string;

const until = (facts: Readonly<Record<string, unknown>>, field: string): string =>
  typeof facts[field] === 'string' ? ` until ${timeText(facts[field])}` : '';

const statusWords: Readonly<Record<string, string>> = {
  AVAILABLE: 'free',
  BOOKED: 'booked',
  MAINTENANCE: 'in maintenance',
  FROZEN: 'frozen',
  HELD: 'held',
};

/** A status within a sentence: `the room is …`. */
export const statusWord = (status: string): string => statusWords[status] ?? status.toLowerCase();

const conflictsText: Words = ({ conflicts }) => {
  if (!Array.isArray(conflicts)) return 'A room is not free.';
  const told = conflicts.map((conflict: Record<string, unknown>) => {
    const end = until(conflict, 'free_at');
    return `${String(conflict.room_no)} is ${statusWord(String(conflict.room_status))}${end}`;
  });
  return `Not all rooms are free: ${told.join(', ')}.`;
};

const words: Readonly<Record<string, Words>> = {
  [unreachable]: () =>
    'The server did not answer. Check the connection; what was asked may not have been done.',
  'permission-denied': () => 'Your token does not allow this.',
  'credentials-invalid': () => 'Your token has expired or is no longer accepted.',
  'credentials-missing': () => 'You are not signed in.',
  'rate-limited': () => 'Too many requests in a short time. Try again in a moment.',
  'dependency-unavailable': () => 'The server cannot reach its database just now. Nothing was changed.',
  'outcome-unknown': () =>
    'The connection to the database broke while saving. Look at the room before you try again.',
  overloaded: () => 'The server has too much to do just now. Nothing was changed.',
  draining: () => 'The server is restarting. Try again in a moment.',
  'room-not-found': ({ missing_room_ids: ids }) =>
    Array.isArray(ids)
      ? `There are no rooms with these ids: ${ids.join(', ')}.`
      : 'The room no longer exists.',
  'room-type-not-found': () => 'The room type no longer exists.',
  'room-frozen': () => 'The room is frozen.',
  'room-held': (facts) => `The room is held for a checkout${until(facts, 'hold_expires_at')}.`,
  'room-booked': () => 'The room is booked: a guest has it. Check it out first.',
  'room-not-frozen': ({ room_status: status }) =>
    `The room is not frozen any more${typeof status === 'string' ? `: it is ${statusWord(status)}` : ''}.`,
  'room-unavailable': conflictsText,
  'not-enough-rooms': ({ requested, available }) =>
    `${String(requested)} rooms of this type are wanted, but only ${String(available)} are free.`,
  'hold-limit-reached': ({ limit }) =>
    `This holder already has ${String(limit)} active holds, as many as are allowed.`,
  'request-in-progress': () => 'The same request is still being worked on. Try again in a moment.',
  'hold-not-found': () => 'There is no such hold, or it is not yours.',
  'hold-expired': ({ conflicts }) =>
    Array.isArray(conflicts)
      ? `The hold has expired, and its rooms cannot be had back. ${conflictsText({ conflicts })}`
      : 'The hold has expired: its rooms are free for others.',
  'hold-confirmed': () => 'The hold is confirmed already: its rooms are booked.',
  'hold-released': () => 'The hold has been released.',
  'hold-revoked': () => 'The hold was revoked: one of its rooms was frozen.',
  'hold-lifetime-exceeded': (facts) =>
    `The hold cannot be extended that far: at the latest${until(facts, 'expires_at') || ' a little'}.`,
};

const errorsText: Words = ({ errors, detail }) => {
  if (!Array.isArray(errors) || errors.length === 0) return String(detail);
  return errors
    .map(
      (error: Record<string, unknown>) => `${String(error.path) || 'The request'}: ${String(error.message)}.`,
    )
    .join(' ');
};

/** What to tell a person about a failed call. */
export function problemText(error: unknown): string {
  if (!(error instanceof Problem)) return error instanceof Error ? error.message : String(error);
  if (error.code === 'request-invalid') return errorsText(error.facts);
  const told = words[error.code]?.(error.facts);
  if (told !== undefined) return told;
  return error.requestId === undefined ? error.message : `${error.message} (Request ${error.requestId})`;
}
