import { parseArgs } from 'node:util';

import { WATCHDOG_COMMANDS } from './contract.ts';
import type { MaintenanceRequest } from './maintenance.ts';

/** What the command line asks for. */
export interface Arguments {
  readonly command: 'watch' | (typeof WATCHDOG_COMMANDS)[number];
  /** Only say what would be done. */
  readonly dryRun: boolean;
  readonly request: MaintenanceRequest;
}

/** What the program is and takes. */
export const USAGE = `npm run watchdog -- [--dry-run]
npm run watchdog -- maintenance-start [--reason TEXT] [--expected-end TIME] [--dry-run]
npm run watchdog -- maintenance-end [--dry-run]

Asks the agent whether its login works, and sees to what follows; or begins or ends a maintenance.

  --dry-run            Only says what it would do.
  --reason TEXT        Why there is a maintenance.
  --expected-end TIME  When it ends: an ISO 8601 time, or how long it takes, such as 90m or 2h.
  --help, -h           Prints this, and does nothing else.

Settings are environment variables: docs/watchdog.md lists them.
`;

/** Whether only {@link USAGE} is asked for. */
export const asksForHelp = (args: readonly string[]): boolean => args.some((arg) => arg === '--help' || arg === '-h');

/** The command line can't be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Reads the arguments of the program.
 * @param keptByNpm What npm made of options before `--`, which are its own: `npm_config_dry_run`.
 * @throws UsageError
 */
export function readArguments(args: readonly string[], keptByNpm?: string): Arguments {
  try {
    if (keptByNpm === 'true' && !args.includes('--dry-run')) {
      throw new Error(`npm kept --dry-run for itself; type npm run watchdog -- ${[...args, '--dry-run'].join(' ')}`);
    }
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        'dry-run': { type: 'boolean', default: false },
        reason: { type: 'string' },
        'expected-end': { type: 'string' },
      },
    });
    const [word, ...rest] = positionals;
    const command = word === undefined ? 'watch' : WATCHDOG_COMMANDS.find((known) => known === word);
    if (command === undefined || rest.length > 0) throw new Error(`there is no command "${positionals.join(' ')}"`);
    const request = { reason: values.reason, expectedEnd: values['expected-end'] };
    if (command !== 'maintenance-start' && (request.reason ?? request.expectedEnd) !== undefined) {
      throw new Error('--reason and --expected-end belong to maintenance-start');
    }
    return { command, dryRun: values['dry-run'], request };
  } catch (error) {
    // What follows in a message of parseArgs is advice for options that other programs have.
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('. To ');
    throw new UsageError(
      `${why}; it takes [--dry-run], maintenance-start [--reason TEXT] [--expected-end TIME] [--dry-run], or maintenance-end [--dry-run]`,
    );
  }
}
