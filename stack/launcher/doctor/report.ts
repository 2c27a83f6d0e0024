import type { CommandContext } from '../context.ts';
import { LauncherError } from '../engine.ts';
import { examineAll } from './doctor.ts';
import type { Named } from './finding.ts';

const MARK = { ok: '✓', broken: '✗', skipped: '–' } as const;
/** The longest name of a check. */
const WIDTH = 'azure login'.length;

/**
 * `doctor`: what is well and what is not, as lines or with `--json` as one object. Returns 1 where something is broken.
 * @throws LauncherError for an option that it does not know.
 */
export async function doctor({ surroundings, stack, args }: CommandContext): Promise<number> {
  const unknown = args.find((arg) => !['--json', '--quick'].includes(arg));
  if (unknown !== undefined) {
    throw new LauncherError(`doctor does not know '${unknown}'; allowed: --json, --quick, --stack NAME.`);
  }
  const asJson = args.includes('--json');
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  const findings = await examineAll(surroundings, stack, args.includes('--quick'), (finding) => {
    if (!asJson) write(lineOf(finding));
  });
  const well = findings.every(({ state }) => state !== 'broken');
  if (asJson) write(JSON.stringify({ well, findings }, null, 2));
  return well ? 0 : 1;
}

/** A finding for people: a line, and below it what to do next. */
function lineOf({ check, state, detail, next }: Named): string {
  const line = `${MARK[state]} ${check.padEnd(WIDTH)}  ${detail}`;
  return next === undefined ? line : `${line}\n${' '.repeat(WIDTH + 2)}  → ${next}`;
}
