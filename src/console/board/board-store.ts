/** Owns the rooms that the board shows: loaded once, kept true by events, by our own changes and by the clock. */
import type { LiveEntry, Room } from '../api/wire.ts';
import { changeOf, endsAtMs, roomAt } from './rooms.ts';

/** Rooms as they are now, by id. A map is never changed: another state is another map; a room that is the same stays the same object. */
export type Rooms = ReadonlyMap<number, Room>;

export type BoardStore = ReturnType<typeof openBoardStore>;

type Options = {
  /** The database's time, in Unix ms. */
  nowMs: () => number;
  /** Reads one room; undefined when it is gone. */
  readRoom: (roomId: number) => Promise<Room | undefined>;
};

/** A freeze that ends by itself is asked for this much after its end, so that the answer is surely about after it. */
const askAfterEndMs = 150;

/** Opens an empty board. */
export function openBoardStore({ nowMs, readRoom }: Options) {
  const rows = new Map<number, Room>();
  const asked = new Set<string>();
  const listeners = new Set<() => void>();
  let shown: Rooms = new Map();
  let isLoaded = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isTelling = false;

  /** Events come in bursts: one hold of 20 rooms is 20 of them, and one picture. */
  const tell = (): void => {
    if (isTelling) return;
    isTelling = true;
    queueMicrotask(() => {
      isTelling = false;
      show();
    });
  };
  const show = (): void => {
    const now = nowMs();
    const next = new Map<number, Room>();
    for (const [roomId, row] of rows) {
      const room = roomAt(row, now);
      const before = shown.get(roomId);
      // A row that has ended is a new object each time: the one that is shown already stays.
      const isSame =
        before !== undefined &&
        room !== row &&
        before.updated_at === room.updated_at &&
        before.room_status === room.room_status;
      next.set(roomId, isSame ? before : room);
    }
    shown = next;
    schedule(now);
    for (const listener of listeners) listener();
  };
  const schedule = (now: number): void => {
    clearTimeout(timer);
    let nextMs = Number.POSITIVE_INFINITY;
    for (const row of rows.values()) {
      const end = endsAtMs(row);
      if (row.room_status === 'FROZEN' && end + askAfterEndMs <= now) ask(row);
      const due = row.room_status === 'FROZEN' ? end + askAfterEndMs : end;
      if (due > now && due < nextMs) nextMs = due;
    }
    // A timer takes 31 bits at most; an end further off than an hour is looked for again by then.
    if (nextMs < Number.POSITIVE_INFINITY) timer = setTimeout(show, Math.min(nextMs - now + 1, 3_600_000));
  };
  const ask = (row: Room): void => {
    const key = `${row.room_id} ${row.freeze_expires_at}`;
    if (asked.has(key)) return;
    asked.add(key);
    void readRoom(row.room_id).then(
      (room) => (room === undefined ? drop(row.room_id) : put(room)),
      () => asked.delete(key),
    );
  };
  const drop = (roomId: number): void => {
    if (rows.delete(roomId)) tell();
  };
  /** Takes a whole row that the server answered, unless a newer one is there. */
  const put = (room: Room): void => {
    const row = rows.get(room.room_id);
    if (row !== undefined && room.updated_at < row.updated_at) return;
    rows.set(room.room_id, room);
    tell();
  };

  return {
    get: (): Rooms => shown,
    isLoaded: (): boolean => isLoaded,
    subscribe: (listener: () => void): (() => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    put,
    /** Takes all rooms that there are. */
    replace: (rooms: readonly Room[]): void => {
      rows.clear();
      for (const room of rooms) rows.set(room.room_id, room);
      asked.clear();
      isLoaded = true;
      show();
    },
    /** Takes an entry of the audit trail; entries come in the stream's order. */
    apply: (entry: LiveEntry): void => {
      if (entry.entity !== 'room') return;
      const roomId = Number(entry.entity_id);
      const change = changeOf(rows.get(roomId), entry);
      if (change === 'unknown')
        void readRoom(roomId).then(
          (room) => room && put(room),
          () => undefined,
        );
      else if (change.room === undefined) drop(roomId);
      else if (change.room !== rows.get(roomId)) {
        rows.set(roomId, change.room);
        tell();
      }
    },
    /** The clock is known better, or was set: looks at every end again. */
    recheck: show,
    close: (): void => clearTimeout(timer),
  };
}
