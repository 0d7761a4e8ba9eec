/** Owns the event streams of an instance: where each begins, and that all of them share one reader and one heartbeat. */
import type { Platform } from '../platform.ts';
import { Problem } from '../problems.ts';
import { type EventReader, openEventReader, type ReaderTimes } from './reader.ts';
import { eventText } from './schemas.ts';
import { firstPosition, type Position, type StartRow, selectStart } from './sql.ts';
import { type EventStream, openStream, type StreamOptions } from './stream.ts';

/** Where a stream begins, and what it says first. */
export type StreamStart = Readonly<{ position: Position; opening: string }>;

/** Times that a test changes; in milliseconds. */
export type EventTimes = Readonly<{ reader?: ReaderTimes; beatMs?: number }>;

/** A comment is promised every 15 s; a busy process may be late. */
const usualBeatMs = 10_000;

/** Each stream is a connection and some KiB. */
const streamsMax = 5_000;

/** How long clients wait before they come back, in milliseconds: not all at the same time after a server has died. */
const retryMsMin = 1_000;
const retryMsMax = 2_000;

/** The event streams of one instance. */
export type EventService = ReturnType<typeof openEventService>;

/** Opens them on a platform. Nothing is read before the first stream, or after the last. */
export function openEventService(
  platform: Pick<Platform, 'database' | 'cache' | 'log' | 'draining'>,
  { reader: readerTimes, beatMs = usualBeatMs }: EventTimes = {},
) {
  const streams = new Set<EventStream>();
  let reader: EventReader | undefined;
  let beats: NodeJS.Timeout | undefined;
  let isClosed = false;

  function forAll(act: (stream: EventStream) => void): void {
    for (const stream of streams) act(stream);
  }

  const endAll = () => forAll((stream) => stream.end());

  function startReader(): EventReader {
    beats = setInterval(() => forAll((stream) => stream.beat()), beatMs);
    const listener = { whenMore: () => forAll((stream) => stream.pump()), whenLost };
    return openEventReader(platform, listener, readerTimes);
  }

  /** Whoever comes back begins anew, with a reader that does. */
  function whenLost(): void {
    endAll();
    stopReader();
  }

  function stopReader(): void {
    clearInterval(beats);
    reader?.close();
    reader = undefined;
  }

  platform.draining.addEventListener('abort', endAll, { once: true });

  return {
    /**
     * Where a stream begins: behind the event `lastEventId`, or at the present with `event: hello`; with `event: reset`
     * when there is no such event (any more). Throws `dependency-unavailable` when the database is out of reach.
     */
    async findStart(lastEventId: string | undefined): Promise<StreamStart> {
      const isId = lastEventId !== undefined && /^(?:0|[1-9]\d{0,15})$/.test(lastEventId);
      const [row] = await platform.database.read<StartRow>(selectStart(isId ? lastEventId : undefined));
      if (row === undefined) throw new Error('where a stream may begin is one row');
      const retry = `retry: ${Math.round(retryMsMin + Math.random() * (retryMsMax - retryMsMin))}\n\n`;
      if (isId && lastEventId === '0') return { position: firstPosition, opening: retry };
      if (isId && row.found_xid !== null) {
        return {
          position: { xid: BigInt(row.found_xid), auditId: BigInt(lastEventId) },
          opening: retry,
        };
      }
      const id = row.present_audit_id;
      const event = lastEventId === undefined ? 'hello' : 'reset';
      return {
        position: { xid: BigInt(row.present_xid), auditId: BigInt(id) },
        opening: retry + eventText(event, id, JSON.stringify({ last_event_id: id })),
      };
    },

    /** Opens a stream; it ends with its client, by `end`, or when the server drains. Throws `overloaded`. */
    open(
      { position, opening }: StreamStart,
      options: Pick<StreamOptions, 'view' | 'roomId' | 'client'>,
    ): Pick<EventStream, 'body' | 'end'> {
      if (streams.size >= streamsMax) throw new Problem('overloaded', 'Too many event streams are open.');
      reader ??= startReader();
      const stream = openStream({ ...options, reader, start: position, opening });
      streams.add(stream);
      options.client.once('close', () => {
        streams.delete(stream);
        if (streams.size === 0) stopReader();
      });
      if (isClosed || platform.draining.aborted) stream.end();
      return stream;
    },

    /** How many streams are open. */
    get count(): number {
      return streams.size;
    },

    /** Ends all streams. */
    close(): void {
      isClosed = true;
      endAll();
      stopReader();
    },
  };
}
