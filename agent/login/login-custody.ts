import { lstatSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { isTime } from './credential.ts';
import { readOwnFile, writeOwnFile } from '../workspace/own-files.ts';
import type { ApiError } from '../claude/transcript.ts';
import type { Log } from '../log.ts';

/** `claude` renews an access token that ends within this time, and one that the API refuses with 401. */
const RENEWED_BEFORE_END_MS = 5 * 60_000;
/** An access token lasts eight hours; none that ends later than this after its renewal came by one. */
const LONGEST_LIFE_MS = 30 * 86_400_000;
const MAX_CHARS = 65_536;
/** The HTTP status by which the API refuses an access token. */
const REFUSED = 401;

/** What tells one login from another. The CLI empties the tokens of a login that cannot be renewed. */
const loginFile = z.object({
  claudeAiOauth: z.object({
    accessToken: z.string(),
    refreshToken: z.string().nullish(),
    /** Milliseconds since the epoch. The CLI never renews a login that does not say. */
    expiresAt: z.number().nullish(),
  }),
});
type Tokens = z.output<typeof loginFile>['claudeAiOauth'];

/** Where the login that holds is kept over restarts. */
export interface KeptLogin {
  /** The text of the login file; undefined before there was one. */
  read(): string | undefined;
  /** @throws when it cannot be written. */
  keep(login: string): void;
}

/**
 * Tells a login that `claude` renewed from one that a prompt wrote, and puts the last one that holds back.
 *
 * A refresh token works once, so a renewal that is not taken for one costs the operator a new login, while a prompt that
 * wants to do harm can use the refresh token up anyway. So whatever can be a renewal counts: the login was about to end, or
 * the API had refused it, or no run was going on, so that somebody used `claude` beside the agent. What is left is a login
 * that changed during a run although the one before it was good, and `claude` renews none of those. The file is looked at
 * whenever `claude` says something. A renewal comes before the answer that it was needed for, and so before anything that
 * the answer does: what a prompt writes over a renewal changes a login that is good again.
 */
export class LoginCustody {
  readonly #file: string;
  readonly #kept: KeptLogin;
  readonly #log: Pick<Log, 'warn'>;
  #seen = '';
  #isRefused = false;
  /** The refusal after which the login was renewed says nothing of the new one. */
  #renewedAfter: ApiError | undefined;

  /** @param file the `.credentials.json` that `claude` uses. */
  constructor(file: string, kept: KeptLogin, log: Pick<Log, 'warn'>) {
    this.#file = file;
    this.#kept = kept;
    this.#log = log;
  }

  /**
   * No process of a run is there: takes a login that holds, and puts the last one back in place of any other.
   * @param byWhom `a run` may have changed it, or nobody but `people`.
   * @throws when it cannot be read or written.
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
   * A run goes on, and `claude` has said something.
   * @param apiError why the API refused the last request; undefined after an answer.
   * @throws when the login cannot be recorded.
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

  /** @returns whether it holds from now on. */
  #take(text: string | undefined): boolean {
    if (text === undefined || !canBeLeftByClaude(text, tokensIn(this.#kept.read()))) return false;
    this.#isRefused = false;
    this.#kept.keep(text);
    return true;
  }
}

/** Whether it is another pair of tokens, for a likely time, or an emptied login, which a refused renewal leaves. */
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
