/** Seconds of updates that make everything, and of the updates right after, which change nothing. */
export interface Updates {
  readonly all: number[];
  readonly again: number[];
}

/** One row of the report. */
export interface Figure {
  readonly row: string;
  readonly met: boolean;
}

/** What most figures are held against. */
export const EVERYTHING = 'everything by hand';

/** An update without a change is held against both readings of its target: half of the same by hand, half of an update. */
export function ofUpdates(
  command: string,
  { all, again }: Updates,
  hand: number,
  most?: Record<keyof Updates, number>,
): Figure[] {
  const [up, noOp] = [median(all), median(again)];
  return [
    against(`\`${command}\` of everything, image cached`, up, most?.all, hand, 's', 'the same by hand'),
    against(`\`${command}\` without a change`, noOp, most?.again, hand, 's', EVERYTHING),
    against(`\`${command}\` without a change`, noOp, most?.again, up, 's', `\`${command}\` of everything`),
  ];
}

export function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  if (middle === undefined) throw new Error('Nothing was measured.');
  return middle;
}

/** @param factor What `value` may be of `other`; undefined is no target. */
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
