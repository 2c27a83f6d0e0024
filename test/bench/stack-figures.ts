/** Durations in seconds of updates that create everything, and of the updates right after them, which change nothing. */
export interface Updates {
  readonly all: number[];
  readonly again: number[];
}

/** One row of the report. */
export interface Figure {
  readonly row: string;
  readonly met: boolean;
}

/** The name of the time that most figures are compared to. */
export const EVERYTHING = 'everything by hand';

/** Compares an update without changes to both readings of its target: half of the time by hand, and half of a full update. */
export function ofUpdates(
  command: string,
  { all, again }: Updates,
  hand: number,
  most?: Record<keyof Updates, number>,
): Figure[] {
  const [up, noOp] = [median(all), median(again)];
  return [
    against(`\`${command}\` of everything, cached image`, up, most?.all, hand, 's', 'the same by hand'),
    against(`\`${command}\` without changes`, noOp, most?.again, hand, 's', EVERYTHING),
    against(`\`${command}\` without changes`, noOp, most?.again, up, 's', `\`${command}\` of everything`),
  ];
}

export function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  if (middle === undefined) throw new Error('Cannot compute the median of no values.');
  return middle;
}

/** @param factor The largest allowed ratio of `value` to `other`; undefined if there is no target. */
export function against(
  what: string,
  value: number,
  factor: number | undefined,
  other: number,
  unit: string,
  name: string,
): Figure {
  const ratio = (value / other).toFixed(2);
  const measured = `${value.toFixed(1)} ${unit}, ${ratio} × (${name}: ${other.toFixed(1)} ${unit})`;
  if (factor === undefined) return { row: `| ${what} | ${measured} | | |`, met: true };
  const met = value <= factor * other;
  return { row: `| ${what} | ${measured} | ≤ ${factor} × | ${met ? 'met' : '**missed**'} |`, met };
}

export function limit(what: string, value: number, most: number): Figure {
  const met = value <= most;
  return { row: `| ${what} | ${value.toFixed(2)} s | ≤ ${most} s | ${met ? 'met' : '**missed**'} |`, met };
}
