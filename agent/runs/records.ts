import { setTimeout as sleep } from 'node:timers/promises';
import { callerNameOf } from '../callers/callers.ts';
import { StorageError } from './errors.ts';
import type { RunEvents } from './events.ts';
import type { Job } from './job.ts';
import { failedByAgent } from './outcome.ts';
import {
  millisecondsBetween,
  type EndedRun,
  type Pause,
  type Run,
  type RunRequest,
  type RunResult,
} from '../store/run.ts';
import type { Log } from '../log.ts';
import { isStorageFailure } from '../store/storage-failure.ts';
import type { RunSteps } from '../steps/run-steps.ts';
import type { Acceptance, RunStore } from '../store/store.ts';

const CANNOT_BE_WRITTEN =
  "Records of runs cannot be written. Free space on the agent's volume, or have the volume repaired.";
const RETRY_MS = 500;
const CLIENT_WAITS_MS = 10_000;

/** Records what happens to runs on disk, then notifies the listeners. */
export class RunRecords {
  readonly #store: RunStore;
  readonly #log: Log;
  readonly #events: RunEvents;
  readonly #steps: RunSteps;
  readonly #onEnded: (run: EndedRun) => void;
  /** Runs whose next record is being retried. */
  readonly #unwritten = new Set<string>();
  #patient = true;

  /** @param onEnded called for each run whose end is on disk. */
  constructor(store: RunStore, log: Log, events: RunEvents, steps: RunSteps, onEnded: (run: EndedRun) => void) {
    this.#store = store;
    this.#log = log;
    this.#events = events;
    this.#steps = steps;
    this.#onEnded = onEnded;
  }

