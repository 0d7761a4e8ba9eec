/** Owns how instants read: in this browser's language and time zone. */

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const timeExact = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

const isToday = (date: Date): boolean => date.toDateString() === new Date().toDateString();

/** `17:05` today, `24 Nov, 17:05` on another day. */
export function timeText(instant: string): string {
  const date = new Date(instant);
  return isToday(date) ? time.format(date) : `${day.format(date)}, ${time.format(date)}`;
}

/** `17:05:56` today, `24 Nov, 17:05:56` on another day. */
export function timeTextExact(instant: string): string {
  const date = new Date(instant);
  return isToday(date) ? timeExact.format(date) : `${day.format(date)}, ${timeExact.format(date)}`;
}

/** The instant with its date and zone, for a tooltip. */
export function timeTextFull(instant: string): string {
  return full.format(new Date(instant));
}
