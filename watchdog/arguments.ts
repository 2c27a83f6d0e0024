import { parseArgs } from 'node:util';

import { WATCHDOG_COMMANDS } from './contract.ts';
import type { MaintenanceRequest } from './maintenance.ts';

/** What the command line asks for. */
export interface Arguments {
  readonly command: 'watch' | (typeof WATCHDOG_COMMANDS)[number];
  /** Report what would be done, and do nothing. */
  readonly dryRun: boolean;
  /** Make a pass every so many minutes instead of one. */
  readonly everyMinutes: number | undefined;
  readonly request: MaintenanceRequest;
}

const MAX_MINUTES = 1440;

/** The help of the program. */
export const USAGE = `npm run watchdog -- [--dry-run] [--every MINUTES]
npm run watchdog -- maintenance-start [--reason TEXT] [--expected-end TIME] [--dry-run]
npm run watchdog -- maintenance-end [--dry-run]

Checks the agent's login once, or again and again. If it fails, pauses workflows in n8n and sends a card to Teams; once it works again, resumes
them. Or starts or ends a maintenance.

  --dry-run            Reports what it would do, and does nothing.
  --every MINUTES      Does it again every so many minutes (1 to ${MAX_MINUTES}), until it is stopped.
  --reason TEXT        The reason for the maintenance.
  --expected-end TIME  When it ends: an ISO 8601 time, or a duration such as 90m or 2h.
  --help, -h           Prints this help.

Settings are environment variables, listed in docs/watchdog.md.
`;

/** Whether the arguments ask for {@link USAGE}. */
export const asksForHelp = (args: readonly string[]): boolean => args.some((arg) => arg === '--help' || arg === '-h');

/** The command line is invalid. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Reads the arguments of the program.
 * @param keptByNpm `npm_config_dry_run`, which npm sets when `--dry-run` stands before `--`.
 * @throws UsageError
 */
export function readArguments(args: readonly string[], keptByNpm?: string): Arguments {
  try {
    if (keptByNpm === 'true' && !args.includes('--dry-run')) {
      throw new Error(`npm took --dry-run for itself; run npm run watchdog -- ${[...args, '--dry-run'].join(' ')}`);
    }
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        'dry-run': { type: 'boolean', default: false },
        every: { type: 'string' },
        reason: { type: 'string' },
        'expected-end': { type: 'string' },
      },
    });
    const [word, ...rest] = positionals;
    const command = word === undefined ? 'watch' : WATCHDOG_COMMANDS.find((known) => known === word);
    if (command === undefined || rest.length > 0) throw new Error(`unknown command "${positionals.join(' ')}"`);
    const request = { reason: values.reason, expectedEnd: values['expected-end'] };
    if (command !== 'maintenance-start' && (request.reason ?? request.expectedEnd) !== undefined) {
      throw new Error('--reason and --expected-end are options of maintenance-start');
    }
    if (command !== 'watch' && values.every !== undefined) throw new Error(`--every is no option of ${command}`);
    return { command, dryRun: values['dry-run'], everyMinutes: minutesIn(values.every), request };
  } catch (error) {
    // The rest of a message of parseArgs is advice that does not fit here.
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('. To ');
    throw new UsageError(
      `${why}. Arguments: [--dry-run] [--every MINUTES] | maintenance-start [--reason TEXT] [--expected-end TIME] [--dry-run] | maintenance-end [--dry-run]`,
    );
  }
}

function minutesIn(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const minutes = /^\d{1,4}$/.test(given) ? Number(given) : 0;
  if (minutes >= 1 && minutes <= MAX_MINUTES) return minutes;
  throw new Error(`--every is ${JSON.stringify(given)}; it must be a whole number of minutes from 1 to ${MAX_MINUTES}`);
}
