/** Whether this is `npm run test:hard`, with full loops and every case of large tables. */
export const isHard = process.env['TEST_LANE'] === 'hard';

/** The number of iterations of a loop: few in `npm test`, many in `npm run test:hard`. */
export const rounds = (short: number, long: number): number => (isHard ? long : short);

/** Some cases of a table, evenly spread, in `npm test`; all of them in `npm run test:hard`. */
export function slice<T>(cases: readonly T[], count: number): readonly T[] {
  return isHard ? cases : cases.filter((_, index) => index % Math.ceil(cases.length / count) === 0);
}
