/** Whether this is `npm run test:hard`, which takes its time: long loops in full, and every case of a large table. */
const isHard = process.env['TEST_LANE'] === 'hard';

/** How often a loop goes round: seldom in `npm test`, often in `npm run test:hard`. */
export const rounds = (short: number, long: number): number => (isHard ? long : short);

/** Some cases of a table, evenly spread, in `npm test`; all of them in `npm run test:hard`. */
export function slice<T>(cases: readonly T[], count: number): readonly T[] {
  return isHard ? cases : cases.filter((_, index) => index % Math.ceil(cases.length / count) === 0);
}
