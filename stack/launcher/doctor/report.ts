import type { Named } from './finding.ts';

const MARK = { ok: '✓', broken: '✗', skipped: '–' } as const;
/** The longest name of a check. */
const WIDTH = 'azure login'.length;

/** A finding for people: a line, and below it what to do next. */
export function lineOf({ check, state, detail, next }: Named): string {
  const line = `${MARK[state]} ${check.padEnd(WIDTH)}  ${detail}`;
  return next === undefined ? line : `${line}\n${' '.repeat(WIDTH + 2)}  → ${next}`;
}
