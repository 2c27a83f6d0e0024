import type { AuthState, Outcome } from '../contract.ts';
import type { CredentialSource, CredentialStatus } from '../claude/credential.ts';
import type { RunResult } from './run.ts';

/** What is known of the login, from what runs met. Times are ISO 8601. */
export interface LoginState {
  /** `unknown` until something was tried with the credential as it is now. */
  readonly state: Exclude<AuthState, 'busy'> | 'unknown';
  readonly detail: string;
  /** When a run last met this state. */
  readonly seenAt?: string;
  /** For `usage_limited`. */
  readonly resetsAt?: string;
}

const STATE_OF: Record<Outcome, LoginState['state'] | undefined> = {
  succeeded: 'ok',
  auth_failed: 'auth_failed',
  usage_limited: 'usage_limited',
  unavailable: 'outage',
  failed: undefined,
  timed_out: undefined,
  cancelled: undefined,
  interrupted: undefined,
};

/** Remembers what the last telling run said about the login. A credential that changed since then begins anew. */
export class LoginEvidence {
  readonly credential: CredentialSource;
  #last: { readonly login: LoginState; readonly version: string } | undefined;

  constructor(credential: CredentialSource) {
    this.credential = credential;
  }

  /** Takes what a run tells; most failures tell nothing. */
  learn(result: RunResult, now = new Date()): void {
    const state = STATE_OF[result.outcome];
    if (state === undefined) return;
    this.#last = {
      login: {
        state,
        detail: result.error ?? 'A prompt was answered.',
        seenAt: now.toISOString(),
        ...(result.resetsAt !== undefined && { resetsAt: result.resetsAt }),
      },
      version: this.credential.status().version,
    };
  }

  /** What is known now, with what the credential says of itself. */
  get current(): { login: LoginState; credential: CredentialStatus } {
    const credential = this.credential.status();
    return { login: this.#loginFor(credential), credential };
  }

  #loginFor(credential: CredentialStatus): LoginState {
    if (!credential.present) return { state: 'auth_failed', detail: credential.problem ?? 'There is no credential.' };
    // A refresh replaces the credential of a login that works, so a change alone does not end what is known of it.
    if (this.#last && (this.#last.version === credential.version || this.#last.login.state === 'ok')) {
      return this.#last.login;
    }
    return { state: 'unknown', detail: 'Nothing was tried with this credential yet.' };
  }
}
