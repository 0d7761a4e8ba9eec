/** Owns the search for an order: whether calls that overlap can have happened one after the other (Wing and Gong). */

/** A call: it happened at one instant between its two ends, if it happened. */
export type Event<Step> = Readonly<{
  fromMs: number;
  toMs: number;
  /** It need not have happened; if it did, it was before `toMs`. */
  isOptional: boolean;
  step: Step;
  /** What to say of it. */
  text: string;
}>;

/** How the steps act on states. */
export type Machine<State, Step> = Readonly<{
  /** The state after the step, the same one if nothing changes, undefined if it cannot happen there. */
  stepped(state: State, step: Step): State | undefined;
  /** Equal for equal states. */
  keyOf(state: State): string;
  /** Called when all that ended before `atMs` is over for good, to make the states smaller. */
  tidied?(state: State, atMs: number): State;
}>;

/** A state, and which of the events that are open have happened in it. */
type World<State> = Readonly<{ state: State; done: ReadonlySet<number> }>;

/** More ways to have come here than this cannot be followed. */
const worldsMax = 20_000;

/**
 * Looks for an order of the events in which each happened between its two ends; answers undefined when there is one, and
 * otherwise what could not be fitted in.
 *
 * It goes through time. At the end of each event every world in which that has not happened yet is led on, by events
 * that are open, to where it has; worlds that are the same are one (this is the memo). What changes nothing happens as
 * soon as it can: that takes no possibility away.
 */
export function findContradiction<State, Step>(
  start: State,
  events: readonly Event<Step>[],
  machine: Machine<State, Step>,
): string | undefined {
  const moments = events
    .flatMap(({ fromMs, toMs }, n) => [
      { ms: fromMs, n, isEnd: false },
      { ms: toMs, n, isEnd: true },
    ])
    // At the same instant what begins comes first: both may have happened in either order.
    .sort((a, b) => a.ms - b.ms || Number(a.isEnd) - Number(b.isEnd));
  const open = new Set<number>();
  let worlds = new Map<string, World<State>>([['', { state: start, done: new Set() }]]);
  for (const { ms, n, isEnd } of moments) {
    open.add(n);
    if (!isEnd) continue;
    if (events[n]?.isOptional === true) {
      // Whether it happened is decided by what follows: both kinds of world go on.
      worlds = led(worlds, n, open, events, machine, true) ?? worlds;
    } else {
      const next = led(worlds, n, open, events, machine, false);
      if (next === undefined) return `more ways than can be followed at: ${events[n]?.text}`;
      if (next.size === 0) return told(worlds, n, open, events);
      worlds = next;
    }
    open.delete(n);
    worlds = settled(worlds, ms, open, machine);
  }
  return undefined;
}

const nameOf = <State, Step>({ state, done }: World<State>, machine: Machine<State, Step>): string =>
  `${[...done].sort((a, b) => a - b).join()} ${machine.keyOf(state)}`;

/**
 * Every world in which event `wanted` has happened, with as few other events as that takes, and with `isKeeping` those
 * in which it has not as well. Undefined when there are too many.
 */
function led<State, Step>(
  worlds: ReadonlyMap<string, World<State>>,
  wanted: number,
  open: ReadonlySet<number>,
  events: readonly Event<Step>[],
  machine: Machine<State, Step>,
  isKeeping: boolean,
): Map<string, World<State>> | undefined {
  const found = new Map<string, World<State>>();
  const seen = new Set<string>();
  const waiting = [...worlds.values()];
  for (let world = waiting.pop(); world !== undefined; world = waiting.pop()) {
    const now = withFree(world, open, events, machine);
    const name = nameOf(now, machine);
    if (seen.has(name)) continue;
    seen.add(name);
    if (isKeeping || now.done.has(wanted)) found.set(name, now);
    if (now.done.has(wanted)) continue;
    if (seen.size > worldsMax) return undefined;
    for (const n of open) {
      const event = events[n];
      if (event === undefined || now.done.has(n)) continue;
      const state = machine.stepped(now.state, event.step);
      if (state !== undefined) waiting.push({ state, done: new Set(now.done).add(n) });
    }
  }
  return found;
}

/** The world with everything done that can happen in it and changes nothing. */
function withFree<State, Step>(
  world: World<State>,
  open: ReadonlySet<number>,
  events: readonly Event<Step>[],
  machine: Machine<State, Step>,
): World<State> {
  const free = [...open].filter((n) => {
    const event = events[n];
    return (
      event !== undefined && !world.done.has(n) && machine.stepped(world.state, event.step) === world.state
    );
  });
  return free.length === 0 ? world : { ...world, done: new Set([...world.done, ...free]) };
}

/** What is over need not be remembered. */
function settled<State, Step>(
  worlds: ReadonlyMap<string, World<State>>,
  atMs: number,
  open: ReadonlySet<number>,
  machine: Machine<State, Step>,
): Map<string, World<State>> {
  const next = new Map<string, World<State>>();
  for (const { state, done } of worlds.values()) {
    const world = {
      state: machine.tidied?.(state, atMs) ?? state,
      done: new Set([...done].filter((n) => open.has(n))),
    };
    next.set(nameOf(world, machine), world);
  }
  return next;
}

function told<State, Step>(
  worlds: ReadonlyMap<string, World<State>>,
  n: number,
  open: ReadonlySet<number>,
  events: readonly Event<Step>[],
): string {
  const others = [...open].filter((other) => other !== n).map((other) => events[other]?.text);
  const rooms = JSON.stringify(
    [...worlds.values()].slice(0, 1).map(({ state }) => state),
    (_key, value: unknown) => (value instanceof Map ? [...value] : value),
  );
  return `fits in nowhere: ${events[n]?.text}; open with it: ${others.join(' | ') || 'nothing'}; before it: ${rooms}`;
}
