import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { NoConversationError, type ProcessConfiguration } from '../claude/configuration.ts';
import { RUNNER_HOME, type ProcessFile } from '../claude/host.ts';
import type { ProcessTrace } from '../claude/process-trace.ts';
import type { RunUsage } from '../claude/run-usage.ts';
import type { ApiError } from '../claude/transcript.ts';
import type { ConversationStore } from '../conversations/store.ts';
import { findConversations, PROJECTS, TRANSCRIPT } from '../conversations/transcripts.ts';
import type { Log } from '../log.ts';
import type { LoginCustody, LoginWatch } from './login-custody.ts';

/** A run that is killed loses at most what its conversation got in this time, in milliseconds. */
const SAVED_EVERY_MS = 4000;

const LOGIN_FAULT = 'the login cannot be checked or restored';

/** The configuration folder on a runner. */
export const CONFIG_ON_RUNNER = `${RUNNER_HOME}/.claude`;

/** What an {@link OpenConfiguration} needs. */
export interface OpenConfigurationOptions {
  /** The configuration folder of the process. */
  readonly dir: string;
  /** The configuration folder of whoever uses `claude` beside the agent; the same one if it is shared. */
  readonly sharedDir: string;
  readonly environment: Readonly<Record<string, string>>;
  /** What lets it call the API through the agent's gateway. */
  readonly admission: { readonly usage: RunUsage | undefined; end(): void } | undefined;
  readonly trace: ProcessTrace | undefined;
  /** Whether it is on a runner, where `dir` is sent to. */
  readonly isSent: boolean;
  readonly sessionId: string;
  readonly workdir: string;
  /** Undefined if conversations stay in `dir`. */
  readonly conversations: ConversationStore | undefined;
  /** Undefined if the process has no login of the agent to renew. */
  readonly login: LoginCustody | undefined;
  readonly log: Log;
  /** Called at the end. @param isTaken whether the conversation is in the store, if there was one. */
  readonly onEnd: (isTaken: boolean) => void;
}

/** @see ProcessConfiguration */
export class OpenConfiguration implements ProcessConfiguration {
  readonly environment: Readonly<Record<string, string>>;
  readonly #options: OpenConfigurationOptions;
  readonly #projects: string;
  #login: LoginWatch | undefined;
  /** The copies of the conversation when it was put here. */
  #put: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: OpenConfigurationOptions) {
    this.environment = options.environment;
    this.#options = options;
    this.#projects = path.join(options.dir, PROJECTS);
  }

  get files(): readonly ProcessFile[] {
    return this.#options.isSent ? withRunnerSettings(filesIn(this.#options.dir, CONFIG_ON_RUNNER)) : [];
  }

  get mirror(): string | undefined {
    return this.#options.isSent ? this.#projects : undefined;
  }

  get usage(): RunUsage | undefined {
    return this.#options.admission?.usage;
  }

  get trace(): ProcessTrace | undefined {
    return this.#options.trace;
  }

  withdraw(): void {
    this.#options.admission?.end();
  }

  /** Whether the process has its prompt. */
  get hasBegun(): boolean {
    return this.#timer !== undefined;
  }

  async putConversation(): Promise<void> {
    const { conversations, sessionId, workdir, sharedDir } = this.#options;
    // Somebody may have continued it beside the agent, or restored a backup.
    await conversations?.takeFrom(path.join(sharedDir, PROJECTS), sessionId);
    const isThere = conversations
      ? await conversations.put(sessionId, this.#projects, workdir)
      : (await this.transcripts()).length > 0;
    if (!isThere) throw new NoConversationError(sessionId);
    this.#put = await this.#copies();
  }

  get continues(): boolean {
    return this.#put !== undefined;
  }

  async isCurrent(): Promise<boolean> {
    if (!this.continues) return true;
    const copies = await this.#copies().catch((error: unknown) => this.#tell(error, 'conversations cannot be listed'));
    return copies === this.#put;
  }

  /** Where the conversation is and how long: `claude` only appends to it, and touches it when it starts. */
  async #copies(): Promise<string> {
    const { sessionId, sharedDir } = this.#options;
    const places = new Set([this.#projects, path.join(sharedDir, PROJECTS)]);
    const found = await Promise.all([...places].map((projects) => findConversations(projects, sessionId)));
    const copies = found.flat().map(({ folder, bytes }) => `${folder} ${bytes}`);
    return copies.sort().join('\n');
  }

  async transcripts(): Promise<string[]> {
    const { sessionId } = this.#options;
    const found = await findConversations(this.#projects, sessionId);
    return found.map(({ folder }) => path.join(folder, sessionId + TRANSCRIPT));
  }

  begin(pull: () => Promise<void>): void {
    this.#login = this.#options.login?.begin();
    this.#timer = setInterval(() => void (this.#saving ??= this.#save(pull)), SAVED_EVERY_MS).unref();
  }

  heard(apiError: ApiError | undefined): void {
    try {
      this.#login?.heard(apiError);
    } catch (error) {
      this.#tell(error, LOGIN_FAULT);
    }
  }

  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #save(pull: () => Promise<void>): Promise<void> {
    const { conversations, sessionId } = this.#options;
    await pull();
    await conversations
      ?.save(sessionId, this.#projects)
      .catch((error: unknown) => this.#tell(error, 'the conversation of a run cannot be saved'));
    this.#saving = undefined;
  }

  async #end(): Promise<void> {
    clearInterval(this.#timer);
    const { conversations, sessionId, onEnd } = this.#options;
    await this.#saving;
    const isTaken = await Promise.resolve(conversations?.takeFrom(this.#projects, sessionId)).then(
      () => true,
      (error: unknown) => this.#tell(error, 'the conversation of a run cannot be moved to the store'),
    );
    await this.#login?.end().catch((error: unknown) => this.#tell(error, LOGIN_FAULT));
    onEnd(isTaken);
  }

  /** Logs an error: it does not affect the run in progress or its result. */
  #tell(error: unknown, what: string): false {
    const { log, sessionId } = this.#options;
    log.error({ err: error, sessionId }, what);
    return false;
  }
}

/** All files of a folder of the agent's own, for the same place in another one. */
function filesIn(folder: string, there: string): ProcessFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return { path: path.join(there, path.relative(folder, file)), mode: 0o600, content: readFileSync(file) };
    });
}

const SETTINGS_ON_RUNNER = path.join(CONFIG_ON_RUNNER, 'settings.json');
/** The tool WebFetch would ask api.anthropic.com about each host, past the gateway. */
const RUNNER_SETTINGS = { skipWebFetchPreflight: true };

/** Adds {@link RUNNER_SETTINGS}, unless the settings say otherwise or are no JSON, which the CLI ignores. */
function withRunnerSettings(files: readonly ProcessFile[]): ProcessFile[] {
  const others = files.filter(({ path: file }) => file !== SETTINGS_ON_RUNNER);
  const given = files.find(({ path: file }) => file === SETTINGS_ON_RUNNER);
  let settings: object = RUNNER_SETTINGS;
  try {
    if (given) settings = { ...RUNNER_SETTINGS, ...(JSON.parse(given.content.toString()) as object) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [...files];
  }
  return [...others, { path: SETTINGS_ON_RUNNER, mode: 0o600, content: Buffer.from(JSON.stringify(settings)) }];
}
