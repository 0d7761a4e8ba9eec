/** Owns reading /metrics as Prometheus does: the samples of a scrape by name and labels, and how they moved. */
import type { FastifyInstance } from 'fastify';

/** One line of a scrape. */
export type Sample = Readonly<{ name: string; labels: Readonly<Record<string, string>>; value: number }>;

/** What one scrape said. */
export type Scrape = Readonly<{
  samples: readonly Sample[];
  /** The kind of each metric, by its name. */
  types: ReadonlyMap<string, string>;
  /** The meaning of each metric, by its name. */
  helps: ReadonlyMap<string, string>;
  /** The sum of the samples of this name that have these labels; undefined when there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}>;

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/g;

function sampleOf(text: string): Sample {
  const [, name = '', labels = '', value] = line.exec(text) ?? [];
  if (name === '') throw new Error(`not a sample: ${text}`);
  const pairs = [...labels.matchAll(label)].map(([, key = '', said = '']) => [key, said] as const);
  return { name, labels: Object.fromEntries(pairs), value: value === '+Inf' ? Infinity : Number(value) };
}

/** The samples of a text in Prometheus' format; throws at a line that is none. */
export function readScrape(text: string): Scrape {
  const lines = text.split('\n').filter((one) => one !== '');
  const told = (what: string) =>
    new Map(
      lines
        .filter((one) => one.startsWith(`# ${what} `))
        .map((one) => {
          const [, , name = '', ...rest] = one.split(' ');
          return [name, rest.join(' ')];
        }),
    );
  const samples = lines.filter((one) => !one.startsWith('#')).map(sampleOf);
  return {
    samples,
    types: told('TYPE'),
    helps: told('HELP'),
    value(name, labels = {}) {
      const found = samples.filter(
        (sample) =>
          sample.name === name &&
          Object.entries(labels).every(([key, wanted]) => sample.labels[key] === wanted),
      );
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
    },
  };
}

/** Scrapes a server that asks for no token. */
export async function scrape({ app }: { app: FastifyInstance }): Promise<Scrape> {
  return readScrape((await app.inject('/metrics')).body);
}

/** Tells how much the samples of a name have moved since the call, what was not there counting as 0. */
export async function watchMetrics(server: { app: FastifyInstance }) {
  const before = await scrape(server);
  return async (name: string, labels: Record<string, string> = {}): Promise<number> => {
    const after = await scrape(server);
    return (after.value(name, labels) ?? 0) - (before.value(name, labels) ?? 0);
  };
}
