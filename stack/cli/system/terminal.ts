import { createInterface } from 'node:readline/promises';

/** Something must be done by hand first; the message says what. */
export class CliError extends Error {
  override readonly name = 'CliError';
}

/** Asks on the operator's terminal; anything but yes is no. */
export async function confirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** @param what Would be done unasked. @throws CliError where nobody is there to be asked. */
export function mustBeAsked(what: string): void {
  if (!process.stdin.isTTY) throw new CliError(`Nobody can be asked here. To ${what} unasked: --yes.`);
}
