import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ClaudeConfigurations, ProcessConfiguration } from '../claude/configuration.ts';
import type { ProcessTrace } from '../claude/process-trace.ts';
import type { RunUsage } from '../claude/run-usage.ts';
import { PROCESS_FOLDERS } from '../contract.ts';
import type { ConversationStore } from '../conversations/store.ts';
import { findConversations, PROJECTS } from '../conversations/transcripts.ts';
import type { Log } from '../log.ts';
import type { Custody } from './custody.ts';
import type { LoginCustody } from './login-custody.ts';
import { CONFIG_ON_RUNNER, OpenConfiguration } from './process-configuration.ts';
import { discardFolder, type Users } from './restore-folder.ts';

/** What {@link Configurations} needs. */
export interface ConfigurationPlaces {
  readonly stateDir: string;
  /** A configuration folder: of all processes, or of whoever uses `claude` beside the agent. */
  readonly configDir: string;
  /** The variables that point a process to `configDir`. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Whether each process has a configuration folder of its own. Not where the login is a file in it: copies of the file
   * would be renewed by several processes, and each renewal invalidates the other copies.
   */
  readonly ownFolders: boolean;
  /**
   * For processes on runners, which have a folder of their own: lets one of them call the API.
   * @returns the variables for that, and what ends it.
   */
  readonly admit?: (sessionId: string) => Admission;
  /** Takes the spans of a process; undefined if there are none. */
  readonly trace?: ((sessionId: string) => ProcessTrace) | undefined;
  /** Whether the processes that it admits are beside the agent. */
  readonly isBeside?: boolean;
  /** Restores what belongs to the agent; undefined if all of it belongs to a person. */
  readonly custody: Custody | undefined;
  /** Undefined if the conversations belong to a person. They stay in `configDir`. */
  readonly conversations: ConversationStore | undefined;
  readonly log: Log;
}

/** What lets a process on a runner call the API, until it is ended. */
export interface Admission {
  readonly environment: Readonly<Record<string, string>>;
  /** What its calls have used so far. */
  readonly usage: RunUsage | undefined;
  /** May be called more than once. */
  end(): void;
}

/** The configuration folder that processes share, or one for each. */
export class Configurations implements ClaudeConfigurations {
  readonly #places: ConfigurationPlaces;
  readonly #open = new Set<OpenConfiguration>();

  constructor(places: ConfigurationPlaces) {
    this.#places = places;
  }

  /** The agent's own conversations; undefined if they belong to a person. */
  get store(): ConversationStore | undefined {
    return this.#places.conversations;
  }

  /** The agent's own login; undefined if there is none. */
  get login(): LoginCustody | undefined {
    return this.#places.custody?.login;
  }

  /** @see ConfigurationPlaces.custody */
  get custody(): Custody | undefined {
    return this.#places.custody;
  }

  /** The configuration folder of the agent's own processes, with its login. */
  get dir(): string {
    return this.#places.configDir;
  }

  /** The variables that point a process of the agent's own to its login. */
  get environment(): Readonly<Record<string, string>> {
    return this.#places.environment;
  }

  /** @see Custody.takeAccount */
  takeAccount(): boolean {
    return this.#places.custody?.takeAccount() ?? false;
  }

  /** For a process beside the agent that calls the API as those on runners do. */
  get beside(): Configurations {
    return new Configurations({ ...this.#places, isBeside: true });
  }

  get sharedDir(): string | undefined {
    return this.#places.ownFolders ? undefined : this.#places.configDir;
  }

  get isMetered(): boolean {
    return this.#places.admit !== undefined;
  }

  open(sessionId: string, workdir: string): ProcessConfiguration {
    const { custody, conversations, ownFolders, configDir, environment, admit, trace, isBeside = false } = this.#places;
    const { log } = this.#places;
    custody?.restore(this.#users);
    const admission = admit?.(sessionId);
    const given = admission ? custody?.givenWithAccount : custody?.given;
    const dir = ownFolders ? this.#newFolder(given) : configDir;
    const traced = trace?.(sessionId);
    const isSent = admission !== undefined && !isBeside;
    const opened = new OpenConfiguration({
      dir,
      sharedDir: configDir,
      environment: {
        ...(ownFolders ? { CLAUDE_CONFIG_DIR: isSent ? CONFIG_ON_RUNNER : dir } : environment),
        ...admission?.environment,
      },
      admission,
      trace: traced,
      isSent,
      sessionId,
      workdir,
      conversations,
      login: ownFolders ? undefined : custody?.login,
      log,
      onEnd: (isTaken) => {
        this.#open.delete(opened);
        admission?.end();
        traced?.end();
        this.#restoreAfter(dir, isTaken);
      },
    });
    this.#open.add(opened);
    return opened;
  }

  async recover(): Promise<void> {
    const { conversations, configDir, log } = this.#places;
    if (!conversations) return;
    const folders = this.#leftovers();
    for (const folder of [configDir, ...folders]) {
      try {
        await conversations.takeFrom(path.join(folder, PROJECTS));
        if (folder !== configDir) this.#discard(folder);
      } catch (error) {
        log.error({ err: error, folder }, 'conversations of earlier runs cannot be moved to the store');
      }
    }
  }

  async has(sessionId: string): Promise<boolean> {
    const { conversations, configDir } = this.#places;
    if ((await conversations?.has(sessionId)) === true) return true;
    return (await findConversations(path.join(configDir, PROJECTS), sessionId)).length > 0;
  }

  close(): void {
    const { custody, log } = this.#places;
    try {
      custody?.login?.reconcile('people');
    } catch (error) {
      log.error({ err: error }, 'the login cannot be checked or restored');
    }
  }

  get #users(): Users {
    if (this.#open.size === 0) return 'none';
    return [...this.#open].some(({ hasBegun }) => hasBegun) ? 'runs' : 'waiting';
  }

  get #parent(): string {
    return path.join(this.#places.stateDir, PROCESS_FOLDERS);
  }

  #newFolder(given: ReadonlyMap<string, Buffer> = new Map()): string {
    const folder = path.join(this.#parent, randomUUID());
    for (const [name, content] of given) {
      const file = path.join(folder, name);
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
    }
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  #leftovers(): string[] {
    mkdirSync(this.#parent, { recursive: true, mode: 0o700 });
    return readdirSync(this.#parent).map((name) => path.join(this.#parent, name));
  }

  /** A folder whose conversation could not be moved stays for {@link recover}. */
  #restoreAfter(dir: string, isTaken: boolean): void {
    const { custody, ownFolders, log } = this.#places;
    try {
      custody?.restore(this.#users);
      if (ownFolders && isTaken) this.#discard(dir);
    } catch (error) {
      log.error({ err: error }, 'the configuration of claude cannot be restored');
    }
  }

  #discard(folder: string): void {
    discardFolder(folder, this.#places.stateDir, this.#places.log);
  }
}
