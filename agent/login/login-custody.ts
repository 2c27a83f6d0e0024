import { lstatSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { isTime } from './credential.ts';
import { readOwnFile, writeOwnFile } from '../workspace/own-files.ts';
import type { ApiError } from '../claude/transcript.ts';
import type { Log } from '../log.ts';

/** `claude` renews an access token that expires within this time, and one that the API refuses with 401. */
const RENEWED_BEFORE_END_MS = 5 * 60_000;
/** An access token lasts eight hours. One that expires later than this does not come from a renewal. */
const LONGEST_LIFE_MS = 30 * 86_400_000;
const MAX_CHARS = 65_536;
/** The HTTP status with which the API refuses an access token. */
const REFUSED = 401;

/** What distinguishes logins. The CLI empties the tokens of a login that cannot be renewed. */
const loginFile = z.object({
  claudeAiOauth: z.object({
    accessToken: z.string(),
    refreshToken: z.string().nullish(),
    /** Milliseconds since the epoch. The CLI never renews a login without it. */
    expiresAt: z.number().nullish(),
  }),
});
type Tokens = z.output<typeof loginFile>['claudeAiOauth'];

/** Stores the valid login across restarts. */
export interface KeptLogin {
  /** The text of the login file; undefined before there was one. */
  read(): string | undefined;
  /** @throws if it cannot be written. */
  keep(login: string): void;
}

/**
 * Distinguishes a login that `claude` renewed from one that a prompt wrote, and restores the last valid one.
 *
 * A refresh token works once. If a renewal is not recognized, the operator has to log in again, while a malicious prompt
 * could use up the refresh token anyway. So every change that can be a renewal is accepted: the login was about to expire,
 * the API had refused it, or no run was in progress, so someone used `claude` outside the agent. The rest are changes
 * during a run although the previous login was valid, and `claude` never makes those. The file is checked after every event
 * of `claude`. A renewal happens before the answer that needed it, and so before anything that the answer does: a prompt
 * that overwrites a renewed login changes a valid one.
 */
export class LoginCustody {
  readonly #file: string;
  readonly #kept: KeptLogin;
  readonly #log: Pick<Log, 'warn'>;
  #seen = '';
  #isRefused = false;
  /** The refusal that led to the renewal says nothing about the new login. */
  #renewedAfter: ApiError | undefined;

  /** @param file the `.credentials.json` that `claude` uses. */
  constructor(file: string, kept: KeptLogin, log: Pick<Log, 'warn'>) {
    this.#file = file;
    this.#kept = kept;
    this.#log = log;
  }

  /**
   * Call when no process of a run exists: accepts a valid login, and replaces any other by the last valid one.
   * @param byWhom who may have changed it: `a run`, or only `people`.
   * @throws if it cannot be read or written.
   */
  reconcile(byWhom: 'a run' | 'people'): void {
    const text = this.#text();
    const login = this.#kept.read();
    if (text === login) return;
    if ((byWhom === 'people' || this.#mayBeRenewed()) && this.#take(text)) return;
    this.#log.warn({ file: this.#file }, 'the login file changed without a renewal and was restored');
    if (login === undefined) rmSync(this.#file, { recursive: true, force: true });
    else writeOwnFile(this.#file, login);
  }

  /**
   * Call after each event of `claude` during a run.
   * @param apiError why the API refused the last request; undefined after an answer.
   * @throws if the login cannot be recorded.
   */
  inspect(apiError: ApiError | undefined): void {
    if (apiError === undefined) this.#isRefused = false;
    else if (apiError.status === REFUSED && apiError !== this.#renewedAfter) this.#isRefused = true;
    if (this.#isAsSeen() || !this.#mayBeRenewed()) return;
    const text = this.#text();
    if (text !== this.#kept.read() && this.#take(text)) this.#renewedAfter = apiError;
  }

  #isAsSeen(): boolean {
    const stats = lstatSync(this.#file, { throwIfNoEntry: false });
    const now = stats ? `${stats.ino}/${stats.ctimeMs}/${stats.size}` : 'none';
    const isAsSeen = now === this.#seen;
    this.#seen = now;
    return isAsSeen;
  }

  #text(): string | undefined {
    return readOwnFile(this.#file)?.toString('utf8');
  }

  #mayBeRenewed(): boolean {
    const held = tokensIn(this.#kept.read());
    return this.#isRefused || !held || held.accessToken === '' || endOf(held) < Date.now() + RENEWED_BEFORE_END_MS;
  }

  /** @returns whether it was accepted. */
  #take(text: string | undefined): boolean {
    if (text === undefined || !canBeLeftByClaude(text, tokensIn(this.#kept.read()))) return false;
    this.#isRefused = false;
    this.#kept.keep(text);
    return true;
  }
}

/** Whether both tokens are new and the expiry is plausible, or the login is empty, which a refused renewal leaves. */
function canBeLeftByClaude(text: string, before: Tokens | undefined): boolean {
  const login = text.length > MAX_CHARS ? undefined : tokensIn(text);
  if (!login) return false;
  if (login.accessToken === '') return true;
  const isOther = login.accessToken !== before?.accessToken || login.refreshToken !== before.refreshToken;
  const endBefore = before?.expiresAt ?? 0;
  const latestStart = Math.max(Date.now(), isTime(endBefore) ? endBefore : 0);
  return isOther && (login.expiresAt ?? 0) <= latestStart + LONGEST_LIFE_MS;
}

function endOf({ expiresAt }: Tokens): number {
  return expiresAt ?? Infinity;
}

function tokensIn(text: string | undefined): Tokens | undefined {
  try {
    return loginFile.safeParse(JSON.parse(text ?? '')).data?.claudeAiOauth;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
