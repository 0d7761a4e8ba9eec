/** Owns what is measured: the name, the labels and the meaning of every metric, in a registry of one platform. */
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type HistogramConfiguration,
  Registry,
} from 'prom-client';
import { packageVersion } from './package-version.ts';
import { problems } from './problems.ts';

/** From a cached list (a fraction of a millisecond) to the longest that any answer may take. */
const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Batches are seldom larger than 64. */
const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256];

type Named<Label extends string> = readonly [name: string, help: string, labels?: readonly Label[]];

/** A counter for what happens at every request: counting is an addition, and a scrape hears the sums. */
export type QuickCounter<Label extends string> = Readonly<{
  /** Makes what counts one event with these labels. Ask once for each set of labels, and keep the answer. */
  on(labels: Readonly<Record<Label, string>>): () => void;
}>;

/** Makes what observes a value with these labels. Ask once for each set of labels, and keep the answer. */
type QuickObserver<Label extends string> = (
  labels: Readonly<Record<Label, string>>,
) => (value: number) => void;

/** A histogram for what happens at every request: prom-client's own puts texts together at each observation. */
function quickHistogram<Label extends string>(
  about: HistogramConfiguration<Label> & { buckets: number[] },
): Readonly<{ on: QuickObserver<Label> }> {
  const { name, help, buckets } = about;
  const places: { labels: Readonly<Record<Label, string>>; counts: number[]; sum: number }[] = [];
  const on: QuickObserver<Label> = (labels) => {
    // The last is for what is above all bounds.
    const place = { labels, counts: [...buckets, 0].map(() => 0), sum: 0 };
    places.push(place);
    return (value) => {
      let at = 0;
      while (at < buckets.length && value > (buckets[at] ?? 0)) at += 1;
      place.counts[at] = (place.counts[at] ?? 0) + 1;
      place.sum += value;
    };
  };
  const getForPromString = async () => {
    const values = places.flatMap(({ labels: sharedLabels, counts, sum }) => {
      let count = 0;
      const bounded = counts.map((more, at) => {
        count += more;
        return {
          metricName: `${name}_bucket`,
          labels: { le: buckets[at] ?? '+Inf' },
          sharedLabels,
          value: count,
        };
      });
      return [
        ...bounded,
        { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sum },
        { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
      ];
    });
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  };
  // What a scrape asks prom-client's own for, in the same form.
  Object.assign(new Histogram<Label>(about), { getForPromString });
  return { on };
}

function makers(registry: Registry) {
  const settings = <Label extends string>([name, help, labels = []]: Named<Label>) => ({
    name: `holdfast_${name}`,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  return {
    counter: <Label extends string = never>(...named: Named<Label>) => new Counter<Label>(settings(named)),
    quickCounter: <Label extends string>(...named: Named<Label>): QuickCounter<Label> => {
      const pending: { labels: Readonly<Record<Label, string>>; count: number }[] = [];
      const counter = new Counter<Label>({
        ...settings(named),
        collect: () => {
          for (const one of pending) {
            counter.inc(one.labels, one.count);
            one.count = 0;
          }
        },
      });
      return {
        on(labels) {
          const one = { labels, count: 0 };
          pending.push(one);
          return () => {
            one.count += 1;
          };
        },
      };
    },
    gauge: <Label extends string = never>(...named: Named<Label>) => new Gauge<Label>(settings(named)),
    quickHistogram: <Label extends string>(buckets: number[], ...named: Named<Label>) =>
      quickHistogram<Label>({ ...settings(named), buckets }),
    histogram: <Label extends string = never>(buckets: number[], ...named: Named<Label>) =>
      new Histogram<Label>({ ...settings(named), buckets }),
  };
}

function httpMetrics({ counter, quickCounter, quickHistogram, gauge }: ReturnType<typeof makers>) {
  return {
    httpRequests: quickCounter('http_requests_total', 'Requests that have ended.', [
      'method',
      'route',
      'status',
    ]),
    httpRequestSeconds: quickHistogram(
      secondsBuckets,
      'http_request_duration_seconds',
      'Time from the arrival of a request to the end of its answer, event streams left out.',
      ['method', 'route'],
    ),
    httpProblems: counter(
      'http_problems_total',
      'Answers with a status of 400 or more, by problem code, those to requests that could not be parsed included.',
      ['code'],
    ),
    eventStreams: gauge('event_streams', 'Event streams that are open on this instance.'),
  };
}

function holdMetrics({ counter, gauge }: ReturnType<typeof makers>) {
  return {
    holdsPlaced: counter('holds_placed_total', 'Holds that were placed through this instance.'),
    holdsReplayed: counter(
      'holds_replayed_total',
      'Placings that an idempotency key answered again; nothing was held anew.',
    ),
    holdsExtended: counter('holds_extended_total', 'Extensions of holds through this instance.'),
    holdsConfirmed: counter(
      'holds_confirmed_total',
      'Holds that were confirmed through this instance; a repeated confirmation does not count.',
    ),
    holdsReleased: counter(
      'holds_released_total',
      'Holds that were released through this instance; a repeated release does not count.',
    ),
    holdsRevoked: counter(
      'holds_revoked_total',
      'Holds that a freeze with supersede_hold ended through this instance.',
    ),
    holdsExpired: counter(
      'holds_expired_total',
      'Holds that this instance found to be over and ended: its worker (sweep), or a command that met them (command).',
      ['found_by'],
    ),
    roomsFrozen: counter(
      'rooms_frozen_total',
      'Freezes through this instance, those that replaced or repeated a freeze included.',
    ),
    roomsUnfrozen: counter('rooms_unfrozen_total', 'Freezes that somebody ended through this instance.'),
    freezesEnded: counter(
      'freezes_ended_total',
      'Timed freezes that this instance found to be over and ended: its worker (sweep), or a command (command).',
      ['found_by'],
    ),
    holdsActive: gauge('holds_active', 'Active holds in the database, the same on every instance.'),
    rooms: gauge('rooms', 'Rooms in the database by status, the same on every instance.', ['status']),
    roomsFrozenNow: gauge(
      'rooms_frozen',
      'Frozen rooms in the database by reason, the same on every instance.',
      ['reason'],
    ),
    overdueSeconds: gauge(
      'overdue_seconds',
      'How long the oldest hold or timed freeze that is over has waited to be tidied, 0 without one; the same on ' +
        'every instance. Rooms are free all the same.',
    ),
    countsUp: gauge(
      'counts_up',
      '1 if rooms and holds could be counted for this scrape. 0 if the database did not answer in time: then ' +
        'holdfast_rooms, holdfast_rooms_frozen, holdfast_holds_active and holdfast_overdue_seconds are left out.',
    ),
  };
}

function commandMetrics({ counter, gauge, histogram }: ReturnType<typeof makers>) {
  return {
    commandRefusals: counter(
      'command_refusals_total',
      'Requests to change something that were refused or failed at the database, by command and problem code.',
      ['command', 'code'],
    ),
    commandBatchRequests: histogram(
      batchBuckets,
      'command_batch_requests',
      'How many requests went to the database in one batch.',
      ['command'],
    ),
    commandWaitSeconds: histogram(
      secondsBuckets,
      'command_wait_seconds',
      'How long a request waited for its batch to start.',
      ['command'],
    ),
    commandSeconds: histogram(
      secondsBuckets,
      'command_duration_seconds',
      'How long a batch took at the database, waiting for a connection included.',
      ['command'],
    ),
    commandQueued: gauge('command_queued_requests', 'Requests that wait for their batch to start.', [
      'command',
    ]),
    sweeps: counter('sweeps_total', 'Passes of the worker on this instance, by result: done or failed.', [
      'result',
    ]),
    sweepSeconds: histogram(
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      'sweep_duration_seconds',
      'How long a pass of the worker took.',
    ),
    sweepLastDone: gauge(
      'sweep_last_done_timestamp_seconds',
      'When the last pass of the worker on this instance ended well, in seconds since 1970; 0 before the first.',
    ),
    sweepIntervalSeconds: gauge(
      'sweep_interval_seconds',
      'The interval of the worker, as HOLD_SWEEP_INTERVAL_SECONDS sets it.',
    ),
    keysForgotten: counter(
      'idempotency_keys_forgotten_total',
      'Idempotency keys that the worker of this instance deleted after their 24 hours.',
    ),
  };
}

function dependencyMetrics({ quickCounter, gauge }: ReturnType<typeof makers>) {
  return {
    cacheLookups: quickCounter(
      'cache_lookups_total',
      'Looks into the cache, by what was looked for (list or hold), the level (process or redis) and the result: ' +
        'hit, miss, or joined (a read that somebody else has begun or will begin).',
      ['cache', 'level', 'result'],
    ),
    redisUp: gauge(
      'redis_up',
      '1 while Redis is used, 0 while it is left out because it failed (the breaker is open). Absent without REDIS_URL.',
    ),
    poolConnections: gauge(
      'database_pool_connections',
      'Connections of this instance to Postgres, by state: busy or idle.',
      ['state'],
    ),
    poolConnectionsMax: gauge(
      'database_pool_connections_max',
      'How many connections this instance may open, as DATABASE_POOL_MAX sets it.',
    ),
    poolWaiting: gauge('database_pool_waiting', 'Statements of this instance that wait for a connection.'),
    ready: gauge('ready', '1 if /readyz would answer 200 at this scrape, 0 otherwise.'),
    build: gauge('build_info', 'Always 1; the labels tell what runs.', ['version', 'node_version']),
  };
}

/** Every metric of one platform, and the registry that holds them. */
export type Metrics = ReturnType<typeof openMetrics>;

/** Metrics that begin at 0, in a registry of their own; those of the process and of Node are among them. */
export function openMetrics() {
  const registry = new Registry();
  const make = makers(registry);
  const metrics = {
    registry,
    ...httpMetrics(make),
    ...holdMetrics(make),
    ...commandMetrics(make),
    ...dependencyMetrics(make),
  };
  collectDefaultMetrics({ register: registry });
  metrics.build.set({ version: packageVersion(), node_version: process.version }, 1);
  // A counter that appears with its first event hides that event from rate().
  for (const found_by of ['sweep', 'command']) {
    metrics.holdsExpired.inc({ found_by }, 0);
    metrics.freezesEnded.inc({ found_by }, 0);
  }
  for (const code of Object.keys(problems)) metrics.httpProblems.inc({ code }, 0);
  for (const result of ['done', 'failed']) metrics.sweeps.inc({ result }, 0);
  return metrics;
}
