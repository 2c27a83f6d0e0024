/** One line of the results. */
export interface Figure {
  readonly what: string;
  readonly measured: string;
  readonly target?: string;
  /** Whether the target was met; undefined if there is none. */
  readonly met?: boolean;
}

/** A group of figures that are measured together. */
export interface Benchmark {
  /** The name on the command line. */
  readonly name: string;
  readonly title: string;
  /** What the benchmark does and what the figures mean, in Markdown. */
  readonly about: string;
  /** @throws if something cannot be measured. A missed target is not an error. */
  run(): Promise<readonly Figure[]>;
}

/** A figure without a target. */
export function seen(what: string, measured: string): Figure {
  return { what, measured };
}

/** A figure that must not exceed `limit`. */
export function atMost(what: string, value: number, limit: number, show: (value: number) => string): Figure {
  return { what, measured: show(value), target: `≤ ${show(limit)}`, met: value <= limit };
}

/** A figure that must not be less than `limit`. */
export function atLeast(what: string, value: number, limit: number, show: (value: number) => string): Figure {
  return { what, measured: show(value), target: `≥ ${show(limit)}`, met: value >= limit };
}

/** A figure that must equal `wanted`. */
export function exactly(what: string, value: number, wanted: number): Figure {
  return { what, measured: String(value), target: String(wanted), met: value === wanted };
}

export const ms = (value: number) => `${value.toFixed(1)} ms`;
export const mb = (bytes: number) => `${(bytes / 1_048_576).toFixed(1)} MiB`;
export const ratio = (value: number) => value.toFixed(2);

/**
 * The value that `share` of all values do not exceed (nearest rank).
 * @param share 0.95 for p95.
 * @throws if there are no values.
 */
export function percentile(values: readonly number[], share: number): number {
  const value = values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)];
  if (value === undefined) throw new Error('Cannot compute a percentile of no values.');
  return value;
}

/** The median (nearest rank). */
export const p50 = (values: readonly number[]) => percentile(values, 0.5);

/** Both in milliseconds, for a figure named `p50, p95`. */
export const p50AndP95 = (times: readonly number[]) => `${ms(p50(times))}, ${ms(percentile(times, 0.95))}`;

/** The duration of some work, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** A copy in random order. */
export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}
