/** Owns the proof that dashboard, alert rules and documentation speak of metrics that there are, and of all of them. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { until } from '../helpers/connections.ts';
import { makeRoom, placeHold } from '../helpers/property.ts';
import { startRedis, type TestRedis } from '../helpers/redis.ts';
import { type Scrape, scrape } from '../helpers/scrape.ts';
import { startWorker } from '../holds/worker.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const panelSchema = z.looseObject({
  id: z.number(),
  type: z.string(),
  title: z.string().min(1),
  gridPos: z.object({ h: z.number(), w: z.number(), x: z.number(), y: z.number() }),
  datasource: z.object({ type: z.literal('prometheus'), uid: z.literal('${' + 'datasource}') }).optional(),
  targets: z.array(z.looseObject({ expr: z.string() })).default([]),
});
const dashboardSchema = z.looseObject({
  title: z.literal('Holdfast'),
  schemaVersion: z.number(),
  templating: z.object({
    list: z.array(z.looseObject({ name: z.string(), type: z.string(), definition: z.string().optional() })),
  }),
  panels: z.array(panelSchema),
});
const ruleSchema = z.strictObject({
  alert: z.string().regex(/^Holdfast[A-Z]\w+$/),
  expr: z.string(),
  for: z
    .string()
    .regex(/^\d+m$/)
    .optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
  annotations: z.strictObject({ summary: z.string().regex(/\.$/), description: z.string().optional() }),
});
const rulesSchema = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(ruleSchema) })),
});

const dashboard = dashboardSchema.parse(JSON.parse(read('deploy/grafana-dashboard.json')));
const rules = rulesSchema.parse(parse(read('deploy/alert-rules.yml'))).groups.flatMap((group) => group.rules);
const documentation = read('docs/metrics.md');

const panelTexts = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const ruleTexts = rules.map(({ expr }) => expr);
const texts = [...panelTexts, ...ruleTexts];

/** The names of metrics in an expression; functions, keywords and labels have no such beginning. */
const namesIn = (text: string): string[] => text.match(/\b(holdfast|nodejs|process)_\w+/g) ?? [];
/** What Prometheus itself adds to each sample. */
const labelsOfPrometheus = ['job', 'instance'];

/** Each metric of an expression with the labels that it is chosen by. */
const selectorsIn = (text: string) =>
  [...text.matchAll(/\b((?:holdfast|nodejs|process)_\w+)\{([^}]*)\}/g)].map(([, name = '', inside = '']) => ({
    name,
    matchers: [...inside.matchAll(/(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"/g)].map(
      ([, label = '', how = '', value = '']) => ({
        label,
        how,
        value,
      }),
    ),
  }));

let server: TestApp;
let redis: TestRedis;
let said: Scrape;

beforeAll(async () => {
  redis = await startRedis();
  server = await startTestApp({ env: { REDIS_URL: redis.url } });
  const { room_id } = await makeRoom(server);
  await placeHold(server, [room_id]);
  const body = { room_ids: [room_id] };
  await server.call('POST', '/rooms/hold', { token: server.as.frontend, body });
  await server.call('GET', '/nothing');
  // A server of the whole has a worker, and lists that are read from each level.
  const read = () => server.call('GET', '/rooms', { token: server.as.admin });
  said = await until(async () => {
    await read();
    await read();
    const found = await scrape(server);
    const lookups = 'holdfast_cache_lookups_total';
    expect(found.value(lookups, { level: 'redis' })).toBeGreaterThan(0);
    expect(found.value(lookups, { result: 'hit' })).toBeGreaterThan(0);
    expect(found.value('holdfast_redis_up')).toBe(1);
    return found;
  });
});
afterAll(async () => {
  await server.close();
  await redis.close();
});

/** The names of the samples that a metric makes. */
const samplesOf = (name: string, type = said.types.get(name)): string[] =>
  type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name];

const labelsOf = (name: string): Set<string> =>
  new Set(said.samples.filter((one) => one.name === name).flatMap(({ labels }) => Object.keys(labels)));

test('each metric that is named is in a scrape', () => {
  expect(texts.length).toBeGreaterThan(50);
  const there = new Set(said.samples.map(({ name }) => name));
  const missing = texts.flatMap(namesIn).filter((name) => !there.has(name));
  expect(missing).toEqual([]);
});

test('each metric is chosen, and grouped, by labels that it has', () => {
  const wrong: string[] = [];
  for (const text of texts) {
    for (const { name, matchers } of selectorsIn(text)) {
      const known = [...labelsOf(name), ...labelsOfPrometheus];
      wrong.push(...matchers.flatMap(({ label }) => (known.includes(label) ? [] : `${name} by ${label}`)));
    }
    const known = new Set([...namesIn(text).flatMap((name) => [...labelsOf(name)]), ...labelsOfPrometheus]);
    for (const [, list = ''] of text.matchAll(/\bby \(([^)]*)\)/g)) {
      wrong.push(...list.split(', ').flatMap((label) => (known.has(label) ? [] : `${text} by ${label}`)));
    }
  }
  expect(wrong).toEqual([]);
});

