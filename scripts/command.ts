import { asksForHelp, helpOf, readLine, UsageError } from '../stack/cli/arguments/command-line.ts';
import type { CommandLine, Usage } from '../stack/cli/arguments/command-line.ts';
import { refuseSwallowed } from '../stack/cli/arguments/npm-options.ts';

/**
 * Reads the arguments of this process, as the first thing that a script does. Where help is asked for, or an argument does
 * not fit, it prints that and ends the process, with 0 or 2.
 */
export function commandLine(usage: Usage): CommandLine {
  const args = process.argv.slice(2);
  if (asksForHelp(args)) {
    process.stdout.write(`${helpOf(usage)}\n`);
    process.exit(0);
  }
  try {
    refuseSwallowed(usage, args, process.env);
    return readLine(usage, args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}
