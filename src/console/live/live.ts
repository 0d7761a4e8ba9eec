/** Owns what is live while somebody is signed in: the rooms, the stream that keeps them true, and the clock. */
import type { Answer, Calls } from '../api/calls.ts';
import { isPassing, Problem, unreachableProblem } from '../api/problem.ts';
import type { LiveEntry, Room } from '../api/wire.ts';
import { type BoardStore, openBoardStore } from '../board/board-store.ts';
import { probeDelayMs, type ServerClock } from './clock.ts';
import { openStream, retryMs, type StreamState } from './stream.ts';

/** `loading` until the rooms are there; `failed` when loading them was refused for good. */
export type LiveState = {
  status: 'loading' | StreamState | 'failed';
  /** Since when, by this browser's own clock, in Unix ms. */
  sinceMs: number;
  problem?: Problem | undefined;
};

export type Live = ReturnType<typeof openLive>;

type Options = {
  calls: Calls;
  clock: ServerClock;
  token: string;
  /** Whether the token may read holds, from which the clock learns. */
  mayReadHolds: boolean;
  fetch: typeof fetch;
  /** The stream says that the token is no longer good. */
  refused: () => void;
};

const roomsPerPage = 200;

/** Good enough for a countdown in whole seconds. */
const clockErrorMsMax = 150;
const probesMax = 6;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Every room, and a position in the stream that the list surely includes. */
async function loadRooms(
  calls: Calls,
): Promise<{ rooms: Room[]; position: string | null; first: Answer<unknown> }> {
  const first = await calls.listRooms({ limit: roomsPerPage });
  const rooms = [...first.value.rooms];
  for (let cursor = first.value.next_cursor; cursor !== null; ) {
    const { value } = await calls.listRooms({ limit: roomsPerPage, cursor });
    rooms.push(...value.rooms);
    cursor = value.next_cursor;
  }
  return { rooms, position: first.headers.get('x-last-event-id'), first };
}

/** Halves the clock's error with each question about the newest live hold; nothing is asked while there is none. */
function openClockSettling({ calls, clock, mayReadHolds }: Options, isOpen: () => boolean) {
  let isSettling = false;
  const ask = async (): Promise<void> => {
    for (let probe = 0; probe < probesMax && isOpen() && clock.errorMs() > clockErrorMsMax; probe += 1) {
      const answer = await calls.listHolds({ status: 'ACTIVE', limit: 1 });
      const hold = answer.value.holds[0];
      if (hold === undefined || hold.expires_in_seconds === 0) return;
      const expiresAtMs = Date.parse(hold.expires_at);
      clock.sawSecondsLeft(expiresAtMs, hold.expires_in_seconds, answer);
      await pause(probeDelayMs(expiresAtMs, clock.nowMs(), clock.errorMs()));
    }
  };
  /** Calls `settled` when the clock is known better. What cannot be asked now is asked when there is reason again. */
  return (settled: () => void): void => {
    if (isSettling || !mayReadHolds || clock.errorMs() <= clockErrorMsMax) return;
    isSettling = true;
    void ask()
      .then(settled, () => undefined)
      .finally(() => {
        isSettling = false;
      });
  };
}

/** Loads the rooms and follows the stream until closed. It mends itself: only a refused token ends it. */
export function openLive(options: Options) {
  const { calls, clock, token } = options;
  const board: BoardStore = openBoardStore({
    nowMs: clock.nowMs,
    readRoom: async (roomId) => {
      try {
        return (await calls.getRoom(roomId)).value;
      } catch (error) {
        if (error instanceof Problem && error.status === 404) return undefined;
        throw error;
      }
    },
  });
  const listeners = new Set<() => void>();
  const entryListeners = new Set<(entry: LiveEntry) => void>();
  let state: LiveState = { status: 'loading', sinceMs: Date.now() };
  let stream: { close: () => void } | undefined;
  let isClosed = false;
  const settleClock = openClockSettling(options, () => !isClosed);
  let isPaused = false;
  let position: string | null = null;

  const enter = (status: LiveState['status'], problem?: Problem): void => {
    if (isClosed || (state.status === status && state.problem === problem)) return;
    // A try that is under way, after a loss, is still the same loss.
    const isSameLoss = state.status === 'lost' && status === 'lost';
    state = { status, problem, sinceMs: isSameLoss ? state.sinceMs : Date.now() };
    for (const listener of listeners) listener();
  };
  const follow = (from: string): void => {
    position = from;
    stream = openStream({
      from,
      token,
      fetch: options.fetch,
      onEntry: (entry, id) => {
        position = id;
        clock.sawInstant(Date.parse(entry.at), performance.now());
        board.apply(entry);
        // While nothing was held there was nothing to learn from.
        if (entry.action === 'HOLD') settleClock(board.recheck);
        for (const listener of entryListeners) listener(entry);
      },
      onReset: () => void load(),
      onState: (status, problem) => {
        enter(status, problem);
        if (status === 'live') board.recheck();
        if (status === 'ended' && problem?.status === 401) options.refused();
      },
    });
  };
  const load = async (): Promise<void> => {
    for (let tries = 0; !isClosed; tries += 1) {
      try {
        const { rooms, position: from, first } = await loadRooms(calls);
        if (isClosed) return;
        clock.sawDate(first.headers.get('date'), first);
        board.replace(rooms);
        for (const listener of listeners) listener();
        if (!isPaused) follow(from ?? '0');
        else position = from ?? '0';
        settleClock(board.recheck);
        return;
      } catch (error) {
        const problem = error instanceof Problem ? error : unreachableProblem();
        enter(isPassing(problem) ? 'lost' : 'failed', problem);
        if (!isPassing(problem)) return;
        await pause(retryMs(tries));
      }
    }
  };
  void load();

  return {
    board,
    clock,
    get: (): LiveState => state,
    subscribe: (listener: () => void): (() => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Hears every entry of the stream, until the returned function is called. */
    onEntry: (listener: (entry: LiveEntry) => void): (() => void) => {
      entryListeners.add(listener);
      return () => entryListeners.delete(listener);
    },
    /** Gives the connection back while nobody looks: a browser has six of them for all its tabs. */
    pause: (): void => {
      isPaused = true;
      stream?.close();
    },
    /** Goes on where `pause` left off. */
    resume: (): void => {
      if (!isPaused) return;
      isPaused = false;
      if (position !== null) follow(position);
      settleClock(board.recheck);
    },
    /** Loads everything again, after a failure for which trying again by itself made no sense. */
    reload: (): void => {
      stream?.close();
      enter('loading');
      void load();
    },
    close: (): void => {
      isClosed = true;
      stream?.close();
      board.close();
    },
  };
}
