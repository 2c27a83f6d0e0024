/**
 * Attacks of a prompt on its runner. Each is a program that needs only what the image has, so that a run can be given this
 * folder, in the tests as in a cluster. An attack prints a line of JSON, a {@link Finding}, for each attempt.
 * @module
 */
import path from 'node:path';

/** What came of one attempt. */
export interface Finding {
  /** The program without its ending. */
  readonly attack: string;
  readonly target: string;
  /** `found` if it got what it wanted. */
  readonly result: 'found' | 'blocked';
  readonly detail: string;
}

/** What a run leaves has this in its name and its content. */
export const TRACE = 'left-by-a-run';

const attack = path.parse(process.argv[1] ?? '').name;

/** Prints a finding. */
export function report(target: string, result: Finding['result'], detail: unknown = ''): void {
  const said = detail instanceof Error ? ((detail as NodeJS.ErrnoException).code ?? detail.message) : String(detail);
  process.stdout.write(`${JSON.stringify({ attack, target, result, detail: said } satisfies Finding)}\n`);
}

/** Reports `found` with what the work returns, and `blocked` with what it throws. */
export function attempt(target: string, work: () => unknown): void {
  let result: unknown;
  try {
    result = work();
  } catch (error) {
    report(target, 'blocked', error);
    return;
  }
  report(target, 'found', result ?? '');
}