test('each value that a metric is chosen by is one that it can have', () => {
  const chosen = texts
    .flatMap(selectorsIn)
    .flatMap(({ name, matchers }) =>
      matchers
        .filter(({ label, how }) => how !== '=~' && !labelsOfPrometheus.includes(label))
        .map(({ label, value }) => ({ name, label, value })),
    );
  expect(chosen.length).toBeGreaterThan(5);
  const none = chosen.filter(({ name, label, value }) => said.value(name, { [label]: value }) === undefined);
  expect(none).toEqual([]);
});

describe('the dashboard', () => {
  test('goes by variables, so that it can be imported anywhere', () => {
    const names = dashboard.templating.list.map(({ name, type }) => [name, type]);
    expect(names).toEqual([
      ['datasource', 'datasource'],
      ['job', 'query'],
      ['instance', 'query'],
    ]);
    for (const { type, datasource, targets, title } of dashboard.panels) {
      if (type === 'row') continue;
      expect(datasource, title).toBeDefined();
      expect(targets.length, title).toBeGreaterThan(0);
    }
    for (const text of panelTexts) {
      const chosen = selectorsIn(text);
      expect(chosen.length, text).toBe(namesIn(text).length);
      for (const { matchers } of chosen) {
        expect(matchers.map(({ label }) => label)).toEqual(expect.arrayContaining(labelsOfPrometheus));
      }
    }
  });

  test('has panels that do not lie on each other', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, n) => `${x + (n % w)} ${y + Math.floor(n / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });
});

test('a rule goes by the job of the documentation, and its alert is explained there', () => {
  expect(documentation).toContain('job_name: holdfast ');
  for (const { alert, expr } of rules) {
    expect(documentation, alert).toContain(`| \`${alert}\` | `);
    for (const { name, matchers } of selectorsIn(expr)) {
      expect(matchers, name).toContainEqual({ label: 'job', how: '=', value: 'holdfast' });
    }
  }
  const explained = [...documentation.matchAll(/^\| `(Holdfast\w+)` \|/gm)].map(([, name]) => name);
  expect(explained.sort()).toEqual(rules.map(({ alert }) => alert).sort());
});

describe('the documentation', () => {
  const documented = new Map(
    [...documentation.matchAll(/^\| `(holdfast_\w+)` \|([^|]*)\| (.+) \|$/gm)].map(
      ([, name = '', labels = '', meaning = '']) => [
        name,
        { labels: labels.match(/\w+/g) ?? [], isHistogram: meaning.startsWith('histogram: ') },
      ],
    ),
  );

  test('lists every metric of ours, and no other', () => {
    const ours = [...said.types.keys()].filter((name) => name.startsWith('holdfast_'));
    expect([...documented.keys()].sort()).toEqual(ours.sort());
  });

  test('lists each with its labels, and says what is a histogram', async () => {
    const { metrics } = server.platform;
    for (const metric of await metrics.registry.getMetricsAsArray()) {
      const entry = documented.get(metric.name);
      if (entry === undefined) continue;
      expect(entry.isHistogram, metric.name).toBe(said.types.get(metric.name) === 'histogram');
      const labels = new Set(samplesOf(metric.name).flatMap((name) => [...labelsOf(name)]));
      labels.delete('le');
      expect([...labels].sort(), metric.name).toEqual([...entry.labels].sort());
    }
  });
});

test('every metric of ours is on the dashboard or in an alert', () => {
  const shown = new Set(texts.flatMap(namesIn));
  const unseen = [...said.types.keys()].filter(
    (name) => name.startsWith('holdfast_') && !samplesOf(name).some((sample) => shown.has(sample)),
  );
  expect(unseen).toEqual([]);
});

test('a server with a worker tells its interval', async () => {
  startWorker(server);
  expect((await scrape(server)).value('holdfast_sweep_interval_seconds')).toBe(3_600);
});
