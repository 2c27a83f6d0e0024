import type { CredentialSource, CredentialStatus } from '../claude/credential.ts';
import type { LoginEvidence, LoginState } from '../runs/evidence.ts';
import type { OutcomeCount, Pause, Run, RunSummary } from '../runs/run.ts';
import type { RunService } from '../runs/service.ts';

const RUNS = 50;
const WAITING = 100;

/** All that the page shows, at one moment. */
export interface Status {
  readonly now: Date;
  readonly version: string;
  readonly paused: Pause | undefined;
  /** Why no run would be accepted, for a reason of the agent's own. */
  readonly unready: string | undefined;
  readonly running: readonly Run[];
  /** In the order in which they will run; at most a hundred. */
  readonly waiting: readonly Run[];
  readonly load: RunService['load'];
  /** The last fifty, newest first. */
  readonly ended: readonly RunSummary[];
  /** Runs that ended in the last day, by how many whole hours ago. */
  readonly day: readonly OutcomeCount[];
  readonly login: LoginState;
  readonly credential: CredentialStatus;
  readonly source: Pick<CredentialSource, 'mode' | 'source'>;
}

/** Looks at everything the page shows. */
export function statusOf(service: RunService, evidence: LoginEvidence, version: string): Status {
  const now = new Date();
  const { login, credential } = evidence.current;
  const unfinished = service.unfinished;
  return {
    now,
    version,
    paused: service.paused,
    unready: service.unready,
    running: unfinished.filter(({ state }) => state === 'running'),
    waiting: unfinished.filter(({ state }) => state === 'queued').slice(0, WAITING),
    load: service.load,
    ended: service.list({ state: 'ended', limit: RUNS }).runs,
    day: service.outcomesOfDay(now),
    login,
    credential,
    source: evidence.credential,
  };
}
