import { createInterface } from 'node:readline/promises';

import { LauncherError } from './engine.ts';

/** Asks on the operator's terminal; anything but yes is no. */
export async function confirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** @param what Would be done unasked. @throws LauncherError where nobody is there to be asked. */
export function mustBeAsked(what: string): void {
  if (!process.stdin.isTTY) throw new LauncherError(`Nobody can be asked here. To ${what} unasked: --yes.`);
}
