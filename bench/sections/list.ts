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

/** Everything that is read, each as a function that loads it once and answers the rate. */
async function sidesOf({ world, sale: open }: Stage, redisUrl: string | undefined) {
  const sale = await open();
  const { scale, loader, token } = world;
  const bareOrigin = await startBareServer(world.parts);
  const redisOrigin =
    redisUrl === undefined
      ? undefined
      : (await world.startServer('with Redis', sale.server.databaseUrl, { REDIS_URL: redisUrl })).origin;
  const load = async (origin: string, from: string, status: number, headers: Record<string, string> = {}) => {
    const outcome = await loader.run({
      kind: 'autocannon',
      origin,
      token,
      connections,
      warmSeconds: scale.warmSeconds,
      seconds: scale.seconds,
      script: { kind: 'get', path: from, headers },
    });
    mustAnswer(outcome, [status]);
    return outcome.answersPerSecond;
  };
  const unchanged = async (origin: string) => {
    const answer = await fetch(origin + path, { headers: { authorization: `Bearer ${token}` } });
    return load(origin, path, 304, { 'if-none-match': answer.headers.get('etag') ?? '' });
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
      seconds: scale.warmSeconds + scale.seconds + 2,
      script: { kind: 'hold', fresh: sale.fresh() },
    });
    const rate = await load(origin, path, 200);
    changer.stop();
    const { freshUsed } = await changes;
    sale.use(freshUsed);
    return rate;
  };
  const own = sale.server.origin;
  return {
    bare: () => load(bareOrigin, '/', 200),
    list: () => load(own, path, 200),
    unchanged: () => unchanged(own),
    changing: () => changing(own),
    ...(redisOrigin === undefined
      ? {}
      : {
          listWithRedis: () => load(redisOrigin, path, 200),
          unchangedWithRedis: () => unchanged(redisOrigin),
          changingWithRedis: () => changing(redisOrigin),
        }),
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
    const sides: Record<string, () => Promise<number>> = await sidesOf(stage, redisUrl);
    const samples = await inTurn(world.scale.repeats, sides);
    const against = { what: 'bare Fastify', samples: samples('bare') };
    const row = (what: string, side: string, target?: Target): Row =>
      compare({ section: 'list', what, unit: '/s', ...(target && { target }) }, samples(side), against);
    const changing = `list, 200, while ${changesPerSecond} holds/s change rooms`;
    const rows = [
      row('list of 50 rooms, 200', 'list', listTarget),
      row('the same, 304', 'unchanged', unchangedTarget),
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
