/** Owns how many read the same thing at once: readers join a read that is fresh enough for them, or wait for the next. */

/** Two, so that a read that began before a change does not hold up those who must see it; more would only press the database. */
const flightsPerKeyMax = 2;

export type Flights<T> = {
  /**
   * The outcome of `read` for this key. A read that is under way is joined only when it began in the present epoch and
   * at most `joinMsMax` ago; its rejection reaches everybody who joined. Otherwise `read` is called: at once, or, with
   * `flightsPerKeyMax` under way, when one of them ends, once for all who wait then.
   */
  join(key: string, read: (epoch: number) => Promise<T>): Promise<T>;
};

type Flight<T> = Readonly<{ epoch: number; joinableUntilMs: number; outcome: Promise<T> }>;
type Lane<T> = { flightsCount: number; latest?: Flight<T>; next?: Promise<T>; startNext?: () => void };

/** No reads under way yet. `epoch` is asked at the moment a read begins; `nowMs` is the monotonic clock. */
export function openFlights<T>(options: {
  epoch: () => number;
  nowMs: () => number;
  joinMsMax: number;
}): Flights<T> {
  const { epoch, nowMs, joinMsMax } = options;
  const lanes = new Map<string, Lane<T>>();

  function end(key: string, lane: Lane<T>, flight: Flight<T>): void {
    lane.flightsCount -= 1;
    if (lane.latest === flight) delete lane.latest;
    if (lane.startNext !== undefined) lane.startNext();
    else if (lane.flightsCount === 0) lanes.delete(key);
  }

  function start(key: string, lane: Lane<T>, read: (epoch: number) => Promise<T>): Promise<T> {
    lane.flightsCount += 1;
    const flight = { epoch: epoch(), joinableUntilMs: nowMs() + joinMsMax, outcome: read(epoch()) };
    lane.latest = flight;
    const ended = () => end(key, lane, flight);
    flight.outcome.then(ended, ended);
    return flight.outcome;
  }

  return {
    join(key, read) {
      const lane = lanes.get(key) ?? { flightsCount: 0 };
      lanes.set(key, lane);
      const { latest } = lane;
      if (latest !== undefined && latest.epoch === epoch() && nowMs() < latest.joinableUntilMs)
        return latest.outcome;
      if (lane.next !== undefined) return lane.next;
      if (lane.flightsCount < flightsPerKeyMax) return start(key, lane, read);
      lane.next = new Promise((resolve) => {
        lane.startNext = () => {
          delete lane.next;
          delete lane.startNext;
          resolve(start(key, lane, read));
        };
      });
      return lane.next;
    },
  };
}
