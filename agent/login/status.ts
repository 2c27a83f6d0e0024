import type { AuthState, Outcome } from '../contract.ts';
import type { CredentialSource, CredentialStatus } from './credential.ts';
import type { RunResult } from '../store/run.ts';

/** What a run can show about the login. */
export type KnownState = Exclude<AuthState, 'busy'>;

/** What runs have shown about the login. Times are ISO 8601. */
export interface LoginState {
  /** `unknown` until a run has used the current credential. */
  readonly state: KnownState | 'unknown';
  readonly detail: string;
  /** When a run last showed this state. */
  readonly seenAt?: string;
  /** For `usage_limited`. */
  readonly resetsAt?: string;
}

const STATE_OF: Record<Outcome, KnownState | undefined> = {
  succeeded: 'ok',
  auth_failed: 'auth_failed',
  usage_limited: 'usage_limited',
  unavailable: 'outage',
  failed: undefined,
  timed_out: undefined,
  cancelled: undefined,
  interrupted: undefined,
};

const NOT_RENEWED =
  'The login must be renewed, but platform.claude.com, which renews it, is unreachable or failing. The login itself may still be valid.';

/** Remembers what the last conclusive run showed about the login. A changed credential starts as unknown. */
export class LoginStatus {
  readonly credential: CredentialSource;
  #last: { readonly login: LoginState; readonly version: string } | undefined;

  constructor(credential: CredentialSource) {
    this.credential = credential;
  }

  /**
   * Corrects the outcome of a run whose login could not be renewed: the CLI reports it as failed authentication, although
   * the login may be valid.
   * @param apiStatus the HTTP status with which the API refused the run.
   * @param versionBefore the credential's version when the run started. If it differs now, the credential was renewed.
   */
  reclassify(result: RunResult, apiStatus: number | undefined, versionBefore: string): RunResult {
    if (result.outcome !== 'auth_failed' || this.credential.mode !== 'session') return result;
    const status = this.credential.status();
    if (versionBefore !== status.version || !couldNotRefresh(status, apiStatus)) return result;
    return { ...result, outcome: 'unavailable', error: [result.error, NOT_RENEWED].filter(Boolean).join(' ') };
  }

  /**
   * Learns from the result of a run. Most failures say nothing about the login.
   * @param result as {@link reclassify} returns it.
   * @returns what the run shows about the login, if anything.
   */
  observe(result: RunResult): (LoginState & { state: KnownState }) | undefined {
    const state = STATE_OF[result.outcome];
    if (state === undefined) return undefined;
    const login = {
      state,
      detail: result.error ?? 'A prompt was answered.',
      seenAt: new Date().toISOString(),
      ...(result.resetsAt !== undefined && { resetsAt: result.resetsAt }),
    };
    this.learn(login);
    return login;
  }

  /** Learns what was shown about the current credential. */
  learn(login: LoginState): void {
    this.#last = { login, version: this.credential.status().version };
  }

  /** What is known now, and what the credential says about itself. */
  get current(): { login: LoginState; credential: CredentialStatus } {
    const credential = this.credential.status();
    return { login: this.#loginFor(credential), credential };
  }

  #loginFor(credential: CredentialStatus): LoginState {
    if (!credential.present) return { state: 'auth_failed', detail: credential.problem ?? 'No credential.' };
    // A refresh replaces the credential of a valid login, so a change alone does not reset the state.
    if (this.#last && (this.#last.version === credential.version || this.#last.login.state === 'ok')) {
      return this.#last.login;
    }
    return { state: 'unknown', detail: 'This credential has not been used yet.' };
  }
}

/** A refused refresh empties the login. If the login is intact after a 401, the refresh failed because of the network. */
function couldNotRefresh({ present, refreshable }: CredentialStatus, apiStatus: number | undefined): boolean {
  return apiStatus === 401 && present && refreshable;
}
