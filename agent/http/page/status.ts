import type { BudgetState } from '../../budgets/budget-state.ts';
import type { Budgets } from '../../budgets/budgets.ts';
import type { Callers } from '../../callers/callers.ts';
import type { CredentialSource, CredentialStatus } from '../../login/credential.ts';
import type { LoginAttempts, LoginAttemptsView } from '../../login/new-login/login-attempts.ts';
import type { LoginStatus, LoginState } from '../../login/status.ts';
import type { Hold, QuotaWindow } from '../api/state.ts';
import type { Quota } from '../../quota/quota.ts';
import type { OutcomeCount, Pause, Run, RunFilter, RunPage } from '../../store/run.ts';
import type { RunService } from '../../runs/service.ts';

const RUNS = 50;
const WAITING = 100;

/** Which ended runs to show. */
export type EndedFilter = Pick<RunFilter, 'outcome' | 'workflow' | 'lane' | 'caller' | 'text' | 'before'>;

/** Everything that the page shows, at one moment. */
export interface Status {
  readonly now: Date;
  readonly version: string;
  readonly paused: Pause | undefined;
  /** Why the agent is not ready to accept runs. */
  readonly unready: string | undefined;
  /** Why no run is accepted until someone frees space in the workspace. */
  readonly workspaceProblem: string | undefined;
  readonly startProblem: string | undefined;
  /** Why waiting runs do not start. */
  readonly hold: Hold | undefined;
  /** The windows of the usage limit; empty if Anthropic has told none. */
  readonly quota: readonly QuotaWindow[];
  /** In progress, also those that wait for a decision. */
  readonly running: readonly Run[];
  /** How long a decision may take, in milliseconds. */
  readonly decisionMs: number;
  /** In order of acceptance; at most a hundred. */
  readonly waiting: readonly Run[];
  readonly load: RunService['load'];
  readonly filter: EndedFilter;
  /** The last fifty that match the filter, newest first. */
  readonly ended: RunPage;
  /** Runs that ended in the last day, by whole hours ago. */
  readonly day: readonly OutcomeCount[];
  readonly login: LoginState;
  readonly credential: CredentialStatus;
  readonly source: Pick<CredentialSource, 'mode' | 'source'>;
  readonly newLogin: LoginAttemptsView;
  readonly budgets: readonly BudgetState[];
  /** The names of all callers, the operator first. */
  readonly callers: readonly string[];
}

/** What {@link statusOf} asks. */
export interface StatusSources {
  readonly service: RunService;
  readonly loginStatus: LoginStatus;
  readonly logins: LoginAttempts;
  readonly budgets: Pick<Budgets, 'states'>;
  readonly quota: Pick<Quota, 'windows'>;
  readonly callers: Pick<Callers, 'names'>;
  readonly version: string;
}

/** Collects everything that the page shows. */
export function statusOf(
  { service, loginStatus, logins, budgets, quota, callers, version }: StatusSources,
  filter: EndedFilter = {},
): Status {
  const now = new Date();
  const { login, credential } = loginStatus.current;
  const unfinished = service.unfinished;
  return {
    now,
    version,
    paused: service.paused,
    unready: service.unready,
    workspaceProblem: service.workspaceProblem,
    startProblem: service.startProblem,
    hold: service.hold,
    quota: quota.windows,
    running: unfinished.filter(({ state }) => state === 'running' || state === 'waiting'),
    decisionMs: service.decisionMs,
    waiting: unfinished.filter(({ state }) => state === 'queued').slice(0, WAITING),
    load: service.load,
    filter,
    ended: service.list({ ...filter, state: 'ended', limit: RUNS }),
    day: service.outcomesOfDay(now),
    login,
    credential,
    source: loginStatus.credential,
    newLogin: logins.view,
    budgets: budgets.states,
    callers: callers.names,
  };
}
