import type { AuthState, Outcome } from '../contract.ts';
import type { CredentialSource, CredentialStatus } from './credential.ts';
import type { RunResult } from '../store/run.ts';

/** What a run can tell of the login. */
export type KnownState = Exclude<AuthState, 'busy'>;

/** What is known of the login, from what runs met. Times are ISO 8601. */
export interface LoginState {
  /** `unknown` until something was tried with the credential as it is now. */
  readonly state: KnownState | 'unknown';
  readonly detail: string;
  /** When a run last met this state. */
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

/** Remembers what the last telling run said about the login. A credential that changed since then begins anew. */
export class LoginStatus {
  readonly credential: CredentialSource;
  #last: { readonly login: LoginState; readonly version: string } | undefined;

  constructor(credential: CredentialSource) {
    this.credential = credential;
  }

  /**
   * What a run says of the login, where the CLI alone can't tell: it calls a login that it could not renew a failed one,
   * though the login may be good.
   * @param apiStatus the HTTP status by which the API refused the run.
   * @param versionBefore of the credential, when the run began: another one afterwards means that it was renewed.
   */
  reclassify(result: RunResult, apiStatus: number | undefined, versionBefore: string): RunResult {
    if (result.outcome !== 'auth_failed' || this.credential.mode !== 'session') return result;
    const status = this.credential.status();
    if (versionBefore !== status.version || !couldNotRefresh(status, apiStatus)) return result;
    return { ...result, outcome: 'unavailable', error: [result.error, NOT_RENEWED].filter(Boolean).join(' ') };
  }

  /**
   * Takes what a run tells; most failures tell nothing.
   * @param result as {@link reclassify} gives it.
   * @returns what the run says of the login, if anything.
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
    this.#last = { login, version: this.credential.status().version };
    return login;
  }

  /** What is known now, with what the credential says of itself. */
  get current(): { login: LoginState; credential: CredentialStatus } {
    const credential = this.credential.status();
    return { login: this.#loginFor(credential), credential };
  }

  #loginFor(credential: CredentialStatus): LoginState {
    if (!credential.present) return { state: 'auth_failed', detail: credential.problem ?? 'No credential.' };
    // A refresh replaces the credential of a login that works, so a change alone does not end what is known of it.
    if (this.#last && (this.#last.version === credential.version || this.#last.login.state === 'ok')) {
      return this.#last.login;
    }
    return { state: 'unknown', detail: 'This credential has not been used yet.' };
  }
}

/** A refused refresh empties the login. After a 401, a login that is still whole could not be refreshed: a network matter. */
function couldNotRefresh({ present, refreshable }: CredentialStatus, apiStatus: number | undefined): boolean {
  return apiStatus === 401 && present && refreshable;
}
