/** Owns the search for an order: whether calls that overlap can have happened one after the other (Wing and Gong). */

/** A call: it happened at one instant between its two ends, if it happened. */
export type Event<Step> = Readonly<{
  fromMs: number;
  toMs: number;
  /** It need not have happened; if it did, it was before `toMs`. */
  isOptional: boolean;
  /** Where the audit trail puts it among the others. No order is believed for it: it says where to look first. */
  rank?: number | undefined;
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

/** When there are more ways to have come here than this, only those that the ranks speak for are followed. */
const worldsMax = 2_000;
/** Of the worlds that there are then, so many go on, */
const likelyMax = 200;
/** and more ways than this cannot be followed. */
const likelyWaysMax = 50_000;

/**
 * Looks for an order of the events in which each happened between its two ends; answers undefined when there is one, and
 * otherwise what could not be fitted in.
 *
 * It goes through time. At the end of each event every world in which that has not happened yet is led on, by events
 * that are open, to where it has; worlds that are the same are one (this is the memo). What changes nothing happens as
 * soon as it can: that takes no possibility away. Where there are too many worlds, those go on in which events happened
 * in the order of their ranks: an order that is found so is an order all the same, and one that is not found is said to
 * have been looked for in part only.
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
  let worlds: ReadonlyMap<string, World<State>> = new Map([['', { state: start, done: new Set<number>() }]]);
  let isNarrowed = false;
  for (const { ms, n, isEnd } of moments) {
    open.add(n);
    if (!isEnd) continue;
    let next = led(worlds, n, open, events, machine);
    if (next === undefined) {
      isNarrowed = true;
      worlds = likeliest(worlds, open, events);
      next = led(worlds, n, open, events, machine, true) ?? new Map();
    }
    // Whether it happened is decided by what follows: both kinds of world go on.
    if (events[n]?.isOptional === true) next = new Map([...worlds, ...next]);
    if (next.size === 0) {
      return isNarrowed
        ? `more ways than can be followed at: ${events[n]?.text}`
        : told(worlds, n, open, events);
    }
    worlds = next;
    open.delete(n);
    worlds = settled(worlds, ms, open, machine);
  }
  return undefined;
}

const nameOf = <State, Step>({ state, done }: World<State>, machine: Machine<State, Step>): string =>
  `${[...done].sort((a, b) => a - b).join()} ${machine.keyOf(state)}`;

/**
 * Every world in which event `wanted` has happened, with as few other events as that takes, and with `isByRank` in the
 * order of their ranks only. Undefined when there are too many.
 */
function led<State, Step>(
  worlds: ReadonlyMap<string, World<State>>,
  wanted: number,
  open: ReadonlySet<number>,
  events: readonly Event<Step>[],
  machine: Machine<State, Step>,
  isByRank = false,
): Map<string, World<State>> | undefined {
  const found = new Map<string, World<State>>();
  const seen = new Set<string>();
  const waiting = [...worlds.values()];
  for (let world = waiting.pop(); world !== undefined; world = waiting.pop()) {
    const now = withFree(world, open, events, machine);
    const name = nameOf(now, machine);
    if (seen.has(name)) continue;
    seen.add(name);
    if (now.done.has(wanted)) {
      found.set(name, now);
      continue;
    }
    if (seen.size > (isByRank ? likelyWaysMax : worldsMax)) return undefined;
    const left = [...open].filter((n) => !now.done.has(n));
    for (const n of isByRank ? nextByRank(left, events) : left) {
      const event = events[n];
      if (event === undefined) continue;
      const state = machine.stepped(now.state, event.step);
      if (state !== undefined) waiting.push({ state, done: new Set(now.done).add(n) });
    }
  }
  return found;
}

/** Of some events those that may come next by their ranks; what has none, or need not happen, may come at any time. */
function nextByRank<Step>(left: readonly number[], events: readonly Event<Step>[]): readonly number[] {
  const rankOf = (n: number): number => events[n]?.rank ?? 0;
  const next = Math.min(...left.filter((n) => events[n]?.isOptional === false && rankOf(n) > 0).map(rankOf));
  return left.filter((n) => rankOf(n) <= next);
}

/** The worlds in which the fewest events have happened before one of a lower rank. */
function likeliest<State, Step>(
  worlds: ReadonlyMap<string, World<State>>,
  open: ReadonlySet<number>,
  events: readonly Event<Step>[],
): ReadonlyMap<string, World<State>> {
  const sure = [...open].filter((n) => events[n]?.isOptional === false && events[n]?.rank !== undefined);
  const rankOf = (n: number): number => events[n]?.rank ?? 0;
  const disorderOf = ({ done }: World<State>): number => {
    const left = sure.filter((n) => !done.has(n)).map(rankOf);
    return [...done].filter((n) => left.some((rank) => rank < rankOf(n))).length;
  };
  return new Map(
    [...worlds]
      .map((entry) => ({ entry, disorder: disorderOf(entry[1]) }))
      .sort((a, b) => a.disorder - b.disorder)
      .slice(0, likelyMax)
      .map(({ entry }) => entry),
  );
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
