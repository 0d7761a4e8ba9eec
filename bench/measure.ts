/** Owns the arithmetic of a run: samples taken in turn, medians, percentiles, and the rows that come of them. */

/** What a row should reach: a ratio (or, without one, the value itself) that is at least, or at most, this. */
export type Target = Readonly<{ bound: 'at least' | 'at most'; must: number; aim: number }>;

/** A line of the table. */
export type Row = Readonly<{
  section: string;
  what: string;
  value: number | undefined;
  unit: string;
  /** What it is measured against, in the same unit and the same run. */
  against?: Readonly<{ what: string; value: number | undefined }>;
  ratio?: number | undefined;
  target?: Target;
  note?: string;
  /** The single measurements behind value and ratio, as they came. */
  samples?: Readonly<Record<string, readonly number[]>>;
}>;

/** The middle of some numbers; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  return percentile(values, 0.5);
}

/** The value that this share of the numbers does not exceed, between two neighbours where it falls between them. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  return low === undefined || high === undefined ? undefined : low + (high - low) * (at - Math.floor(at));
}

/**
 * Runs every side `repeats` times in turn (A B A B), so that a slow minute of the machine meets all of them. The
 * answer tells the samples of a side; none for one that was not there.
 */
export async function inTurn<Sample, Side extends string>(
  repeats: number,
  sides: Readonly<Partial<Record<Side, () => Promise<Sample>>>>,
): Promise<(side: Side) => readonly Sample[]> {
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round < repeats; round += 1) {
    for (const [name, run] of Object.entries<(() => Promise<Sample>) | undefined>(sides)) {
      if (run !== undefined) samples.set(name, [...(samples.get(name) ?? []), await run()]);
    }
  }
  return (side) => samples.get(side) ?? [];
}

/** What a row is set against. `isInTurn`: its samples are of the same rounds. */
export type Against = Readonly<{ what: string; samples: readonly number[]; isInTurn?: boolean }>;

/**
 * The median of the ratios of each round, where samples were taken in turn: a machine that changes its pace between two
 * rounds changes both sides of a ratio. Without rounds, the ratio of the medians.
 */
function ratioOf(samples: readonly number[], { samples: others, isInTurn }: Against): number | undefined {
  if (isInTurn === true) return median(samples.map((sample, at) => sample / (others[at] ?? Number.NaN)));
  const [value, other] = [median(samples), median(others)];
  return value === undefined || other === undefined ? undefined : value / other;
}

/** A row that sets some samples against others: the medians of both, and their ratio. */
export function compare(
  row: Omit<Row, 'value' | 'against' | 'ratio' | 'samples'>,
  samples: readonly number[],
  against?: Against,
): Row {
  const value = median(samples);
  if (against === undefined) return { ...row, value, samples: { value: samples } };
  return {
    ...row,
    value,
    against: { what: against.what, value: median(against.samples) },
    ratio: ratioOf(samples, against),
    samples: { value: samples, against: against.samples },
  };
}

/** Whether a row reaches its target, by its ratio if it has one; undefined when it has no target or no value. */
export function reaches(row: Row, level: 'must' | 'aim'): boolean | undefined {
  const reached = row.against === undefined ? row.value : row.ratio;
  if (row.target === undefined || reached === undefined) return undefined;
  return row.target.bound === 'at least' ? reached >= row.target[level] : reached <= row.target[level];
}
