/**
 * The watchdog: runs one pass (pass.ts) and exits with 0 (the login works), 57 (log in again) or 1 (anything else). With
 * `--every`, it makes passes until it is stopped, and exits with 0.
 * @module
 */
import { hostname } from 'node:os';

import { AgentClient } from './agent.ts';
import { asksForHelp, readArguments, USAGE, UsageError } from './arguments.ts';
import type { Arguments } from './arguments.ts';
import { WATCHDOG_EXIT } from './contract.ts';
import { LedgerError } from './ledger/ledger.ts';
import type { Ledger } from './ledger/ledger.ts';
import { makeLog } from './log.ts';
import { MaintenanceError } from './maintenance.ts';
import { N8nClient } from './n8n/client.ts';
import { startMaintenance, endMaintenance, runPass } from './pass.ts';
import type { PassOptions } from './pass.ts';
import { repeat } from './repeat.ts';
import { dryRunKeptByNpm, readSettings, SettingsError } from './settings.ts';
import type { WatchdogSettings } from './settings.ts';
import { commandsOf } from './teams/commands.ts';

const MINUTE_MS = 60_000;

const log = makeLog(process.stdout.isTTY);

try {
  const args = process.argv.slice(2);
  if (asksForHelp(args)) process.stdout.write(USAGE);
  else process.exitCode = await start(readArguments(args, dryRunKeptByNpm()));
} catch (error) {
  process.exitCode = report(error, "The watchdog can't start");
}

async function start(args: Arguments): Promise<number> {
  const settings = readSettings();
  const ledger = await ledgerAt(settings.ledger);
  const { everyMinutes } = args;
  if (everyMinutes === undefined) return run(args, settings, ledger);
  const stopping = new AbortController();
  // A pass in progress ends first. A second signal ends the process.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort());
  log.info({ everyMinutes }, `A pass begins every ${everyMinutes} minutes.`);
  const passes = {
    // A secret in a file may have been replaced.
    work: async () => run(args, readSettings(), ledger),
    onError: (error: unknown) => report(error, 'This pass was not made'),
    everyMs: everyMinutes * MINUTE_MS,
  };
  await repeat(passes, stopping.signal);
  return WATCHDOG_EXIT.ok;
}

/** Logs why nothing was done. @returns the exit code. */
function report(error: unknown, what: string): number {
  const exitCode = WATCHDOG_EXIT.notOk;
  if ([SettingsError, UsageError, MaintenanceError, LedgerError].some((kind) => error instanceof kind)) {
    log.error({ state: 'misconfigured', exitCode }, `${what}: ${(error as Error).message}`);
  } else {
    log.error({ err: error, state: 'broken', exitCode }, 'Internal error in the watchdog.');
  }
  return exitCode;
}

async function run(
  { command, dryRun, request }: Arguments,
  settings: WatchdogSettings,
  ledger: Ledger,
): Promise<number> {
  const { n8n, n8nTag, n8nUrl, webhookUrl, authMode, deployment, stack, pageUrl, guideUrl } = settings;
  const options: PassOptions = {
    settings,
    ledger,
    holder: `${hostname()}/${process.pid}`,
    dryRun,
    dependencies: {
      n8n: n8n && new N8nClient(n8n),
      n8nTag,
      agent: new AgentClient(settings),
      webhookUrl,
      card: { authMode, commands: commandsOf(deployment, stack), pageUrl, guideUrl, n8nUrl: n8nUrl ?? n8n?.apiUrl },
    },
    log,
  };
  switch (command) {
    case 'watch':
      return runPass(options);
    case 'maintenance-start':
      return startMaintenance(options, request);
    case 'maintenance-end':
      return endMaintenance(options);
  }
}

/** Loads only the ledger in use: the Kubernetes client takes longer to load than everything else. */
async function ledgerAt(place: WatchdogSettings['ledger']): Promise<Ledger> {
  if ('file' in place) return new (await import('./ledger/file.ts')).FileLedger(place.file);
  return new (await import('./ledger/configmap.ts')).ConfigMapLedger(place.namespace, place.name);
}
