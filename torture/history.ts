/** Owns what is written down of a run: every call from its sending to its end, every fault, every look at the tables. */
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** A room as an answer showed it. Instants are milliseconds since 1970. */
export type RoomSeen = Readonly<{
  roomId: number;
  status: string;
  note: string | null;
  floor: string | null;
  holdId: string | null;
  holdEndsMs: number | null;
  freezeEndsMs: number | null;
  bookedUnder: string | null;
  fence: number;
  updatedMs: number;
}>;

/** A hold as an answer showed it. Instants are milliseconds since 1970. */
export type HoldSeen = Readonly<{
  holdId: string;
  status: string;
  rooms: readonly (readonly [roomId: number, fence: number])[];
  createdMs: number;
  expiresMs: number;
  endedMs: number | null;
  reference: string | null;
  bookedUnder: string | null;
  isReacquired: boolean;
}>;

/** What was asked. Every tag is unique to its call (or to the calls that repeat it), so that effects can be told apart. */
export type Ask =
  | { verb: 'place'; roomIds: readonly number[]; ttlSeconds: number; tag: string; key?: string }
  | { verb: 'place-type'; typeId: number; quantity: number; ttlSeconds: number; tag: string; key?: string }
  | { verb: 'extend'; holdId: string; ttlSeconds: number }
  | { verb: 'confirm'; holdId: string; tag: string; isReacquiring: boolean }
  | { verb: 'release'; holdId: string }
  | { verb: 'freeze'; roomId: number; tag: string; isSuperseding: boolean; seconds: number | null }
  | { verb: 'unfreeze'; roomId: number }
  | { verb: 'change'; roomId: number; status: string; tag: string }
  | { verb: 'list'; typeId: number | null; status: string | null; isAdmin: boolean }
  | { verb: 'read-room'; roomId: number }
  | { verb: 'read-hold'; holdId: string };

/** A call as it was sent. `server` is the process that was asked: a restarted server is another one. */
export type Invocation = Readonly<{
  n: number;
  /** The `sub` of the token. */
  client: string;
  island: number;
  server: string;
  invokedMs: number;
  ask: Ask;
}>;

/**
 * How a call ended: `ok` was answered with what was asked for; `fail` did nothing (a refusal, or never sent); of `info`
 * it is not known (no answer, or one that leaves it open).
 */
export type Ending = Readonly<{
  n: number;
  type: 'ok' | 'fail' | 'info';
  endedMs: number;
  /** 0 when there was no answer. */
  status: number;
  /** The problem code of an answer that is one, or why there was none. */
  code?: string;
  requestId?: string;
  hold?: HoldSeen;
  room?: RoomSeen;
  rooms?: readonly RoomSeen[];
  /** Of a placed hold: the digest of the answer's bytes, and whether it said to be a replay. */
  digest?: string;
  isReplay?: boolean;
  /** The server said that it closes the connection, as one does that is about to stop. */
  isLeaving?: boolean;
  /** Of a refusal for rooms in the way: what was in the way, and until when. */
  conflicts?: readonly Readonly<{ roomId: number; status: string | null; freeMs: number | null }>[];
}>;

/** A call with its end; one that has none was under way when the run broke off. */
export type Call = Invocation & Readonly<{ end: Ending }>;

/** What happened to a fault. */
export type FaultEvent = Readonly<{
  fault: string;
  detail: string;
  injectedMs: number;
  healedMs: number;
  /** How long after the healing every server had answered a new write; null: not within the time allowed. */
  recoveredAfterMs: number | null;
}>;

/** The tables at one instant, read by one statement. */
export type Sample = Readonly<{
  sentMs: number;
  receivedMs: number;
  /** The database's clock. */
  atMs: number;
  rooms: readonly (readonly [
    roomId: number,
    status: string,
    holdId: string | null,
    holdEndsMs: number | null,
    fence: number,
  ])[];
  /** Holds that are stored as ACTIVE, and the claims on rooms that are live. */
  holds: readonly (readonly [holdId: string, expiresMs: number, roomIds: readonly number[]])[];
  claims: readonly (readonly [holdId: string, roomId: number])[];
  /** The newest audit rows. */
  auditIds: readonly number[];
}>;

