import { asksForHelp, helpOf, readLine, UsageError } from '../stack/cli/arguments/command-line.ts';
import type { CommandLine, Usage } from '../stack/cli/arguments/command-line.ts';
import { refuseSwallowed } from '../stack/cli/arguments/npm-options.ts';

/**
 * Reads the arguments of this process. Call it first in a script. On `--help` or an invalid argument, it prints
 * the help or the error and ends the process with 0 or 2.
 */
export function commandLine(usage: Usage): CommandLine {
  const args = process.argv.slice(2);
  if (asksForHelp(args)) {
    process.stdout.write(`${helpOf(usage)}\n`);
    process.exit(0);
  }
  return orExit(() => {
    refuseSwallowed(usage, args, process.env);
    return readLine(usage, args);
  });
}

/** The parts that the command line names, in the order of `known`; all of them if it names none. Exits with 2 on an unknown part. */
export function namedParts<T extends string>(
  usage: Usage,
  { positionals }: CommandLine,
  known: readonly T[],
): readonly T[] {
  const unknown = positionals.find((name) => !known.some((part) => part === name));
  return orExit(() => {
    if (unknown !== undefined) throw new UsageError(`There is no part '${unknown}'.\n\n${helpOf(usage)}`);
    return positionals.length === 0 ? known : known.filter((part) => positionals.includes(part));
  });
}

function orExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}