  /** Why records of runs cannot be written now; undefined if they can. */
  get problem(): string | undefined {
    if (this.#unwritten.size > 0) return CANNOT_BE_WRITTEN;
    try {
      this.#store.assertRoom();
      return undefined;
    } catch (error) {
      if (isStorageFailure(error)) return `${CANNOT_BE_WRITTEN} (${(error as Error).message})`;
      throw error;
    }
  }

  /** Whether the next record of a run is being retried. */
  isUnwritten(runId: string): boolean {
    return this.#unwritten.has(runId);
  }

  /** From now on failed writes are not retried. */
  stopRetrying(): void {
    this.#patient = false;
  }

  /**
   * Records several accepted runs with one write to disk.
   * @throws {StorageError} and then none is accepted.
   */
  together<T>(acceptAll: () => T): T {
    return this.#written('The run was not accepted', () => this.#store.atOnce(acceptAll));
  }

  /** @throws {StorageError}; the run then does not exist. */
  accept(request: RunRequest, sessionId: string, acceptance: Acceptance): Run {
    return this.#written('The run was not accepted', () => this.#store.accept(request, sessionId, acceptance));
  }

  /** @throws {StorageError}; the pause is then unchanged. */
  setPause(pause: Pause | undefined): void {
    this.#written(`The agent was not ${pause ? 'paused' : 'resumed'}`, () => this.#store.setPause(pause));
  }

  /** Performs a change of another record. @throws {StorageError}; nothing is changed then. */
  change(what: string, write: () => void): void {
    this.#written(what, write);
  }

  /**
   * Records the start of a run, with as many attempts as it takes, unless its acceptance already recorded it.
   * @returns whether it is on disk; false if the agent shuts down first.
   * @throws errors that have nothing to do with storage.
   */
  async begin(job: Job): Promise<boolean> {
    if (job.run.state !== 'queued') return true;
    const run = await this.#untilWritten(() => this.#store.begin(job.run), job);
    if (run) job.run = run;
    return run !== undefined;
  }

  /** Notifies that a run starts, after its start was recorded. */
  announceStart({ run }: Job): void {
    this.notify(run, () => this.#events.publish('started', run));
    const waitedMs = millisecondsBetween(run.acceptedAt, run.startedAt ?? run.acceptedAt);
    this.#log.info({ ...namesOf(run), waitedMs }, 'run started');
  }

  /**
   * Records the end of a run, with as many attempts as it takes. A result that itself cannot be written is replaced by one
   * that reports this. Never rejects.
   * @returns undefined if the agent shuts down first.
   */
  async end(job: Job, result: RunResult, keyIsFree = false): Promise<EndedRun | undefined> {
    try {
      return this.#told(await this.#untilWritten(this.#ending(job, result, keyIsFree), job));
    } catch (error) {
      this.#log.error({ runId: job.run.id, err: error }, 'the result of a run cannot be recorded');
      const instead = failedByAgent(error);
      const write = () => this.#alreadyEnded(job.run) ?? this.#store.end(job.run, instead, keyIsFree);
      return this.#told(await this.#untilWritten(write, job, () => true));
    }
  }

  /** The end of a run and what Claude did last, in one transaction; without the latter once that has failed. */
  #ending({ run }: Job, result: RunResult, keyIsFree: boolean): () => EndedRun {
    let attempts = 0;
    return () =>
      this.#store.atOnce(() => {
        attempts += 1;
        if (attempts === 1) this.#saveSteps(run);
        if (attempts === 2) this.#log.error({ runId: run.id }, 'what Claude did last in a run cannot be recorded');
        return this.#store.end(run, result, keyIsFree);
      });
  }

  /** @throws what the store throws if the disk is at fault. */
  #saveSteps(run: Run): void {
    try {
      this.#steps.save(run.id);
    } catch (error) {
      if (isStorageFailure(error)) throw error;
      this.#log.error({ runId: run.id, err: error }, 'what Claude did last in a run cannot be recorded');
    }
  }

  /** Calls a listener. Its exceptions are logged and do not affect the run. */
  notify(run: Run, listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#log.error({ runId: run.id, err: error }, 'a run listener failed');
    }
  }

  /** Only a bug ends a run twice; the first end counts. */
  #alreadyEnded({ id }: Run): EndedRun | undefined {
    const run = this.#store.find(id);
    return run?.state === 'ended' ? (run as EndedRun) : undefined;
  }

  /** @throws {StorageError} if the disk is at fault, otherwise what `write` throws. */
  #written<T>(what: string, write: () => T): T {
    try {
      return write();
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      this.#log.error({ err: error }, 'a record cannot be written');
      throw new StorageError(`${what}, because its record cannot be written.`, error);
    }
  }

  /**
   * Retries a write until it succeeds. After ten seconds the client gets an error.
   * @param mayPass whether an error may be temporary.
   * @returns undefined if the agent shuts down first.
   */
  async #untilWritten<T>(write: () => T, job: Job, mayPass = isStorageFailure): Promise<T | undefined> {
    const tellClient = performance.now() + CLIENT_WAITS_MS;
    const { id } = job.run;
    for (;;) {
      try {
        const value = write();
        this.#unwritten.delete(id);
        return value;
      } catch (error) {
        if (!mayPass(error)) {
          this.#unwritten.delete(id);
          throw error;
        }
        if (!this.#unwritten.has(id)) this.#log.error({ runId: id, err: error }, 'a record cannot be written');
        this.#unwritten.add(id);
        if (!this.#patient || performance.now() >= tellClient) {
          job.givenUp = true;
          job.ended.reject(
            new StorageError('The outcome of the run is unknown, because its record cannot be written.', error),
          );
        }
        if (!this.#patient) return undefined;
        await sleep(RETRY_MS);
      }
    }
  }

  #told(run: EndedRun | undefined): EndedRun | undefined {
    if (!run) return undefined;
    const { outcome, usage, costUsd } = run.result;
    const durationMs = millisecondsBetween(run.acceptedAt, run.endedAt);
    this.#log.info({ ...namesOf(run), outcome, durationMs, usage, costUsd }, 'run ended');
    this.notify(run, () => this.#events.publish('ended', run));
    this.notify(run, () => this.#steps.end(run.id));
    this.notify(run, () => this.#onEnded(run));
    return run;
  }
}

/** What log lines name a run by. */
const namesOf = (run: Run) => ({ runId: run.id, caller: callerNameOf(run), traceId: run.request.trace?.traceId });
