/** Owns the reading of events for all streams of an instance: one reader follows the log, whoever is behind reads pages. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Prisma } from '../generated/prisma/client.ts';
import type { Platform } from '../platform.ts';
import { type Page, pageOf } from './page.ts';
import {
  comparePositions,
  type EventRow,
  type Position,
  type StartRow,
  selectEventsAfter,
  selectStart,
} from './sql.ts';

/** Times that a test changes; in milliseconds. */
export type ReaderTimes = Readonly<{
  /** Word of changes may be lost, or never come without Redis: so often the log is read all the same. */
  pollMs: number;
  /** Between two reads, so that a thousand commits a second are some twenty pages, not a thousand. */
  spacingMs: number;
}>;

const usualTimes: ReaderTimes = { pollMs: 250, spacingMs: 50 };

/** Events in one page: some hundred KiB, so that a slow client is not asked to take more at once. */
const pageEventsMax = 250;
/** The last pages are kept for streams that are a little behind: those that waited for their client, or came back. */
const keptEventsMax = 5_000;
const keptBytesMax = 8 * 1024 * 1024;
/** Pages that are read at a time for streams further behind: the pool of connections is there for requests. */
const pageReadsMax = 2;
/** After a failed read; the database needs no more questions while it is out of reach. */
const retryMs = 250;

/** What the streams of an instance read from. */
export type EventReader = Readonly<{
  /** The page with what is behind `position`; `behind`: ask `read`; undefined: nothing yet, `whenMore` will tell. */
  next(position: Position): Page | 'behind' | undefined;
  /**
   * A page behind `position` from the database, of one room when there is a `roomId`. Waits while the database is out
   * of reach. Undefined when nothing can follow: the reader is closed, or the log no longer has that position.
   */
  read(position: Position, roomId: number | undefined): Promise<Page | undefined>;
  /** Reads no more; what is under way is let go. */
  close(): void;
}>;

/** What the reader tells; neither may throw. */
export type ReaderListener = Readonly<{
  /** `next` may answer something new. */
  whenMore(): void;
  /** The log has lost what was read from it last, by a failover or a restore: no stream can go on from where it is. */
  whenLost(): void;
}>;

type ReaderPlatform = Pick<Platform, 'database' | 'cache' | 'log'>;

/** The pages read last, one behind the other without a gap. */
function openKeptPages() {
  const pages: Page[] = [];
  let eventsCount = 0;
  let bytesCount = 0;
  const count = (page: Page, sign: 1 | -1) => {
    eventsCount += sign * page.eventsCount;
    bytesCount += sign * page.bytesCount;
  };
  return {
    add(page: Page): void {
      pages.push(page);
      count(page, 1);
      while (eventsCount > keptEventsMax || bytesCount > keptBytesMax) {
        const oldest = pages.shift();
        if (oldest === undefined) return;
        count(oldest, -1);
      }
    },
    /** The page that `position` lies in, or ends before; undefined when that is not kept. */
    find: (position: Position): Page | undefined =>
      pages.findLast((page) => comparePositions(page.after, position) <= 0),
  };
}

/** Runs so many at a time, the others in the order of their coming. */
function openTurns(countMax: number) {
  const waiting: (() => void)[] = [];
  let runningCount = 0;
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (runningCount === countMax) await new Promise<void>((resolve) => waiting.push(resolve));
    else runningCount += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) runningCount -= 1;
      else next();
    }
  };
}

/** Tells once that events wait for the database, and once that they go on. */
function openOutage(log: ReaderPlatform['log']) {
  let isTold = false;
  return {
    failed(error: unknown): void {
      if (!isTold) log.warn({ err: error }, 'events cannot be read; streams wait');
      isTold = true;
    },
    over(): void {
      if (isTold) log.info('events are read again');
      isTold = false;
    },
  };
}

/** A pause that can be cut short. */
function openAlarm() {
  let isRung = false;
  let wakeUp = () => {};
  return {
    ring(): void {
      isRung = true;
      wakeUp();
    },
    /** Resolves after `ms`, or at once when there was or is a ring. */
    async wait(ms: number): Promise<void> {
      if (!isRung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wakeUp = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      isRung = false;
    },
  };
}

/**
 * Starts to follow the log from its present end. It looks as soon as this instance or, by Redis, another has changed
 * something, and every `pollMs` in any case.
 */
export function openEventReader(
  platform: ReaderPlatform,
  { whenMore, whenLost }: ReaderListener,
  { pollMs, spacingMs }: ReaderTimes = usualTimes,
): EventReader {
  const { database, cache, log } = platform;
  const kept = openKeptPages();
  const alarm = openAlarm();
  const outage = openOutage(log);
  const takeTurn = openTurns(pageReadsMax);
  const reads = new Map<string, Promise<Page | undefined>>();
  let tail: Position | undefined;
  let isOwnOnly = false;
  let isClosed = false;

  /** The rows of a statement, tried until it succeeds; none once closed. */
  async function insist<Row>(query: Prisma.Sql): Promise<Row[]> {
    while (!isClosed) {
      try {
        const rows = await database.read<Row>(query);
        outage.over();
        return rows;
      } catch (error) {
        if (!isClosed) outage.failed(error);
        await delay(retryMs);
      }
    }
    return [];
  }

  async function read(after: Position, roomId?: number): Promise<{ page: Page; row: EventRow } | undefined> {
    const filter = { limit: pageEventsMax, roomId, isOwnOnly };
    const rows = await insist<EventRow>(selectEventsAfter(after, filter));
    const [row] = rows;
    if (row === undefined || !row.is_here) return undefined;
    return { page: pageOf(after, rows, pageEventsMax), row };
  }

  async function follow(): Promise<void> {
    const [start] = await insist<StartRow>(selectStart(undefined));
    if (start === undefined) return;
    if (start.is_restored)
      log.warn('the audit log comes from another Postgres: see "After a restore" in docs/events.md');
    tail = { xid: BigInt(start.present_xid), auditId: BigInt(start.present_audit_id) };
    whenMore();
    // What a running transaction holds back becomes final without a further word: look again soon, then less often.
    for (let heldBackMs = 0; !isClosed; await delay(spacingMs), await alarm.wait(heldBackMs || pollMs)) {
      const found = await read(tail);
      if (isClosed) return;
      if (found === undefined) {
        log.warn('the audit log has lost what was read from it: event streams begin anew');
        return whenLost();
      }
      const { page, row } = found;
      const isMore = page.eventsCount > 0;
      if (isMore) {
        kept.add(page);
        tail = page.end;
        whenMore();
      }
      if (page.eventsCount === pageEventsMax) alarm.ring();
      heldBackMs = row.is_held_back ? Math.min(pollMs, isMore ? 1 : 2 * heldBackMs + 10) : 0;
      // By now it is no request of ours that is waited for.
      isOwnOnly = row.is_held_up && (isOwnOnly || heldBackMs === pollMs);
    }
  }

  const stopListening = cache.onChanged(alarm.ring);
  void follow();

  return {
    next(position) {
      if (tail === undefined || comparePositions(position, tail) >= 0) return undefined;
      return kept.find(position) ?? 'behind';
    },
    read(position, roomId) {
      // After a restart many come back with the same last event: they share one read.
      const key = `${position.xid} ${position.auditId} ${roomId}`;
      const page =
        reads.get(key) ??
        takeTurn(async () => (await read(position, roomId))?.page).finally(() => reads.delete(key));
      reads.set(key, page);
      return page;
    },
    close() {
      isClosed = true;
      stopListening();
      alarm.ring();
    },
  };
}
