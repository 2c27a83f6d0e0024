import { LedgerLease } from './ledger/lease.ts';
import { checkAgent } from './check.ts';
import type { CheckResult } from './check.ts';
import { MAINTENANCE_ANNOTATIONS, WATCHDOG_EXIT } from './contract.ts';
import { enterMaintenance, decide, leaveMaintenance } from './decide.ts';
import type { PassTiming } from './decide.ts';
import { LedgerConflictError, LedgerError } from './ledger/ledger.ts';
import type { LedgerEntry, Ledger, LedgerState } from './ledger/ledger.ts';
import { maintenanceOf } from './maintenance.ts';
import type { MaintenanceRequest } from './maintenance.ts';
import { dryRunOf } from './dry-run.ts';
import { reportOf } from './report.ts';
import type { WatchdogSettings } from './settings.ts';
import { isReconciled, reconcile } from './reconcile.ts';
import type { Dependencies } from './reconcile.ts';

/** What a pass works with. */
export interface PassOptions {
  readonly settings: WatchdogSettings;
  readonly ledger: Ledger;
  /** Names this pass in the ledger: host and process. */
  readonly holder: string;
  /** Only say what would be done. */
  readonly dryRun: boolean;
  readonly dependencies: Omit<Dependencies, 'did' | 'failed'>;
  readonly log: PassLog;
}

/** Where a pass says what it sees, does and fails to do. */
export interface PassLog {
  info(facts: object, sentence: string): void;
  warn(facts: object, sentence: string): void;
  error(facts: object, sentence: string): void;
}

/**
 * Asks the agent, puts what it says into the ledger, and does what follows from it.
 * @returns the exit code: what the agent said, or 1 where that was good and something else was not.
 */
export async function runPass(options: PassOptions): Promise<number> {
  const began = new Date();
  const verdict = await look(options);
  const good = await act(options, ({ state }) => decide(state, verdict, { ...moment(options), began }));
  return exitOf(verdict, good);
}

/** Announces a maintenance, pauses the workflows and the agent, and waits for the run that is going on. */
export async function startMaintenance(options: PassOptions, request: MaintenanceRequest): Promise<number> {
  const { dependencies, settings, log, dryRun } = options;
  const plan = ({ state, annotations }: LedgerEntry): LedgerState => {
    const now = new Date();
    const since = new Date(state.maintenance?.since ?? now);
    return enterMaintenance(state, maintenanceOf(request, annotations, settings, { since, now }), now);
  };
  const good = await act(options, plan);
  if (!good || dryRun) return good ? WATCHDOG_EXIT.ok : WATCHDOG_EXIT.notOk;
  try {
    if (await dependencies.agent.drained(settings.drainMs)) {
      log.info({}, 'No run is going on: the maintenance can begin.');
      return WATCHDOG_EXIT.ok;
    }
    log.error({}, `A run is still going on after ${settings.drainMs / 1000} s; it may go on, no other begins.`);
  } catch (error) {
    log.error({}, `Nobody knows whether a run is going on: ${error instanceof Error ? error.message : String(error)}.`);
  }
  return WATCHDOG_EXIT.notOk;
}

/** Ends a maintenance if Claude answers, and brings back agent and workflows. */
export async function endMaintenance(options: PassOptions): Promise<number> {
  const verdict = await look(options);
  const plan = ({ state }: LedgerEntry): LedgerState => {
    const ended = leaveMaintenance(state, verdict, moment(options));
    if (!ended)
      options.log.error({}, 'The maintenance goes on, for Claude does not answer. End it again when it does.');
    return ended ?? state;
  };
  return exitOf(verdict, await act(options, plan, Object.values(MAINTENANCE_ANNOTATIONS)));
}

async function look({ settings, log }: PassOptions): Promise<CheckResult> {
  const verdict = await checkAgent(settings);
  const { level, exitCode, sentence } = reportOf(verdict, settings.authMode, settings.stack);
  log[level]({ ...verdict, exitCode }, sentence);
  return verdict;
}

/**
 * @param forget annotations to remove once it is done.
 * @returns whether all that was to be done was done.
 */
async function act(
  { ledger, holder, dryRun, dependencies, log }: PassOptions,
  plan: (entry: LedgerEntry) => LedgerState,
  forget: readonly string[] = [],
): Promise<boolean> {
  let good = true;
  const failed = (sentence: string) => {
    good = false;
    log.error({}, sentence);
  };
  try {
    if (dryRun) {
      const entry = await ledger.read();
      for (const sentence of await dryRunOf(entry.state, plan(entry), dependencies)) log.info({ dryRun }, sentence);
      return true;
    }
    const onWait = (by: string, atMostMs: number) =>
      log.info(
        {},
        `Another pass (${by}) is at work; waiting until it is done, or has written nothing for ${Math.ceil(atMostMs / 1000)} s.`,
      );
    const lease = await LedgerLease.acquire(ledger, holder, plan, isReconciled, onWait);
    if (lease) await reconcile(lease, { ...dependencies, failed, did: (sentence) => log.info({}, sentence) }, forget);
  } catch (error) {
    if (error instanceof LedgerConflictError)
      log.warn({}, `Another pass acts on this: ${error.message}. This one ends.`);
    else if (error instanceof LedgerError)
      failed(`Nothing was done, for nothing could be written down: ${error.message}.`);
    else throw error;
  }
  return good;
}

function exitOf(verdict: CheckResult, good: boolean): number {
  if (verdict.state === 'auth_failed') return WATCHDOG_EXIT.authFailed;
  return verdict.state === 'ok' && good ? WATCHDOG_EXIT.ok : WATCHDOG_EXIT.notOk;
}

const moment = ({ settings }: PassOptions): PassTiming => ({ now: new Date(), reminderMs: settings.reminderMs });
