import type { ClaudeProcess } from '../claude/process.ts';
import type { Log } from '../log.ts';

/** The one place where a process of Claude works: for a run, or for a check of the login. */
export class Slot {
  readonly #log: Log;
  #occupied = false;
  #process: ClaudeProcess | undefined;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Not while only the processes of a run that has ended are still there. */
  get occupied(): boolean {
    return this.#occupied;
  }

  /** Settles when the work that goes on now is done. */
  get done(): Promise<void> {
    return this.#work;
  }

  /** Does a piece of work. Never rejects. */
  async occupy(work: () => Promise<void>): Promise<void> {
    this.#occupied = true;
    this.#work = work().catch((error: unknown) =>
      this.#log.error({ err: error }, 'unexpected error at the end of a run'),
    );
    await this.#work;
    this.#process = undefined;
    this.#occupied = false;
  }

  /** The run has ended; its last processes are still to go. */
  vacate(): void {
    this.#occupied = false;
  }

  /** The work has started its process. */
  started(process: ClaudeProcess): void {
    this.#process = process;
    if (this.#closed) this.shutDown();
  }

  /** Ends the process that works now, and from now on every other. */
  shutDown(): void {
    this.#closed = true;
    this.#process?.end('shutdown');
  }
}
