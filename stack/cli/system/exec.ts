import { stripVTControlCharacters } from 'node:util';

import { execa } from 'execa';

/** What became of a program: its output, or in a line why there is none. */
export type RunAttempt = { readonly output: string } | { readonly failure: string; readonly missing: boolean };

const PATIENCE_MS = 20_000;

/** Runs a program for its output; never rejects. */
export async function tryRun(program: string, args: readonly string[]): Promise<RunAttempt> {
  const result = await execa(program, args, { reject: false, stdin: 'ignore', timeout: PATIENCE_MS });
  if (!result.failed) return { output: result.stdout };
  const missing = result.code === 'ENOENT';
  if (missing) return { failure: `${program} is not on the PATH`, missing };
  if (result.timedOut) return { failure: `${program} did not answer in ${PATIENCE_MS / 1000} s`, missing };
  const cause = causeIn(result.stderr);
  return { failure: cause === '' ? (result.shortMessage ?? 'it failed') : cause, missing };
}

/** What a program says besides the reason of its failure: kubectl's log, warnings, and that a part of it failed. */
const BESIDES =
  /^([EWIF]\d{4} |warning:|npm warn|defaulted container|command terminated with exit code|(error: )?(preview|update) failed$)/i;
const LONGEST = 300;

/**
 * The reason in what a program said when it failed, in a line; empty where it said nothing. The first line that speaks of an
 * error has it, or else the first at all: what comes later is advice, or what failed for that reason.
 */
export function causeIn(said: string): string {
  const lines = stripVTControlCharacters(said)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !BESIDES.test(line));
  const at = Math.max(
    0,
    lines.findIndex((line) => /^(\S+ )?(error|fatal)\b/i.test(line)),
  );
  const [first = '', second = ''] = lines.slice(at);
  // A heading, or a mere code of npm's.
  const isHeading = first.endsWith(':') || /^npm (error|ERR!) code /.test(first);
  const cause = isHeading ? `${first} ${second}`.trim() : first;
  return cause.length <= LONGEST ? cause : `${cause.slice(0, LONGEST - 1)}…`;
}

/** {@link causeIn} for the message of an engine that failed, which begins with the command. */
export const engineCause = (message: string): string => causeIn(message.replace(/^`[^`]*` failed: /, ''));
