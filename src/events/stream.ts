/** Owns one stream of events: where it is, what its client may see, and what becomes of a client that does not read. */
import { Readable, type Writable } from 'node:stream';
import type { Page } from './page.ts';
import type { EventReader } from './reader.ts';
import type { EventView } from './schemas.ts';
import { comparePositions, type Position } from './sql.ts';

/** What a stream is opened with. */
export type StreamOptions = Readonly<{
  reader: EventReader;
  /** Sent first. */
  opening: string;
  /** The events behind this follow. */
  start: Position;
  view: EventView;
  /** Only the events of this room. */
  roomId: number | undefined;
  /** What the body is piped into; closed when the client is gone. */
  client: Writable;
}>;

/** A stream that is sent to a client. */
export type EventStream = Readonly<{
  body: Readable;
  /** Sends what is new, if the client has taken what was sent before. */
  pump(): void;
  /** Sends a sign of life. A client that has taken nothing since the last but one is cut off. */
  beat(): void;
  /** Ends the stream behind what it was given so far; a client that does not take that soon is cut off. */
  end(): void;
}>;

/** The client took nothing between this many beats: what it misses waits in the log, not here. */
const missedBeatsMax = 2;

/** A client that does not take the end of its stream within this is cut off: nobody's stop waits for it. */
const endMsMax = 1_000;

/** What a stream holds for its client beside one page: Node reads ahead up to this. */
const bufferBytes = 16 * 1024;

/** Opens a stream. It asks for a page only when the client has taken the one before, so it never holds more than two. */
export function openStream({ reader, opening, start, view, roomId, client }: StreamOptions): EventStream {
  let cursor = start;
  let toldCursor = start;
  let isHungry = false;
  let isReading = false;
  let isEnded = false;
  let missedBeats = 0;
  const body = new Readable({
    highWaterMark: bufferBytes,
    read: () => {
      isHungry = true;
      missedBeats = 0;
      pump();
    },
  });

  function push(bytes: Buffer | string): void {
    isHungry = false;
    body.push(bytes);
  }

  function take(page: Page): void {
    const bytes = page.bytesBehind(cursor, view, roomId);
    if (comparePositions(page.end, cursor) > 0) cursor = page.end;
    if (roomId === undefined) toldCursor = cursor;
    if (bytes.length > 0) push(bytes);
  }

  function pump(): void {
    while (isHungry && !isReading && !isEnded && !body.destroyed) {
      const page = reader.next(cursor);
      if (page === undefined) return;
      if (page === 'behind') void catchUp();
      else take(page);
    }
  }

  async function catchUp(): Promise<void> {
    isReading = true;
    const page = await reader.read(cursor, roomId);
    isReading = false;
    if (isEnded || body.destroyed) return;
    if (page === undefined) return end();
    const isAhead = comparePositions(page.end, cursor) > 0;
    take(page);
    if (isAhead) pump();
  }

  function end(): void {
    if (isEnded) return;
    isEnded = true;
    body.push(null);
    const cut = setTimeout(() => client.destroy(), endMsMax);
    client.once('close', () => clearTimeout(cut));
  }

  function beat(): void {
    if (isEnded) return;
    if (!isHungry) {
      missedBeats += 1;
      if (missedBeats >= missedBeatsMax) client.destroy();
      return;
    }
    // A filtered stream may say nothing for days: its client learns all the same from where to go on.
    const hasMoved = comparePositions(cursor, toldCursor) > 0;
    toldCursor = cursor;
    push(hasMoved ? `:\nid: ${cursor.auditId}\n\n` : ':\n\n');
  }

  push(opening);
  return { body, pump, beat, end };
}
