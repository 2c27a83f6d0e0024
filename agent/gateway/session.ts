import type { Log } from '../log.ts';
import { RENEWED_BEFORE_END_MS, type LoginCustody } from '../login/login-custody.ts';
import { bearer, CredentialError, UNAUTHENTICATED, type AuthHeader, type GatewayCredential } from './credential.ts';

/** A token with less time than this may end before the API has checked it, in milliseconds. */
const MAY_END_ON_THE_WAY_MS = 10_000;
/** How long to wait after a renewal that failed: each takes a process of the CLI. */
const AFTER_FAILURE_MS = 10_000;

/** What a {@link SessionCredential} needs. */
export interface SessionParts {
  readonly login: Pick<LoginCustody, 'current' | 'expire'>;
  /** Has the agent's own CLI renew a login that ends within five minutes. Settles when the CLI has ended. */
  readonly renew: () => Promise<void>;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

/** The agent's own login. Its refresh token is used by the agent's own CLI alone. */
export class SessionCredential implements GatewayCredential {
  readonly #parts: SessionParts;
  #renewal: Promise<void> | undefined;
  #failedAt = -Infinity;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  async header(): Promise<AuthHeader> {
    const left = (this.#parts.login.current()?.expiresAt ?? Infinity) - Date.now();
    if (left <= RENEWED_BEFORE_END_MS) {
      const renewal = this.#renew();
      if (left <= MAY_END_ON_THE_WAY_MS) await renewal;
    }
    const header = this.#header();
    if (!header) throw new CredentialError('The agent has no login.', UNAUTHENTICATED);
    return header;
  }

  async refused({ value }: AuthHeader): Promise<void> {
    await this.#renewal;
    const { login, log } = this.#parts;
    try {
      if (this.#header()?.value !== value) return;
      // A concurrent call may have started a renewal.
      if (!this.#renewal) login.expire();
    } catch (error) {
      log.warn({ err: error }, 'the login cannot be marked as expired');
    }
    await this.#renew();
  }

  #header(): AuthHeader | undefined {
    const token = this.#parts.login.current()?.accessToken;
    return token === undefined ? undefined : bearer(token);
  }

  #renew(): Promise<void> {
    if (performance.now() < this.#failedAt + AFTER_FAILURE_MS) return Promise.resolve();
    this.#renewal ??= this.#renewOnce().finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  async #renewOnce(): Promise<void> {
    const { login, renew, log } = this.#parts;
    try {
      const before = login.current()?.accessToken;
      await renew();
      if (login.current()?.accessToken !== before) {
        log.info({}, 'the login was renewed');
        return;
      }
      log.warn({}, 'claude did not renew the login');
    } catch (error) {
      log.warn({ err: error }, 'the login cannot be renewed');
    }
    this.#failedAt = performance.now();
  }
}
