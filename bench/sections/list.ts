/** Owns the measurement of lists from the cache, against a bare Fastify route. */
import { startLoader } from '../load.ts';
import { compare, inTurn, type Row, type Target } from '../measure.ts';
import { startRedis } from '../redis.ts';
import { mustAnswer } from '../sale.ts';
import type { Section, Stage } from '../section.ts';
import { startBareServer } from '../world.ts';

const connections = 64;
const path = '/rooms?is_freezed=false&limit=50';
const changesPerSecond = 200;

const listTarget: Target = { bound: 'at least', must: 0.5, aim: 0.7 };
const unchangedTarget: Target = { bound: 'at least', must: 0.6, aim: 0.8 };

/** Sides that are set against each other follow each other fast: the pace of a machine may change within seconds. */
const slice = { warmSeconds: 0.3, seconds: 1.2 };
/** So many slices are worth as much as one repetition elsewhere. */
const slicesEach = 3;

/** Everything that is read, each as a function that loads it for a slice and answers the rate. */
async function sidesOf({ world, sale: open }: Stage, redisUrl: string | undefined) {
  const sale = await open();
  const { loader, token } = world;
  const bareOrigin = await startBareServer(world.parts);
  const redisOrigin =
    redisUrl === undefined
      ? undefined
      : (await world.startServer('with Redis', sale.server.databaseUrl, { REDIS_URL: redisUrl })).origin;
  const load = async (
    { origin, sleeps }: { origin: string; sleeps: boolean },
    from: string,
    status: number,
    headers: Record<string, string> = {},
  ) => {
    const outcome = await loader.run({
      kind: 'hammer',
      origin,
      sleeps,
      token,
      connections,
      ...slice,
      script: { kind: 'get', path: from, headers },
    });
    mustAnswer(outcome, [status]);
    return outcome.answersPerSecond;
  };
  const unchanged = async (of: { origin: string; sleeps: boolean }) => {
    const answer = await fetch(of.origin + path, { headers: { authorization: `Bearer ${token}` } });
    return load(of, path, 304, { 'if-none-match': answer.headers.get('etag') ?? '' });
  };
  const changer = startLoader(world.parts);
  const changing = async (origin: string) => {
    const changes = changer.run({
      kind: 'schedule',
      origin,
      token,
      connections: 32,
      perSecond: changesPerSecond,
      warmSeconds: 0,
      seconds: slice.warmSeconds + slice.seconds + 2,
      script: { kind: 'hold', fresh: sale.fresh() },
    });
    const rate = await load({ origin, sleeps: true }, path, 200);
    changer.stop();
    const { freshUsed } = await changes;
    sale.use(freshUsed);
    return rate;
  };
  const own = sale.server.origin;
  // Where rooms change, Postgres and whoever changes them work as well.
  const awake = (origin: string) => ({ origin, sleeps: false });
  const asleep = (origin: string) => ({ origin, sleeps: true });
  return {
    targets: {
      bare: () => load(awake(bareOrigin), '/', 200),
      list: () => load(awake(own), path, 200),
      unchanged: () => unchanged(awake(own)),
    },
    others: {
      bare: () => load(asleep(bareOrigin), '/', 200),
      changing: () => changing(own),
      ...(redisOrigin === undefined
        ? {}
        : {
            listWithRedis: () => load(asleep(redisOrigin), path, 200),
            unchangedWithRedis: () => unchanged(asleep(redisOrigin)),
            changingWithRedis: () => changing(redisOrigin),
          }),
    },
  };
}

/** `GET /rooms` with a token: 200 and 304, quiet and while rooms change, with Redis and without. */
export const list: Section = {
  name: 'list',
  async run(stage) {
    const { world } = stage;
    const redisUrl = await startRedis(world);
    const sale = await stage.sale();
    await sale.stock(20_000);
    world.say('lists from the cache');
    const sides = await sidesOf(stage, redisUrl);
    const { repeats } = world.scale;
    // What has not been compiled yet is not what is measured.
    await inTurn(1, sides.targets);
    const targets = await inTurn(repeats * slicesEach, sides.targets);
    // A B A B is enough for rows that have nothing to reach.
    const others = await inTurn<number, keyof typeof sides.others>(Math.min(repeats, 2), sides.others);
    const against = (samples: readonly number[]) => ({ what: 'bare Fastify', samples, isInTurn: true });
    const reached = (what: string, side: keyof typeof sides.targets, target: Target) =>
      compare({ section: 'list', what, unit: '/s', target }, targets(side), against(targets('bare')));
    const row = (what: string, side: keyof typeof sides.others) =>
      compare({ section: 'list', what, unit: '/s' }, others(side), against(others('bare')));
    const changing = `list, 200, while ${changesPerSecond} holds/s change rooms`;
    const rows: Row[] = [
      reached('list of 50 rooms, 200', 'list', listTarget),
      reached('the same, 304', 'unchanged', unchangedTarget),
      row(changing, 'changing'),
    ];
    if (redisUrl === undefined) {
      const missing = { section: 'list', what: 'the same with Redis', value: undefined, unit: '/s' };
      return [...rows, { ...missing, note: 'there is no redis-server or valkey-server on the PATH' }];
    }
    await Promise.all(world.servers().map((server) => server.name === 'with Redis' && server.stop()));
    return [
      ...rows,
      row('list of 50 rooms, 200, with Redis', 'listWithRedis'),
      row('the same, 304, with Redis', 'unchangedWithRedis'),
      row(`${changing}, with Redis`, 'changingWithRedis'),
    ];
  },
};
