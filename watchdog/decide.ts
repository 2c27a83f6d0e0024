import type { CheckResult } from './check.ts';
import { MAINTENANCE_PAUSE, stillPaused } from './contract.ts';
import type { Trouble, LedgerState, Maintenance, TroubleState } from './ledger/ledger.ts';

/** When a pass decides. */
export interface PassTiming {
  readonly now: Date;
  /** When this pass began; default `now`. Passes that overlap are not two in a row. */
  readonly began?: Date;
  /** Between two cards about the same trouble, in milliseconds. */
  readonly reminderMs: number;
}

/** An end of the usage limit that moved by less is the same one. */
const SAME_RESET_MS = 10 * 60_000;

/** A network or a pod can be away for a moment: these states need two passes in a row that see the same. */
const NEEDS_CONFIRMATION: ReadonlySet<TroubleState> = new Set(['outage', 'agent_down']);

/**
 * The next state of the ledger after a check: what is wrong, what has to be paused or resumed, and which card is due. Pure;
 * reconcile.ts carries it out. During a maintenance the result changes nothing.
 */
export function decide(state: LedgerState, result: CheckResult, timing: PassTiming): LedgerState {
  if (state.maintenance) return remind(state, timing, state.maintenance.expectedEnd);
  switch (result.state) {
    case 'ok':
      return recovered({ ...state, suspicion: undefined }, timing);
    case 'busy':
      // The agent is up and the state of Claude unknown: what the last pass saw is not confirmed.
      return remind({ ...state, suspicion: undefined }, timing);
    case 'auth_failed':
    case 'usage_limited':
    case 'outage':
    case 'agent_down':
      return onTrouble(state, troubleFrom(result.state, result, timing.now), timing);
  }
}

/** Starts a maintenance, or changes the reason and the expected end of the current one. */
export function enterMaintenance(state: LedgerState, asked: Omit<Maintenance, 'since'>, now: Date): LedgerState {
  const { maintenance: before } = state;
  const maintenance = { since: before?.since ?? now.toISOString(), ...asked };
  if (before) {
    if (before.reason === asked.reason && before.expectedEnd === asked.expectedEnd) return state;
    return { ...state, maintenance, card: { kind: 'maintenance', reminder: false } };
  }
  return {
    ...state,
    maintenance,
    suspicion: undefined,
    recovery: undefined,
    agentPause: { reason: `${MAINTENANCE_PAUSE}${maintenance.since}: ${asked.reason}`.slice(0, 500), done: false },
    listed: false,
    workflows: stillPaused(state.workflows),
    card: { kind: 'maintenance', reminder: false },
    toldAt: undefined,
  };
}

/**
 * Ends a maintenance if the login works, or if someone has to log in, which is then the trouble.
 * @returns undefined if it can't end, because Claude does not answer or that is unknown.
 */
export function leaveMaintenance(
  state: LedgerState,
  result: CheckResult,
  { now }: PassTiming,
): LedgerState | undefined {
  const { maintenance, ...rest } = state;
  if (!maintenance) return state;
  if (result.state === 'auth_failed') return raise(rest, troubleFrom(result.state, result, now));
  if (result.state !== 'ok') return undefined;
  return {
    ...rest,
    trouble: undefined,
    suspicion: undefined,
    recovery: {
      from: 'maintenance',
      since: maintenance.since,
      until: now.toISOString(),
      reason: maintenance.reason,
      toldOfWaiting: false,
    },
    card: { kind: 'maintenance-over', reminder: false },
    toldAt: undefined,
  };
}

function troubleFrom(state: TroubleState, result: CheckResult, now: Date): Trouble {
  const since = now.toISOString();
  if ('reason' in result) return { state, since, detail: result.reason };
  const { detail, cause, resetsAt, host } = result;
  return { state, since, detail, cause, resetsAt, host };
}

function onTrouble(state: LedgerState, seen: Trouble, timing: PassTiming): LedgerState {
  const { trouble, suspicion } = state;
  if (trouble?.state === seen.state) return onSameTrouble(state, trouble, seen, timing);
  // An API that can't be reached tells nothing about the login, so the failed login stays the trouble.
  if (trouble?.state === 'auth_failed' && seen.state === 'outage') {
    return remind({ ...state, suspicion: undefined }, timing);
  }
  if (!NEEDS_CONFIRMATION.has(seen.state)) return raise(state, seen);
  if (suspicion?.state !== seen.state) return remind({ ...state, suspicion: seen }, timing);
  if (Date.parse(suspicion.since) > (timing.began ?? timing.now).getTime()) return remind(state, timing);
  return raise(state, { ...seen, since: suspicion.since });
}

function onSameTrouble(state: LedgerState, trouble: Trouble, seen: Trouble, timing: PassTiming): LedgerState {
  const next = { ...state, trouble: { ...seen, since: trouble.since }, suspicion: undefined };
  const moved = Math.abs(Date.parse(seen.resetsAt ?? '') - Date.parse(trouble.resetsAt ?? '')) > SAME_RESET_MS;
  if (moved) return { ...next, card: { kind: 'trouble', reminder: false } };
  return remind({ ...next, trouble: { ...next.trouble, resetsAt: trouble.resetsAt ?? seen.resetsAt } }, timing);
}

function raise(state: LedgerState, seen: Trouble): LedgerState {
  const { trouble } = state;
  return {
    ...state,
    trouble: { ...seen, since: trouble?.since ?? seen.since },
    suspicion: undefined,
    recovery: undefined,
    listed: trouble !== undefined && state.listed,
    workflows: stillPaused(state.workflows),
    card: { kind: 'trouble', reminder: false },
    toldAt: undefined,
  };
}

function recovered(state: LedgerState, { now }: PassTiming): LedgerState {
  const { trouble, ...rest } = state;
  if (!trouble) return state;
  return {
    ...rest,
    recovery: { from: trouble.state, since: trouble.since, until: now.toISOString(), toldOfWaiting: false },
    card: { kind: 'recovered', reminder: false },
    toldAt: undefined,
  };
}

/** @param notBefore the earliest time of a reminder. */
function remind(state: LedgerState, { now, reminderMs }: PassTiming, notBefore?: string): LedgerState {
  const { toldAt, card } = state;
  if (toldAt === undefined || card !== undefined) return state;
  // A time in the future was taken from a clock that has been set back since.
  if (Math.abs(now.getTime() - Date.parse(toldAt)) < reminderMs) return state;
  if (notBefore !== undefined && now.toISOString() < notBefore) return state;
  return { ...state, card: { kind: state.maintenance ? 'maintenance' : 'trouble', reminder: true } };
}
