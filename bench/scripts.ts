/** Owns the requests of each script, and what is kept of an answer for the next request. */
import { freshRoomId } from './fresh-rooms.ts';
import type { Script } from './load.ts';

/** A request, but for its host and token. */
export type Sent = Readonly<{
  method: string;
  path: string;
  body?: string;
  headers?: Readonly<Record<string, string>>;
}>;

/** One request of a script. `kept` lives as long as one run of the script. */
export type Step = Readonly<{
  /** The same at every run. */
  isFixed: boolean;
  next(kept: Record<string, unknown>): Sent;
  done?(kept: Record<string, unknown>, status: number, body: string): void;
}>;

/** A script made ready to run. */
export type Steps = Readonly<{ steps: readonly Step[]; freshUsed(): number }>;

const place = (roomId: number, holder: string): Sent => ({
  method: 'POST',
  path: '/rooms/hold',
  body: `{"room_ids":[${roomId}],"holder":"${holder}"}`,
});

const listPath = '/rooms?is_freezed=false&limit=50';

const holdIdOf = (body: string): string => /"hold_id":"([0-9a-f-]{36})"/.exec(body)?.[1] ?? 'none';

function endStep(end: 'confirm' | 'release' | 'list'): Step {
  if (end === 'list') return { isFixed: true, next: () => ({ method: 'GET', path: listPath }) };
  const path = (kept: Record<string, unknown>) => `/rooms/hold/${String(kept.holdId)}`;
  return {
    isFixed: false,
    next: (kept) =>
      end === 'release'
        ? { method: 'DELETE', path: path(kept) }
        : { method: 'POST', path: `${path(kept)}/confirm`, body: '{}' },
  };
}

/** The steps of a script. A step throws when the fresh rooms are used up. */
export function stepsOf(script: Script): Steps {
  let count = 0;
  switch (script.kind) {
    case 'hold': {
      const { fresh } = script;
      const first: Step = {
        isFixed: false,
        next: () => {
          const index = fresh.from + count++;
          return place(freshRoomId(fresh, index), `customer-${index}`);
        },
        done: (kept, _status, body) => {
          kept.holdId = holdIdOf(body);
        },
      };
      return {
        steps:
          script.next === undefined ? [{ ...first, done: () => undefined }] : [first, endStep(script.next)],
        freshUsed: () => count,
      };
    }
    case 'contend': {
      const won: string[] = [];
      const step: Step = {
        isFixed: false,
        next: () => {
          const holdId = won.pop();
          if (holdId !== undefined) return { method: 'DELETE', path: `/rooms/hold/${holdId}` };
          const roomId = script.roomIds[count % script.roomIds.length] ?? 0;
          return place(roomId, `customer-${count++}`);
        },
        done: (_kept, status, body) => {
          if (status === 201) won.push(holdIdOf(body));
        },
      };
      return { steps: [step], freshUsed: () => 0 };
    }
    case 'get': {
      const { path, headers = {} } = script;
      return {
        steps: [{ isFixed: true, next: () => ({ method: 'GET', path, headers }) }],
        freshUsed: () => 0,
      };
    }
  }
}
