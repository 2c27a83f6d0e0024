/**
 * Names and numbers that the watchdog shares with the stack. No code, no imports: the stack reads this file to wire the
 * CronJob, and nothing else of the watchdog.
 * @module
 */

/** Every setting of the watchdog by its environment variable; `watchdog/settings.ts` is their only reader. */
export const WATCHDOG_ENV = {
  /** Base URL of the agent, without a path. */
  agentUrl: 'WATCHDOG_AGENT_URL',
  /** File that holds the bearer token for `POST /auth/check`. */
  tokenFile: 'WATCHDOG_TOKEN_FILE',
  /** Where Claude's credential comes from, for saying how to renew it. */
  authMode: 'WATCHDOG_AUTH_MODE',
  /** Seconds to wait for one answer; the agent's probe itself may take 90. */
  timeoutSeconds: 'WATCHDOG_TIMEOUT_SECONDS',
  /** How often to ask before an agent that can't be reached counts as down. */
  attempts: 'WATCHDOG_ATTEMPTS',
  /** Seconds between two attempts. */
  pauseSeconds: 'WATCHDOG_PAUSE_SECONDS',
} as const;

/** Where Claude's credential comes from. */
export const CREDENTIAL_KINDS = ['session', 'oauthToken', 'apiKey', 'federation'] as const;

/** One of {@link CREDENTIAL_KINDS}. */
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

/** What the watchdog assumes where a setting is not given. */
export const WATCHDOG_DEFAULTS = { timeoutSeconds: 100, attempts: 3, pauseSeconds: 10 } as const;

/** Exit codes of one pass: 57 means "log in again" and nothing else does. */
export const WATCHDOG_EXIT = { ok: 0, authFailed: 57, notOk: 1 } as const;