/** Something that must not be, seen while the run went on rather than by a judge afterwards. */
export type Incident = Readonly<{ atMs: number; text: string }>;

/** One line of a history. */
export type Line =
  | { e: 'run'; run: Record<string, unknown> }
  | { e: 'invoke'; invocation: Invocation }
  | { e: 'end'; end: Ending }
  | { e: 'fault'; fault: FaultEvent }
  | { e: 'sample'; sample: Sample }
  | { e: 'incident'; incident: Incident };

/** All that is known of a run. */
export type History = Readonly<{
  calls: readonly Call[];
  faults: readonly FaultEvent[];
  samples: readonly Sample[];
  incidents: readonly Incident[];
}>;

/** A history that is being written. */
export type Recorder = Readonly<{
  invoke(invocation: Omit<Invocation, 'n'>): number;
  end(end: Ending): void;
  fault(fault: FaultEvent): void;
  sample(sample: Sample): void;
  incident(text: string, atMs: number): void;
  /** Calls that were sent and have not ended. */
  pendingCount(): number;
  /** What was written so far. Calls that have not ended are `info` that ended at `atMs`. */
  history(atMs: number): History;
  close(): Promise<void>;
}>;

/** Begins a history at `path`, one JSON text per line; it is kept in memory as well. */
export function openRecorder(path: string, run: Record<string, unknown>): Recorder {
  const file = createWriteStream(path);
  const write = (line: Line) => void file.write(`${JSON.stringify(line)}\n`);
  const invocations: Invocation[] = [];
  const ends = new Map<number, Ending>();
  const faults: FaultEvent[] = [];
  const samples: Sample[] = [];
  const incidents: Incident[] = [];
  write({ e: 'run', run });
  return {
    invoke(asked) {
      const invocation = { n: invocations.length, ...asked };
      invocations.push(invocation);
      write({ e: 'invoke', invocation });
      return invocation.n;
    },
    end(end) {
      ends.set(end.n, end);
      write({ e: 'end', end });
    },
    fault(fault) {
      faults.push(fault);
      write({ e: 'fault', fault });
    },
    sample(sample) {
      samples.push(sample);
      write({ e: 'sample', sample });
    },
    incident(text, atMs) {
      incidents.push({ atMs, text });
      write({ e: 'incident', incident: { atMs, text } });
    },
    pendingCount: () => invocations.length - ends.size,
    history: (atMs) => ({ calls: joined(invocations, ends, atMs), faults, samples, incidents }),
    close: () =>
      new Promise((resolve, reject) => {
        file.on('error', reject);
        file.end(resolve);
      }),
  };
}

function joined(invocations: readonly Invocation[], ends: ReadonlyMap<number, Ending>, atMs: number): Call[] {
  return invocations.map((invocation) => {
    const { n } = invocation;
    return {
      ...invocation,
      end: ends.get(n) ?? { n, type: 'info', endedMs: atMs, status: 0, code: 'unended' },
    };
  });
}

/** Reads a history that was kept, to judge it once more. */
export async function readHistory(path: string): Promise<History> {
  const invocations: Invocation[] = [];
  const ends = new Map<number, Ending>();
  const history = { faults: [] as FaultEvent[], samples: [] as Sample[], incidents: [] as Incident[] };
  for await (const text of createInterface({ input: createReadStream(path) })) {
    const line: Line = JSON.parse(text);
    if (line.e === 'invoke') invocations.push(line.invocation);
    else if (line.e === 'end') ends.set(line.end.n, line.end);
    else if (line.e === 'fault') history.faults.push(line.fault);
    else if (line.e === 'sample') history.samples.push(line.sample);
    else if (line.e === 'incident') history.incidents.push(line.incident);
  }
  const lastMs = Math.max(0, ...[...ends.values()].slice(-1).map(({ endedMs }) => endedMs));
  return { calls: joined(invocations, ends, lastMs), ...history };
}
