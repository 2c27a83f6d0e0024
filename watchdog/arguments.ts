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

/** The command line can't be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Reads the arguments of the program.
 * @throws UsageError
 */
export function readArguments(args: readonly string[]): Arguments {
  try {
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
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `${why}; it takes [--dry-run], maintenance-start [--reason TEXT] [--expected-end TIME] [--dry-run], or maintenance-end [--dry-run]`,
    );
  }
}
