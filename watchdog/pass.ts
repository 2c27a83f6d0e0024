import { budgetsOf } from './budgets/budget.ts';
import type { Budget } from './budgets/budget.ts';
import { withoutReset } from './budgets/warnings.ts';
import { checkAgent } from './check.ts';
import type { CheckResult } from './check.ts';
import { MAINTENANCE_ANNOTATIONS, WATCHDOG_EXIT } from './contract.ts';
import { decide, enterMaintenance, leaveMaintenance } from './decide.ts';
import type { PassTiming } from './decide.ts';
import { dryRunOf } from './dry-run.ts';
import { LedgerLease } from './ledger/lease.ts';
import { LedgerConflictError, LedgerError } from './ledger/ledger.ts';
import type { Ledger, LedgerEntry, LedgerState } from './ledger/ledger.ts';
import type { Log } from './log.ts';
import { maintenanceOf } from './maintenance.ts';
import type { MaintenanceRequest } from './maintenance.ts';
import { isReconciled, reconcile } from './reconcile.ts';
import type { Dependencies } from './reconcile.ts';
import { reportOf } from './report.ts';
import type { WatchdogSettings } from './settings.ts';

/** What a pass works with. */
export interface PassOptions {
  readonly settings: WatchdogSettings;
  readonly ledger: Ledger;
  /** Names this pass in the ledger: host and process. */
  readonly holder: string;
  /** Reports what would be done, and does nothing. */
  readonly dryRun: boolean;
  readonly dependencies: Omit<Dependencies, 'log' | 'budgets'>;
  readonly log: Log;
}

/**
 * One pass: checks the login, asks for the budgets, decides what follows, writes that into the ledger, and reconciles n8n,
 * the agent and Teams with it.
 * @returns the exit code: that of the result, or 1 if the login works but something else failed.
 */
export async function runPass(options: PassOptions): Promise<number> {
  const began = new Date();
  const result = await checkLogin(options);
  const budgets = result.state === 'agent_down' ? [] : await budgetsOf(options.dependencies.agent, options.log);
  const plan = ({ state }: LedgerEntry): LedgerState => {
    const at = timing(options);
    return decide(withoutReset(state, at.now), result, { ...at, began });
  };
  return exitCodeOf(result, await carryOut(options, plan, { budgets }));
}

/** Announces a maintenance, pauses the workflows and the agent, and waits for the active run to end. */
export async function startMaintenance(options: PassOptions, request: MaintenanceRequest): Promise<number> {
  const { dependencies, settings, log, dryRun } = options;
  const plan = ({ state, annotations }: LedgerEntry): LedgerState => {
    const now = new Date();
    const since = new Date(state.maintenance?.since ?? now);
    return enterMaintenance(state, maintenanceOf(request, annotations, settings, { since, now }), now);
  };
  const done = await carryOut(options, plan);
  if (!done || dryRun) return done ? WATCHDOG_EXIT.ok : WATCHDOG_EXIT.notOk;
  try {
    if (await dependencies.agent.drained(settings.drainMs)) {
      log.info({}, 'No run is active. The maintenance can begin.');
      return WATCHDOG_EXIT.ok;
    }
    log.error({}, `A run is still active after ${settings.drainMs / 1000} s. It continues; no other run starts.`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log.error({}, `It is unknown whether a run is active: ${why}.`);
  }
  return WATCHDOG_EXIT.notOk;
}

/** Ends a maintenance if Claude answers, and resumes the agent and the workflows. */
export async function endMaintenance(options: PassOptions): Promise<number> {
  const result = await checkLogin(options);
  const plan = ({ state }: LedgerEntry): LedgerState => {
    const ended = leaveMaintenance(state, result, timing(options));
    if (!ended) {
      options.log.error(
        {},
        'The maintenance continues because Claude does not answer. Run maintenance-end again when it does.',
      );
    }
    return ended ?? state;
  };
  const annotationsToRemove = Object.values(MAINTENANCE_ANNOTATIONS);
  return exitCodeOf(result, await carryOut(options, plan, { annotationsToRemove }));
}

async function checkLogin({ settings, dependencies, log }: PassOptions): Promise<CheckResult> {
  const result = await checkAgent(dependencies.agent, settings);
  const { level, exitCode, sentence } = reportOf(result, settings.authMode, dependencies.card.commands);
  log[level]({ ...result, exitCode }, sentence);
  return result;
}

/**
 * Writes what is planned into the ledger and reconciles the world with it.
 * @param more what the agent said of its budgets, and annotations to remove from the ledger when all is done.
 * @returns whether everything was done.
 */
async function carryOut(
  { ledger, holder, dryRun, dependencies: others, log }: PassOptions,
  plan: (entry: LedgerEntry) => LedgerState,
  {
    budgets = [],
    annotationsToRemove = [],
  }: { readonly budgets?: readonly Budget[]; readonly annotationsToRemove?: readonly string[] } = {},
): Promise<boolean> {
  const dependencies = { ...others, budgets, log };
  try {
    if (dryRun) {
      const entry = await ledger.read();
      for (const sentence of await dryRunOf(entry.state, plan(entry), dependencies)) log.info({ dryRun }, sentence);
      return true;
    }
    const onWait = (by: string, maxMs: number) =>
      log.info(
        {},
        `Another pass (${by}) holds the ledger. Waiting until it ends or has written nothing for ${Math.ceil(maxMs / 1000)} s.`,
      );
    const lease = await LedgerLease.acquire(ledger, holder, plan, (state) => isReconciled(state, budgets), onWait);
    return !lease || (await reconcile(lease, dependencies, annotationsToRemove));
  } catch (error) {
    if (error instanceof LedgerConflictError) {
      log.warn({}, `Another pass is at work: ${error.message}. This pass ends.`);
      return true;
    }
    if (!(error instanceof LedgerError)) throw error;
    log.error({}, `Nothing was done because the ledger can't be used: ${error.message}.`);
    return false;
  }
}

function exitCodeOf(result: CheckResult, done: boolean): number {
  if (result.state === 'auth_failed') return WATCHDOG_EXIT.authFailed;
  return result.state === 'ok' && done ? WATCHDOG_EXIT.ok : WATCHDOG_EXIT.notOk;
}

const timing = ({ settings }: PassOptions): PassTiming => ({ now: new Date(), reminderMs: settings.reminderMs });
