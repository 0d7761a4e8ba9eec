/** Owns a run of events that is ready to be sent: each is written once per view, however many streams send it. */
import { type EventView, eventText, eventViews, restrictedEntry } from './schemas.ts';
import { comparePositions, type EventRow, type Position } from './sql.ts';

type Event = Readonly<{ position: Position; roomId: string | null; text: (view: EventView) => string }>;

/** All events behind `after` up to `end`; of one room only, if they were read so. */
export type Page = Readonly<{
  after: Position;
  end: Position;
  eventsCount: number;
  /** The bytes that it holds, about. */
  bytesCount: number;
  /** The events behind `position`, of one room when there is a `roomId`, as they stand on the wire. May be empty. */
  bytesBehind(position: Position, view: EventView, roomId: number | undefined): Buffer;
}>;

/** What is made only once, when it is first asked for, for each view. */
function oncePerView<Made>(make: (view: EventView) => Made): (view: EventView) => Made {
  const made = new Map<EventView, Made>();
  return (view) => {
    const known = made.get(view) ?? make(view);
    made.set(view, known);
    return known;
  };
}

function eventOf({ xid, audit_id: id, event, room_id: roomId, entry }: EventRow): Event[] {
  if (xid === null || id === null || event === null || entry === null) return [];
  const text = oncePerView((view) => eventText(event, id, view === 'full' ? entry : restrictedEntry(entry)));
  return [{ position: { xid: BigInt(xid), auditId: BigInt(id) }, roomId, text }];
}

/** The page that begins behind `after`, of rows that were read with this limit. */
export function pageOf(after: Position, rows: readonly EventRow[], limit: number): Page {
  const events = rows.flatMap(eventOf);
  const [row] = rows;
  if (row === undefined) throw new Error('a page has a row, also without events');
  const present = { xid: BigInt(row.present_xid), auditId: BigInt(row.present_audit_id) };
  const last = events.at(-1)?.position;
  // With fewer than the limit, everything that is final has been looked at.
  const reached = events.length === limit && last !== undefined ? last : present;
  const whole = oncePerView((view) => Buffer.from(events.map(({ text }) => text(view)).join('')));
  return {
    after,
    end: comparePositions(reached, after) > 0 ? reached : after,
    eventsCount: events.length,
    bytesCount: eventViews.length * rows.reduce((sum, { entry }) => sum + 2 * (entry?.length ?? 0), 0),
    bytesBehind(position, view, roomId) {
      if (roomId === undefined && comparePositions(position, after) <= 0) return whole(view);
      const wanted = events.filter(
        (event) =>
          comparePositions(event.position, position) > 0 &&
          (roomId === undefined || event.roomId === String(roomId)),
      );
      return Buffer.from(wanted.map(({ text }) => text(view)).join(''));
    },
  };
}
