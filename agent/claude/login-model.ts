import type { Log } from '../log.ts';

/** How long a failed question is not repeated, in milliseconds: each takes a process of the CLI. */
const AFTER_FAILURE_MS = 60_000;

/** What a {@link LoginModel} needs. */
export interface LoginModelParts {
  /** Asks the CLI. */
  readonly ask: () => Promise<string>;
  /** Changes when the login or the settings do. May throw. */
  readonly version: () => string;
  /** Called when the answer is there, or there will be none for now. */
  readonly onAsked: () => void;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

/**
 * The model that the CLI uses with the agent's login. It depends on the plan of the subscription, which a process with only a
 * token does not know. Asked anew when the login or the settings change; if that fails, the last answer stays.
 */
export class LoginModel {
  readonly #parts: LoginModelParts;
  #model: string | undefined;
  #version: string | undefined;
  #question: Promise<void> | undefined;
  #failedAt = -Infinity;

  constructor(parts: LoginModelParts) {
    this.#parts = parts;
  }

  /** The model; undefined as long as the CLI has named none. */
  get current(): string | undefined {
    return this.#model;
  }

  /** Whether there is nothing to wait for. If there is, the question is asked. */
  get isKnown(): boolean {
    if (this.#isFresh()) return true;
    void this.known();
    return false;
  }

  /** Settles when there is nothing to wait for; never rejects. Concurrent calls share one question. */
  known(): Promise<void> {
    if (this.#isFresh()) return Promise.resolve();
    this.#question ??= this.#ask().finally(() => {
      this.#question = undefined;
      this.#parts.onAsked();
    });
    return this.#question;
  }

  #isFresh(): boolean {
    if (this.#question) return false;
    if (performance.now() < this.#failedAt + AFTER_FAILURE_MS) return true;
    return this.#version !== undefined && this.#version === this.#versionNow();
  }

  /** Undefined if it cannot be determined. */
  #versionNow(): string | undefined {
    try {
      return this.#parts.version();
    } catch {
      // Whoever uses these files reports it.
      return undefined;
    }
  }

  async #ask(): Promise<void> {
    const { ask, log } = this.#parts;
    try {
      const model = await ask();
      // The CLI may have renewed the login before it answered.
      this.#version = this.#versionNow();
      if (this.#version === undefined) this.#failedAt = performance.now();
      if (model !== this.#model) log.info({ model }, 'the default model of the login');
      this.#model = model;
    } catch (error) {
      this.#failedAt = performance.now();
      log.warn({ err: error, model: this.#model }, 'claude did not name the default model of the login');
    }
  }
}
