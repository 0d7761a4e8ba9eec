/** Owns what a judge is: a pure function from what is known of a run to what must not be in it. */
import type { FinalState } from '../final-state.ts';
import type { Ask, Call, History } from '../history.ts';

/** All that is known of a run that is over. */
export type Run = Readonly<{ history: History; final: FinalState }>;

/** Looks for one kind of violation; each text names what was promised, and the calls or rows that break it. */
export type Judge = Readonly<{ name: string; judge(run: Run): string[] }>;

/** A call of these verbs. */
export type CallOf<Verb extends Ask['verb']> = Call & Readonly<{ ask: Extract<Ask, { verb: Verb }> }>;

/** Whether a call is of one of these verbs. */
export function isOf<Verb extends Ask['verb']>(call: Call, ...verbs: readonly Verb[]): call is CallOf<Verb> {
  return verbs.some((verb) => verb === call.ask.verb);
}

/** The calls of these verbs, in the order of their sending. */
export function callsOf<Verb extends Ask['verb']>(
  { history }: Run,
  ...verbs: readonly Verb[]
): CallOf<Verb>[] {
  return history.calls.filter((call) => isOf(call, ...verbs));
}

/** Values by a key, in their order. */
export function grouped<Key, Value>(
  values: Iterable<Value>,
  keyOf: (value: Value) => Key,
): Map<Key, Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}

/** A call in few words. */
export function said({ n, client, server, invokedMs, ask, end }: Call): string {
  const { endedMs, type, status, code } = end;
  const answer = [type, status, code].filter((part) => part !== undefined && part !== 0).join(' ');
  const took = `${Math.round(endedMs - invokedMs)} ms`;
  return `#${n} at ${Math.round(invokedMs)} ${client} → ${server} ${JSON.stringify(ask)}: ${answer} in ${took}`;
}
