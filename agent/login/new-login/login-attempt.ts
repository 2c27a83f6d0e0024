import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { claudeEnvironment } from '../../claude/environment.ts';
import type { ProcessHost } from '../../claude/host.ts';
import type { ApiError } from '../../claude/transcript.ts';
import { CREDENTIALS_FILE } from '../../contract.ts';
import type { LoginReport } from '../../http/api/state.ts';
import type { Log } from '../../log.ts';
import { readOwnFile } from '../../workspace/own-files.ts';
import { accountIn } from '../account.ts';
import { loginIn } from '../credential.ts';
import { LoginCustody } from '../login-custody.ts';
import { LoginProcess } from './login-process.ts';

/** The time that the CLI may take for retries is a quarter of this, in milliseconds. */
const OWN_CLI_MS = 60_000;

/** What a trial of a login found: part of a report. */
export type Finding = Pick<LoginReport, 'state' | 'detail' | 'resetsAt' | 'cause'>;

/**
 * Tries a login with a prompt.
 * @param configDir the configuration folder that has it.
 * @param heard to be called after each event of `claude`.
 * @param signal ends the trial.
 */
export type LoginTrial = (
  configDir: string,
  heard: (error: ApiError | undefined) => void,
  signal: AbortSignal,
) => Promise<Finding>;

/** What a {@link LoginAttempt} needs. */
export interface LoginAttemptParts {
  /** This machine. */
  readonly host: ProcessHost;
  /** The executable of the CLI. */
  readonly claudePath: string;
  /** The agent's environment, of which the CLI gets a few variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Identifies the state folder in the marks of processes. */
  readonly instanceId: string;
  readonly tryLogin: LoginTrial;
  readonly log: Log;
}

/** A login that the CLI has left, and what its trial found. */
export interface TriedLogin {
  readonly found: Finding;
  /** The text of its login file; a secret. */
  readonly login: string;
  /** As the CLI found it out. */
  readonly account: ReturnType<typeof accountIn>;
}

/** One process of `claude auth login`, with a configuration folder of its own. */
export class LoginAttempt {
  readonly id = randomUUID();
  readonly process: LoginProcess;
  readonly #parts: LoginAttemptParts;
  readonly #folder: string;
  readonly #ending = new AbortController();
  #trial: Promise<unknown> | undefined;

  /**
   * @param parent the folder that the configuration folder is made in.
   * @throws if it cannot be made, or the CLI cannot be started; nothing is left then.
   */
  constructor(parent: string, parts: LoginAttemptParts) {
    const { host, claudePath, environment, instanceId } = parts;
    this.#parts = parts;
    this.#folder = path.join(parent, this.id);
    const mark = `${instanceId}/login-${this.id}`;
    // The agent may run on somebody's desktop, but the address is for whoever asked.
    const own = { CLAUDE_CONFIG_DIR: this.#folder, BROWSER: 'true' };
    const env = claudeEnvironment(environment, own, mark, OWN_CLI_MS);
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      const command = { file: claudePath, args: ['auth', 'login'], env, cwd: this.#folder, mark };
      this.process = new LoginProcess(command, host);
    } catch (error) {
      rmSync(this.#folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Tries the login that the CLI has left. @returns undefined if it has left none. */
  try(): Promise<TriedLogin | undefined> {
    const trial = this.#try();
    this.#trial = trial;
    return trial;
  }

  /** Ends it and what it started. Settles when nothing is left; rejects if something cannot be killed or removed. */
  async remove(): Promise<void> {
    this.#ending.abort();
    await this.process.kill();
    await this.#trial?.catch(() => undefined);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #try(): Promise<TriedLogin | undefined> {
    const { tryLogin, log } = this.#parts;
    const file = path.join(this.#folder, CREDENTIALS_FILE);
    let login = readOwnFile(file)?.toString('utf8');
    if (login === undefined || !loginIn(login)) return undefined;
    // A run next to the agent could write to the file. What the CLI itself renews counts.
    const kept = { read: () => login, keep: (text: string) => (login = text) };
    const watch = new LoginCustody(file, kept, log).begin();
    const found = await tryLogin(this.#folder, (error) => watch.heard(error), this.#ending.signal);
    await watch.end();
    return { found, login, account: accountIn(this.#folder) };
  }
}
