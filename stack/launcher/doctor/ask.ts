import { execa } from 'execa';

/** What became of a program: its output, or in a line why there is none. */
export type Said = { readonly output: string } | { readonly failure: string; readonly missing: boolean };

const PATIENCE_MS = 20_000;

/** Runs a program for its output; never rejects. */
export async function said(program: string, args: readonly string[]): Promise<Said> {
  const result = await execa(program, args, { reject: false, stdin: 'ignore', timeout: PATIENCE_MS });
  if (!result.failed) return { output: result.stdout };
  const missing = result.code === 'ENOENT';
  if (missing) return { failure: `${program} is not on the PATH`, missing };
  if (result.timedOut) return { failure: `${program} did not answer in ${PATIENCE_MS / 1000} s`, missing };
  const last = result.stderr.trim().split('\n').at(-1)?.trim() ?? '';
  return { failure: last === '' ? (result.shortMessage ?? 'it failed') : last, missing };
}
