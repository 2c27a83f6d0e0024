import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError } from './errors.ts';
import type { RunEvents } from './events.ts';
import type { Job } from './job.ts';
import type { EndedRun, Run, RunRequest, RunResult } from './run.ts';
import type { Acceptance, RunStore } from './store.ts';

/** What is told about runs for the log: names and numbers, never what was asked or answered. */
export interface RunLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const RETRY_MS = 500;
const CLIENT_WAITS_MS = 10_000;

/** Writes what happens to runs, first to disk and then to whoever listens. */
export class RunRecords {
  readonly #store: RunStore;
  readonly #log: RunLog;
  readonly #events: RunEvents;
  readonly #onEnded: (run: EndedRun) => void;
  #fails = false;
  #patient = true;

  /** @param onEnded called for each run whose end is on disk. */
  constructor(store: RunStore, log: RunLog, events: RunEvents, onEnded: (run: EndedRun) => void) {
    this.#store = store;
    this.#log = log;
    this.#events = events;
    this.#onEnded = onEnded;
  }

  /** Whether a write is being tried again and again. */
  get fails(): boolean {
    return this.#fails;
  }

  /** From now on a write that fails is given up at once. */
  stopRetrying(): void {
    this.#patient = false;
  }

  /**
   * Accepts several runs with one write to disk.
   * @throws {StorageError} and then none is accepted.
   */
  together<T>(acceptAll: () => T): T {
    try {
      return this.#store.atOnce(acceptAll);
    } catch (error) {
      const cause = error instanceof StorageError ? error.cause : error;
      this.#log.error({ err: cause }, 'runs were refused: their records cannot be written');
      throw new StorageError('The run was not accepted', cause);
    }
  }

  /** @throws {StorageError} and then there is no such run. */
  accept(request: RunRequest, sessionId: string, acceptance: Acceptance): Run {
    try {
      return this.#store.accept(request, sessionId, acceptance);
    } catch (error) {
      throw new StorageError('The run was not accepted', error);
    }
  }

  /** Records the beginning of a run, however long it takes, unless that was done with its acceptance. */
  async begin(job: Job): Promise<void> {
    if (job.run.state === 'running') return;
    job.run = await this.#untilWritten(() => this.#store.begin(job.run), job);
  }

  /** Tells that a run, whose beginning is recorded, does begin. */
  tellBegun({ run }: Job): void {
    this.#events.tell('started', run);
    this.#log.info({ runId: run.id, waitedMs: Date.now() - Date.parse(run.acceptedAt) }, 'run began');
  }

  /** Records the end of a run that began, however long it takes. */
  async end(job: Job, result: RunResult): Promise<EndedRun> {
    return this.#told(await this.#untilWritten(() => this.#store.end(job.run, result), job));
  }

  /**
   * Records the end of a run that is not going on.
   * @throws {StorageError} when it cannot be written.
   */
  endAtOnce(run: Run, result: RunResult, keyIsFree = false): EndedRun {
    try {
      return this.#told(this.#store.end(run, result, keyIsFree));
    } catch (error) {
      this.#log.error({ runId: run.id, err: error }, 'a record cannot be written');
      throw new StorageError('The run did not begin, and its end is not recorded', error);
    }
  }

  /** Tries a write until it succeeds: nothing else may begin meanwhile. The client is told after ten seconds. */
  async #untilWritten<T>(write: () => T, job: Job): Promise<T> {
    const tellClient = Date.now() + CLIENT_WAITS_MS;
    for (;;) {
      try {
        const value = write();
        this.#fails = false;
        return value;
      } catch (error) {
        if (!this.#fails) this.#log.error({ runId: job.run.id, err: error }, 'a record cannot be written');
        this.#fails = true;
        if (!this.#patient || Date.now() >= tellClient) {
          job.givenUp = true;
          job.ended.reject(new StorageError('What became of the run is not known', error));
        }
        if (!this.#patient) throw error;
        await sleep(RETRY_MS);
      }
    }
  }

  #told(run: EndedRun): EndedRun {
    const { outcome, usage, costUsd } = run.result;
    const durationMs = Date.parse(run.endedAt) - Date.parse(run.acceptedAt);
    this.#log.info({ runId: run.id, outcome, durationMs, usage, costUsd }, 'run ended');
    this.#events.tell('ended', run);
    this.#onEnded(run);
    return run;
  }
}
