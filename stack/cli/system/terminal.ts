import { createInterface } from 'node:readline/promises';

/** The operator has to do something first; the message says what. */
export class CliError extends Error {
  override readonly name = 'CliError';
}

/** Asks on the operator's terminal; anything but `y` or `yes` means no. */
export async function confirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** @param what The action to confirm. @throws CliError if there is no terminal to ask. */
export function mustBeAsked(what: string): void {
  if (!process.stdin.isTTY)
    throw new CliError(`There is no terminal to ask for confirmation. To ${what} without asking, pass --yes.`);
}
