import { rmSync } from 'node:fs';
import path from 'node:path';
import type { NewLogin, NewLoginReport } from '../../http/api/login.ts';
import type { LoginReport } from '../../http/api/state.ts';
import { isFileError } from '../../workspace/own-files.ts';
import {
  CodeError,
  LoginNotPossibleError,
  LoginUnavailableError,
  NoSuchLoginError,
  WouldReplaceError,
} from './errors.ts';
import { LoginAttempt, type Finding, type LoginAttemptParts } from './login-attempt.ts';
import type { LoginTarget } from './login-target.ts';
import { codeFrom } from './pasted-code.ts';

/** The folder in the state folder with the configuration folders of open logins. */
const FOLDER = 'new-logins';
/** How long a login stays open. */
export const LIFETIME_MS = 10 * 60_000;
/** How many ended logins are remembered, to explain what became of them. */
const REMEMBERED = 20;

const START_AGAIN = 'Start a new login.';
/** Why a login ended, for whoever still has its id. */
const ENDS = {
  newer: 'A newer login was started, so codes for the earlier address no longer work.',
  expired: `The login was not completed within ten minutes. ${START_AGAIN}`,
  cancelled: `The login was cancelled. ${START_AGAIN}`,
  shutdown: 'The agent is shutting down. Start a new login when it is back.',
  failed: `The login has failed. ${START_AGAIN}`,
  replaced: 'The login is complete.',
} as const;
type End = keyof typeof ENDS;

/** What {@link LoginAttempts} needs. */
export interface LoginAttemptsParts extends LoginAttemptParts {
  readonly stateDir: string;
  /** Whether no run is on this machine. Otherwise whoever recovers runs kills what is left of logins, too. */
  readonly runsAreElsewhere: boolean;
  readonly target: LoginTarget;
  /** Called when the login has been replaced. */
  readonly onReplaced: (finding: Finding) => void;
  /** The report of a finding. */
  readonly reportOf: (finding: Finding) => LoginReport;
  /** How long a login stays open, in milliseconds; default ten minutes. */
  readonly lifetimeMs?: number;
}

/** What people see of logins: the open one, and what became of the last one. */
export interface LoginAttemptsView {
  readonly problem: string | undefined;
  readonly personsFile: string | undefined;
  readonly open: (NewLogin & { readonly isTried: boolean }) | undefined;
  readonly news: { readonly isGood: boolean; readonly text: string } | undefined;
}

/** The one open login. */
interface Open {
  readonly attempt: LoginAttempt;
  /** Undefined until the CLI has printed the address. */
  login: NewLogin | undefined;
  timer: NodeJS.Timeout | undefined;
  /** While a code is being tried. */
  submission: Promise<NewLoginReport> | undefined;
}

/**
 * Logs in with the agent's own CLI: it gives the address of Anthropic's login page and takes the code that the page shows.
 * One login is open at a time. It has a configuration folder of its own, and replaces the login in use only when it has
 * answered a prompt. Neither an address nor a code is ever logged.
 */
export class LoginAttempts {
  readonly #parts: LoginAttemptsParts;
  readonly #folder: string;
  readonly #ends = new Map<string, End>();
  readonly #leaving = new Set<Promise<void>>();
  #current: Open | undefined;
  #latest: (NonNullable<LoginAttemptsView['news']> & { readonly at: number }) | undefined;
  #closed = false;

  constructor(parts: LoginAttemptsParts) {
    this.#parts = parts;
    this.#folder = path.join(parts.stateDir, FOLDER);
  }

