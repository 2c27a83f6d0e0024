import type { CommandLine } from '../arguments/command-line.ts';
import type { CommandContext } from '../system/environment.ts';
import { examineAll } from './doctor.ts';
import type { Named } from './finding.ts';

const MARK = { ok: '✓', broken: '✗', skipped: '–' } as const;
/** The length of the longest check name. */
const WIDTH = 'azure login'.length;

/** `doctor`: prints all findings, as lines or with `--json` as one object. Returns 1 if anything is broken. */
export async function doctor({ environment, stack }: CommandContext, line: CommandLine): Promise<number> {
  const asJson = line.has('json');
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  const findings = await examineAll(environment, stack, line.has('quick'), (finding) => {
    if (!asJson) write(lineOf(finding));
  });
  const well = findings.every(({ state }) => state !== 'broken');
  if (asJson) write(JSON.stringify({ well, findings }, null, 2));
  return well ? 0 : 1;
}

/** A finding as text: a line, and below it what to do next. */
function lineOf({ check, state, detail, next }: Named): string {
  const line = `${MARK[state]} ${check.padEnd(WIDTH)}  ${detail}`;
  return next === undefined ? line : `${line}\n${' '.repeat(WIDTH + 2)}  → ${next}`;
}
