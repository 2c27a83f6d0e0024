import type { ClaudeProcess } from '../claude/process.ts';
import type { Log } from '../log.ts';

/** The only slot for a process of Claude: for a run or for a login check. */
export class Slot {
  readonly #log: Log;
  #occupied = false;
  #process: ClaudeProcess | undefined;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** False while only the remaining processes of an ended run exist. */
  get occupied(): boolean {
    return this.#occupied;
  }

  /** Settles when the work in progress is done. */
  get done(): Promise<void> {
    return this.#work;
  }

  /** Runs a piece of work. Never rejects. */
  async occupy(work: () => Promise<void>): Promise<void> {
    this.#occupied = true;
    this.#work = work().catch((error: unknown) =>
      this.#log.error({ err: error }, 'unexpected error at the end of a run'),
    );
    await this.#work;
    this.#process = undefined;
    this.#occupied = false;
  }

  /** Call when the run has ended but some of its processes may still exist. */
  vacate(): void {
    this.#occupied = false;
  }

  /** Call when the work has started its process. */
  started(process: ClaudeProcess): void {
    this.#process = process;
    if (this.#closed) this.shutDown();
  }

  /** Ends the current process, and every later one as soon as it starts. */
  shutDown(): void {
    this.#closed = true;
    this.#process?.end('shutdown');
  }
}