  /** Call before the first start: removes what a killed agent left. Never rejects. */
  async recover(): Promise<void> {
    const { host, instanceId, runsAreElsewhere, log } = this.#parts;
    try {
      if (runsAreElsewhere) await host.killLeftovers(instanceId);
      rmSync(this.#folder, { recursive: true, force: true });
    } catch (error) {
      log.error({ err: error, folder: this.#folder }, 'what is left of an earlier login cannot be removed');
    }
  }

  get view(): LoginAttemptsView {
    const { problem, personsFile } = this.#parts.target;
    return {
      problem,
      personsFile,
      open: this.#current?.login && { ...this.#current.login, isTried: this.#current.submission !== undefined },
      news: this.#news,
    };
  }

  /**
   * Starts a login. An open one ends.
   * @param replace whether it may replace the login of a person.
   * @throws {LoginNotPossibleError | WouldReplaceError | LoginUnavailableError}
   */
  async start(replace: boolean): Promise<NewLogin> {
    const { target, lifetimeMs = LIFETIME_MS, log } = this.#parts;
    if (this.#closed) throw new LoginUnavailableError(ENDS.shutdown);
    if (target.problem !== undefined) throw new LoginNotPossibleError(target.problem);
    if (target.personsFile !== undefined && !replace) {
      throw new WouldReplaceError(
        `A new login would replace the one in ${target.personsFile}, which is not the agent's own. To do that, send {"replace": true}.`,
      );
    }
    const earlier = this.#current;
    if (earlier) this.#end(earlier, 'newer');
    const open = this.#open();
    this.#announce(earlier && ENDS.newer);
    const { id, process } = open.attempt;
    const url = await process.address.catch((error: unknown) => {
      this.#assertOpen(open, LoginUnavailableError);
      this.#end(open, 'failed');
      throw this.#tell(new LoginUnavailableError(`No login can be started: ${(error as Error).message}. Try again.`));
    });
    this.#assertOpen(open, LoginUnavailableError);
    const expiresAt = new Date(Date.now() + lifetimeMs).toISOString();
    open.timer = setTimeout(() => this.#end(open, 'expired'), lifetimeMs).unref();
    open.login = { id, url, expiresAt };
    log.info({ login: id, expiresAt }, 'a login was started');
    return open.login;
  }

  /**
   * Completes a login. Concurrent calls share the first one's result.
   * @param pasted see {@link codeFrom}.
   * @returns the state of the new login; if it is not `ok`, the earlier login stays.
   * @throws {NoSuchLoginError | CodeError | LoginUnavailableError}
   */
  async submit(id: string, pasted: string): Promise<NewLoginReport> {
    const open = this.#find(id);
    open.submission ??= this.#submit(open, codeFrom(pasted)).finally(() => (open.submission = undefined));
    return open.submission;
  }

  /** Cancels a login. @throws {NoSuchLoginError} */
  cancel(id: string): void {
    this.#end(this.#find(id), 'cancelled');
    this.#announce(undefined);
  }

  /** Ends an open login. Settles when nothing of it is left; never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#current) this.#end(this.#current, 'shutdown');
    await Promise.all(this.#leaving);
  }

  #open(): Open {
    try {
      const attempt = new LoginAttempt(this.#folder, this.#parts);
      const open: Open = { attempt, login: undefined, timer: undefined, submission: undefined };
      void attempt.process.ended.then(() => {
        if (open.login && !open.submission) this.#end(open, 'failed');
      });
      this.#current = open;
      return open;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw this.#tell(new LoginUnavailableError(`No login can be started: ${error.message}. Try again.`));
    }
  }

  #find(id: string): Open {
    if (this.#current?.attempt.id === id) return this.#current;
    const end = this.#ends.get(id);
    throw this.#tell(
      new NoSuchLoginError(
        end ? ENDS[end] : `There is no such login: it has ended, or the agent was restarted. ${START_AGAIN}`,
      ),
    );
  }

  #assertOpen(open: Open, Kind: new (text: string) => Error = NoSuchLoginError): void {
    if (this.#current !== open) throw new Kind(ENDS[this.#ends.get(open.attempt.id) ?? 'newer']);
  }

  async #submit(open: Open, code: string): Promise<NewLoginReport> {
    const { log } = this.#parts;
    const { id, process } = open.attempt;
    const answer = await process.submit(code);
    this.#assertOpen(open);
    const about = { login: id };
    switch (answer.what) {
      case 'accepted':
        return this.#finish(open);
      case 'asks again':
        log.info(about, 'the code of a login is incomplete');
        throw this.#tell(
          new CodeError('This is not the whole code. Copy all of it, with the # in the middle, and send it again.'),
        );
      case 'refused':
        log.warn(about, 'the code of a login was refused');
        this.#end(open, 'failed');
        throw this.#tell(
          new CodeError(
            `Anthropic did not accept the code: it is wrong, expired or used, or is for an earlier address. ${START_AGAIN}`,
          ),
        );
      case 'failed':
        log.warn(about, 'claude could not complete a login');
        this.#end(open, 'failed');
        throw this.#tell(
          new LoginUnavailableError(
            `claude could not complete the login (${answer.why}). The login in use did not change. Check that platform.claude.com can be reached, and start a new login.`,
          ),
        );
    }
  }

  /** Tries the login that the CLI has left, and replaces the one in use. */
  async #finish(open: Open): Promise<NewLoginReport> {
    try {
      return await this.#tryAndReplace(open);
    } catch (error) {
      if (!(error instanceof NoSuchLoginError)) this.#end(open, 'failed');
      if (!isFileError(error)) throw error;
      throw this.#tell(
        new LoginUnavailableError(`The new login cannot be written (${error.code ?? error.message}). ${START_AGAIN}`),
      );
    }
  }

  async #tryAndReplace(open: Open): Promise<NewLoginReport> {
    const { target, onReplaced, reportOf, log } = this.#parts;
    const { id } = open.attempt;
    const tried = await open.attempt.try();
    this.#assertOpen(open);
    if (!tried) {
      this.#end(open, 'failed');
      throw this.#tell(new LoginUnavailableError(`claude left no login. ${START_AGAIN}`));
    }
    const { found, login, account } = tried;
    if (found.state !== 'ok') {
      const detail = `The new login is not used, because it did not answer a prompt: ${found.detail} The earlier login stays. ${START_AGAIN}`;
      log.warn({ login: id, state: found.state, cause: found.cause }, 'a new login did not answer a prompt');
      this.#end(open, 'failed');
      this.#announce(detail);
      return reportOf({ ...found, detail });
    }
    target.replace(login, account?.accountUuid);
    this.#end(open, 'replaced');
    log.info({ login: id }, 'the login was replaced');
    const emailAddress = account?.emailAddress;
    this.#announce(`Logged in${emailAddress === undefined ? '' : ` as ${emailAddress}`}.`, true);
    onReplaced(found);
    return { ...reportOf(found), ...(emailAddress !== undefined && { account: emailAddress }) };
  }

  #end(open: Open, why: End): void {
    const { attempt, timer } = open;
    const { id } = attempt;
    if (this.#ends.has(id)) return;
    const { log } = this.#parts;
    this.#ends.set(id, why);
    for (const oldest of [...this.#ends.keys()].slice(0, -REMEMBERED)) this.#ends.delete(oldest);
    if (this.#current === open) this.#current = undefined;
    clearTimeout(timer);
    if (why === 'expired' || why === 'failed') this.#announce(ENDS[why]);
    if (why !== 'replaced') log.info({ login: id, why }, 'a login was ended');
    const gone = attempt
      .remove()
      .catch((error: unknown) => log.error({ err: error, login: id }, 'what is left of a login cannot be removed'))
      .finally(() => this.#leaving.delete(gone));
    this.#leaving.add(gone);
  }

  /** Keeps what went wrong for the page. */
  #tell<E extends Error>(error: E): E {
    this.#announce(error.message);
    return error;
  }

  #announce(text: string | undefined, isGood = false): void {
    this.#latest = text === undefined ? undefined : { isGood, text, at: performance.now() };
  }

  get #news(): LoginAttemptsView['news'] {
    return this.#latest && performance.now() < this.#latest.at + LIFETIME_MS ? this.#latest : undefined;
  }
}
