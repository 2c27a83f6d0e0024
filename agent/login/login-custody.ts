import { lstatSync, rmSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { isTime } from './credential.ts';
import { readOwnFile, writeOwnFile } from '../workspace/own-files.ts';
import type { ApiError } from '../claude/transcript.ts';
import type { Log } from '../log.ts';

/** `claude` renews an access token that expires within this time, and one that the API refuses with 401. */
export const RENEWED_BEFORE_END_MS = 5 * 60_000;
/** An access token lasts eight hours. One that expires later than this does not come from a renewal. */
const LONGEST_LIFE_MS = 30 * 86_400_000;
const MAX_CHARS = 65_536;
/** In one turn, the event loop reads at least a pipe's 64 kB from each pipe. */
const PIPE_TURNS = 2;
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

/** An access token of a login. */
export interface AccessToken {
  /** A secret. */
  readonly accessToken: string;
  /** Milliseconds since the epoch; undefined if the login does not say it. */
  readonly expiresAt: number | undefined;
}

/** Stores the valid login across restarts. */
export interface KeptLogin {
  /** The text of the login file; undefined before there was one. */
  read(): string | undefined;
  /** @throws if it cannot be written. */
  keep(login: string): void;
}

/** What one run in progress has heard of the login. */
interface Hearing {
  /** The API refused the access token, and has not answered this run since. */
  isRefused: boolean;
  /** Why the API refused the last request; undefined after an answer. */
  lastError: ApiError | undefined;
  /** The last refusal of another login than the kept one: before a renewal, or of a foreign one. */
  settled: ApiError | undefined;
}

/** A run in progress, which `claude` may renew the login for. */
export interface LoginWatch {
  /**
   * Call after each event of `claude`.
   * @param apiError why the API refused the last request; undefined after an answer.
   * @throws if the login cannot be recorded.
   */
  heard(apiError: ApiError | undefined): void;
  /** Call when no process of the run is left. Rejects if the login cannot be read or restored. */
  end(): Promise<void>;
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
 *
 * All runs in progress share the file, and nothing tells which of them changed it. `claude` itself locks it: of several
 * processes one renews, and the others use the new login.
 * - Each run has its own refusal. An answer to one does not end the refusal of another, whose renewal may be about to come.
 *   A refusal ends with the run, and with a renewal, because it concerned the login before.
 * - `claude` reports a refusal before it renews. So a change that no report explains, after all that were written by then
 *   are read, is foreign. Until it is undone, no refusal and no renewal counts: it is that of the foreign login, which
 *   another run may have come upon. Otherwise a prompt could write a login that the API refuses, to have the next accepted.
 * - A run that ends restores the login even if others go on.
 */
export class LoginCustody {
  readonly #file: string;
  readonly #kept: KeptLogin;
  readonly #log: Pick<Log, 'warn'>;
  readonly #hearings = new Set<Hearing>();
  #seen = '';
  /**
   * Whether the file as last seen has another login than the kept one, and without a reason: 'suspect' until everything that
   * `claude` had written by then is read.
   */
  #change: 'none' | 'suspect' | 'foreign' = 'none';

  /** @param file the `.credentials.json` that `claude` uses. */
  constructor(file: string, kept: KeptLogin, log: Pick<Log, 'warn'>) {
    this.#file = file;
    this.#kept = kept;
    this.#log = log;
  }

  /** Call when a run starts. @throws if the login cannot be read or restored. */
  begin(): LoginWatch {
    if (this.#hearings.size === 0) this.reconcile('people');
    const hearing: Hearing = { isRefused: false, lastError: undefined, settled: undefined };
    this.#hearings.add(hearing);
    return {
      heard: (apiError) => this.#heard(hearing, apiError),
      end: () => this.#end(hearing),
    };
  }

  /**
   * Call when no run is in progress: accepts a valid login, and replaces any other by the last valid one.
   * @param byWhom who may have changed it: `a run`, or only `people`.
   * @throws if it cannot be read or written.
   */
  reconcile(byWhom: 'a run' | 'people'): void {
    this.#look();
    if (this.#change === 'none') return;
    if (byWhom === 'people' && this.#take(this.#text())) return;
    this.#log.warn({ file: this.#file }, 'the login file changed without a renewal and was restored');
    const login = this.#kept.read();
    if (login === undefined) rmSync(this.#file, { recursive: true, force: true });
    else writeOwnFile(this.#file, login);
    this.#change = 'none';
  }

  /**
   * The access token to use now. With no run in progress, a change of the file is accepted or undone first.
   * @returns undefined if there is no login.
   * @throws if the login cannot be read or restored.
   */
  current(): AccessToken | undefined {
    if (this.#hearings.size === 0) this.reconcile('people');
    const tokens = tokensIn(this.#text());
    if (!tokens || tokens.accessToken === '') return undefined;
    return { accessToken: tokens.accessToken, expiresAt: tokens.expiresAt ?? undefined };
  }

  /**
   * Marks the login as expired, so that `claude` renews it. Call when the API refuses the access token and no run is in
   * progress that could renew it. Does nothing if there is no login.
   * @throws if it cannot be read or written.
   */
  expire(): void {
    const login = this.#text();
    if (login === undefined || !tokensIn(login)?.accessToken) return;
    const { claudeAiOauth, ...others } = JSON.parse(login) as { claudeAiOauth: object };
    const expired = JSON.stringify({ ...others, claudeAiOauth: { ...claudeAiOauth, expiresAt: Date.now() } });
    this.#kept.keep(expired);
    writeOwnFile(this.#file, expired);
  }

  /**
   * Replaces the login by one that a person made. Runs in progress use it from their next request on.
   * @throws if it cannot be written.
   */
  replace(login: string): void {
    this.#keep(login);
    writeOwnFile(this.#file, login);
  }

  #heard(hearing: Hearing, apiError: ApiError | undefined): void {
    hearing.lastError = apiError;
    if (this.#change === 'foreign') hearing.settled = apiError;
    if (apiError === undefined) hearing.isRefused = false;
    else if (apiError.status === REFUSED && apiError !== hearing.settled) hearing.isRefused = true;
    this.#look();
  }

  async #end(hearing: Hearing): Promise<void> {
    try {
      if (this.#hearings.size > 1) await readPipes();
      this.reconcile('a run');
    } finally {
      this.#hearings.delete(hearing);
    }
  }

  /** Reads the file if it changed, and accepts a renewal. */
  #look(): void {
    const state = this.#state();
    const isNew = state !== this.#seen;
    if (!isNew && this.#change !== 'suspect') return;
    const text = this.#text();
    if (text === this.#kept.read()) this.#change = 'none';
    else if (this.#change !== 'foreign' && !(this.#mayBeRenewed() && this.#take(text)) && isNew) this.#suspect(state);
    // Not before: a renewal that could not be recorded is looked at again.
    this.#seen = state;
  }

  #suspect(state: string): void {
    this.#change = 'suspect';
    void readPipes().then(() => {
      if (this.#change === 'suspect' && this.#seen === state) this.#change = 'foreign';
    });
  }

  #state(): string {
    const stats = lstatSync(this.#file, { throwIfNoEntry: false });
    return stats ? `${stats.ino}/${stats.ctimeMs}/${stats.size}` : 'none';
  }

  #text(): string | undefined {
    return readOwnFile(this.#file)?.toString('utf8');
  }

  #mayBeRenewed(): boolean {
    if ([...this.#hearings].some(({ isRefused }) => isRefused)) return true;
    const held = tokensIn(this.#kept.read());
    return !held || held.accessToken === '' || endOf(held) < Date.now() + RENEWED_BEFORE_END_MS;
  }

  /** @returns whether it was accepted. */
  #take(text: string | undefined): boolean {
    if (text === undefined || !canBeLeftByClaude(text, tokensIn(this.#kept.read()))) return false;
    this.#keep(text);
    return true;
  }

  /** What runs in progress have heard concerns the login before. */
  #keep(login: string): void {
    this.#kept.keep(login);
    this.#change = 'none';
    for (const hearing of this.#hearings) {
      hearing.isRefused = false;
      hearing.settled = hearing.lastError;
    }
  }
}

/** Settles when what processes had written by now is read: in a turn of the event loop, timers come before pipes. */
async function readPipes(): Promise<void> {
  for (let turn = 0; turn < PIPE_TURNS; turn += 1) await setImmediate();
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
