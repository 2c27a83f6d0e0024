import type { ProcessConfiguration } from './configuration.ts';
import type { ClaudeProcess, ClaudeTurn, WaitingClaude } from './process.ts';

/** A waiting process together with its configuration, which ends when the process is discarded. */
export class ConfiguredClaude {
  readonly configuration: ProcessConfiguration;
  readonly #process: WaitingClaude;

  constructor(process: WaitingClaude, configuration: ProcessConfiguration) {
    this.#process = process;
    this.configuration = configuration;
  }

  /** Whether it waits for a prompt, and nobody has continued its conversation since. Never rejects. */
  async isUsable(): Promise<boolean> {
    return this.#process.waits && (await this.configuration.isCurrent());
  }

  /** @see WaitingClaude */
  get exited(): Promise<unknown> {
    return this.#process.exited;
  }

  /** @see WaitingClaude */
  get stderr(): string {
    return this.#process.stderr;
  }

  /** @see WaitingClaude */
  residentBytes(): Promise<number> {
    return this.#process.residentBytes();
  }

  /** @see WaitingClaude */
  pull(): Promise<void> {
    return this.#process.pull();
  }

  /**
   * Sends the prompt. The caller ends the configuration when no process is left.
   * @throws if the login cannot be restored; the process is then gone.
   */
  async begin(turn: ClaudeTurn): Promise<ClaudeProcess> {
    const { configuration } = this;
    try {
      configuration.begin(() => this.pull());
    } catch (error) {
      await this.discard();
      throw error;
    }
    return this.#process.begin({
      ...turn,
      onHeard: (transcript) => {
        configuration.heard(transcript.apiError);
        turn.onHeard?.(transcript);
      },
    });
  }

  /** Ends it without a prompt. @see WaitingClaude */
  discard(): Promise<void> {
    return this.#process.discard(this.configuration.continues).finally(() => this.configuration.end());
  }
}
