/** Owns what a load is: the words in which a section tells a load process what to send, and what it hears back. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FreshRooms } from './fresh-rooms.ts';
import type { Parts } from './parts.ts';

/** What each connection does, again and again. */
export type Script =
  /** Hold a fresh room for a fresh holder; then end the hold, or read a list, if said so. */
  | Readonly<{ kind: 'hold'; fresh: FreshRooms; next?: 'confirm' | 'release' | 'list' }>
  /** Try to hold one of few rooms; whoever gets it gives it back with the next request. */
  | Readonly<{ kind: 'contend'; roomIds: readonly number[] }>
  | Readonly<{ kind: 'get'; path: string; headers?: Readonly<Record<string, string>> }>;

/** A load on one server of this machine. Seconds after `warmSeconds` count. */
export type Job = Readonly<{ origin: string; token: string; connections: number; script: Script }> &
  (
    | Readonly<{ kind: 'autocannon'; warmSeconds: number; seconds: number }>
    /**
     * The same by ourselves, for a script of one request that never changes, where autocannon would be the slower side.
     * Where it does not sleep, the server does not pay for waking it: on a virtual machine that is dear, and differs from
     * one second to the next. It takes a core then: nothing but the server may want to work.
     */
    | Readonly<{ kind: 'hammer'; warmSeconds: number; seconds: number; sleeps: boolean }>
    /** Each connection sends when it has its answer, until `count` runs of the script are done. */
    | Readonly<{ kind: 'count'; count: number }>
    /**
     * Runs of the script begin on a schedule, whatever the answers do; latency counts from the scheduled instant.
     * It ends after `seconds`, or at the latest then when `stop` is called.
     */
    | Readonly<{ kind: 'schedule'; perSecond: number; warmSeconds: number; seconds: number }>
  );

/** When a run of a script was due (Unix milliseconds), and the milliseconds until the answer to each of its requests. */
export type Sample = Readonly<{ dueAtMs: number; latenciesMs: readonly number[] }>;

/** What came back. */
export type Outcome = Readonly<{
  answersPerSecond: number;
  /** Answers by their status, warm-up included. */
  statuses: Readonly<Record<string, number>>;
  /** How many fresh rooms were asked for. */
  freshUsed: number;
  /** Runs of the script that counted; a load that is there for its rate keeps none. */
  samples: readonly Sample[];
  /** The share of one core that the load process used. */
  loadCpu: number;
}>;

/** What a load process says. */
export type Message = { outcome: Outcome } | { failure: string };

/** A load process. */
export type Loader = Readonly<{
  /** Runs one job; throws when it could not be run as it was meant. */
  run(job: Job): Promise<Outcome>;
  /** Lets a scheduled job end early, with what it has. */
  stop(): void;
}>;

/** Starts a load process; it ends with this one. */
export function startLoader(parts: Parts): Loader {
  const child: ChildProcess = fork(fileURLToPath(new URL('load-process.ts', import.meta.url)));
  parts.add(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  });
  return {
    run(job) {
      return new Promise((resolve, reject) => {
        const onExit = () => reject(new Error('the load process died'));
        child.once('exit', onExit);
        child.once('message', (message: Message) => {
          child.off('exit', onExit);
          if ('outcome' in message) resolve(message.outcome);
          else reject(new Error(message.failure));
        });
        child.send({ job });
      });
    },
    stop: () => child.send({ stop: true }),
  };
}
