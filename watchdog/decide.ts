import type { CheckResult } from './check.ts';
import { MAINTENANCE_PAUSE, stillPaused } from './contract.ts';
import type { Trouble, LedgerState, Maintenance, TroubleState } from './ledger/ledger.ts';

/** Hours between two cards that say the same, in milliseconds, and what time it is. */
export interface PassTiming {
  readonly now: Date;
  /** When this pass began; default `now`. Two passes at once are not two in a row. */
  readonly began?: Date;
  readonly reminderMs: number;
}

/** An end of the usage limit that moved by less says nothing new. */
const SAME_END_MS = 10 * 60_000;

/** A network or a pod can be away for a moment; these need two passes in a row that see the same. */
const NEEDS_TWO: ReadonlySet<TroubleState> = new Set(['outage', 'agent_down']);

/**
 * What the ledger has to say after a verdict: what is wrong, what has to be paused or brought back, and which card is
 * due. Pure; carrying it out is somebody else's. During a maintenance nothing is judged.
 */
export function decide(state: LedgerState, verdict: CheckResult, moment: PassTiming): LedgerState {
  if (state.maintenance) return remind(state, moment, state.maintenance.expectedEnd);
  switch (verdict.state) {
    case 'ok':
      return recovered({ ...state, suspicion: undefined }, moment);
    case 'busy':
      // The agent is there, and nobody knows how Claude is: what the pass before saw is not seen a second time.
      return remind({ ...state, suspicion: undefined }, moment);
    case 'auth_failed':
    case 'usage_limited':
    case 'outage':
    case 'agent_down':
      return worse(state, factOf(verdict.state, verdict, moment.now), moment);
  }
}

/** Begins a maintenance, or says anew why there is one and how long it takes. */
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
 * Ends a maintenance where the login was tried: it works, or somebody has to log in, which is then what is wrong.
 * @returns undefined where it can't end: whether all is well is not known, or not so.
 */
export function leaveMaintenance(
  state: LedgerState,
  verdict: CheckResult,
  { now }: PassTiming,
): LedgerState | undefined {
  const { maintenance, ...rest } = state;
  if (!maintenance) return state;
  if (verdict.state === 'auth_failed') return begin(rest, factOf(verdict.state, verdict, now));
  if (verdict.state !== 'ok') return undefined;
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

function factOf(state: TroubleState, verdict: CheckResult, now: Date): Trouble {
  const since = now.toISOString();
  if ('reason' in verdict) return { state, since, detail: verdict.reason };
  const { detail, cause, resetsAt, host } = verdict;
  return { state, since, detail, cause, resetsAt, host };
}

function worse(state: LedgerState, fact: Trouble, moment: PassTiming): LedgerState {
  const { trouble, suspicion } = state;
  if (trouble?.state === fact.state) return same(state, trouble, fact, moment);
  // An API that can't be reached says nothing of the login: it is still the one that failed.
  if (trouble?.state === 'auth_failed' && fact.state === 'outage') {
    return remind({ ...state, suspicion: undefined }, moment);
  }
  if (!NEEDS_TWO.has(fact.state)) return begin(state, fact);
  if (suspicion?.state !== fact.state) return remind({ ...state, suspicion: fact }, moment);
  if (Date.parse(suspicion.since) > (moment.began ?? moment.now).getTime()) return remind(state, moment);
  return begin(state, { ...fact, since: suspicion.since });
}

function same(state: LedgerState, trouble: Trouble, fact: Trouble, moment: PassTiming): LedgerState {
  const next = { ...state, trouble: { ...fact, since: trouble.since }, suspicion: undefined };
  const moved = Math.abs(Date.parse(fact.resetsAt ?? '') - Date.parse(trouble.resetsAt ?? '')) > SAME_END_MS;
  if (moved) return { ...next, card: { kind: 'trouble', reminder: false } };
  return remind({ ...next, trouble: { ...next.trouble, resetsAt: trouble.resetsAt ?? fact.resetsAt } }, moment);
}

function begin(state: LedgerState, fact: Trouble): LedgerState {
  const { trouble } = state;
  return {
    ...state,
    trouble: { ...fact, since: trouble?.since ?? fact.since },
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

/** @param notBefore when a reminder makes sense at the earliest. */
function remind(state: LedgerState, { now, reminderMs }: PassTiming, notBefore?: string): LedgerState {
  const { toldAt, card } = state;
  if (toldAt === undefined || card !== undefined) return state;
  // A time to come is by a clock that was set back since.
  if (Math.abs(now.getTime() - Date.parse(toldAt)) < reminderMs) return state;
  if (notBefore !== undefined && now.toISOString() < notBefore) return state;
  return { ...state, card: { kind: state.maintenance ? 'maintenance' : 'trouble', reminder: true } };
}
