/** Owns events on the wire: their form, and what of them is shown to whom. */
import { z } from 'zod';
import { roomSchema, roomTypeSchema } from '../rooms/schemas.ts';
import { queryId } from '../wire-schemas.ts';

export const eventQuerySchema = z.strictObject({
  room_id: queryId.optional().meta({ description: 'only what happens to this room' }),
  last_event_id: z
    .string()
    .optional()
    .meta({ description: 'as the header `Last-Event-ID`, which counts if both are there' }),
});

export const eventHeadersSchema = z.object({
  'last-event-id': z
    .string()
    .optional()
    .meta({ description: 'the `id` of the last event seen: the stream goes on behind it' }),
});

/** The stream as a whole. */
export const eventStreamSchema = z.string().meta({
  description: 'Server-sent events, as the HTML standard describes them',
});

/** Who sees what: everything, or only what may be seen without the permission to read holds and notes. */
export const eventViews = ['full', 'restricted'] as const;
export type EventView = (typeof eventViews)[number];

/** Fields of rooms that without that permission are there, but always null. */
const nullFields: ReadonlySet<string> = new Set(['freeze_note', 'booking_reference']);

/** All that is shown without that permission: what is not named stays hidden, also what comes to be written later. */
const shownFields: ReadonlySet<string> = new Set(
  [...Object.keys(roomSchema.shape), ...Object.keys(roomTypeSchema.shape)].filter(
    (field) => field !== 'hold_id',
  ),
);

const values = z.record(z.string(), z.unknown()).nullable();
const entrySchema = z.looseObject({ old_value: values, new_value: values });

function shown(value: z.output<typeof values>) {
  if (value === null) return null;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field]) => shownFields.has(field))
      .map(([field, content]) => [field, nullFields.has(field) ? null : content]),
  );
}

/** An audit entry, as JSON, for those without the permission to read holds and notes. */
export function restrictedEntry(entry: string): string {
  const { actor: _, hold_id: __, old_value, new_value, ...rest } = entrySchema.parse(JSON.parse(entry));
  return JSON.stringify({ ...rest, old_value: shown(old_value), new_value: shown(new_value) });
}

/** One event in the form of the wire. `json` has no line breaks, as JSON needs none. */
export function eventText(event: string, id: string, json: string): string {
  return `id: ${id}\nevent: ${event}\ndata: ${json}\n\n`;
}
