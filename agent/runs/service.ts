import { setTimeout as sleep } from 'node:timers/promises';
import type { Claude } from '../claude/claude.ts';
import type { ClaudeProcess, EndReason } from '../claude/process.ts';
import {
  cancelledBeforeStart,
  cancelledByShutdown,
  cancelledWhileWaiting,
  interruptedByCrash,
  notBegunForStorage,
  nothing,
  timedOutInQueue,
} from './endings.ts';
import { DrainingError, PausedError, StorageError } from './errors.ts';
import type { LoginEvidence } from './evidence.ts';
import { RunEvents } from './events.ts';
import { judge } from './outcome.ts';
import { SerialQueue, type Ticket } from './queue.ts';
import {
  deadlineOf,
  type EndedRun,
  type Idempotency,
  type Pause,
  type Run,
  type RunFilter,
  type RunPage,
  type RunRequest,
  type RunResult,
} from './run.ts';
import type { RunStore } from './store.ts';

/** What the service tells about runs, for the log: names and numbers, never what was asked or answered. */
export interface RunLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A run that was accepted. */
export interface AcceptedRun {
  readonly run: Run;
  /** Settles when the end of the run is on disk; rejects with {@link DrainingError} or {@link StorageError}. */
  readonly ended: Promise<EndedRun>;
  /** The client went away: a run that still waits is cancelled, one that has begun goes on. */
  abandon(): void;
}

interface Job {
  run: Run;
  readonly ended: PromiseWithResolvers<EndedRun>;
  /** How many clients wait for its end; a run that nobody has to wait for has infinitely many. */
  clients: number;
  ticket?: Ticket;
  process?: ClaudeProcess;
  timer?: NodeJS.Timeout;
  /** The client was told that nobody knows what became of its run. */
  givenUp?: boolean;
}

const RETRY_WRITE_MS = 500;
const CLIENT_WAITS_FOR_WRITE_MS = 10_000;

/** Accepts runs, keeps them in order and on disk, and runs them one at a time. */
export class RunService {
  /** What happens to runs, for clients that want to see it. */
  readonly events = new RunEvents();
  readonly #store: RunStore;
  readonly #claude: Claude;
  readonly #evidence: LoginEvidence;
  readonly #log: RunLog;
  readonly #queue: SerialQueue;
  readonly #onEnded: (run: EndedRun) => void;
  readonly #waiting = new Set<Job>();
  /** Runs that have not ended, by id. */
  readonly #live = new Map<string, Job>();
  #active: ClaudeProcess | undefined;
  #work: Promise<void> = Promise.resolve();
  #draining = false;
  #pause: Pause | undefined;
  #storageFails = false;

  constructor(parts: {
    store: RunStore;
    claude: Claude;
    evidence: LoginEvidence;
    log: RunLog;
    /** How many runs may wait behind the running one. */
    queueLimit: number;
    /** Called for each run whose end is on disk. */
    onEnded: (run: EndedRun) => void;
  }) {
    this.#store = parts.store;
    this.#claude = parts.claude;
    this.#evidence = parts.evidence;
    this.#log = parts.log;
    this.#queue = new SerialQueue(parts.queueLimit);
    this.#onEnded = parts.onEnded;
    this.#pause = parts.store.pause;
    if (this.#pause) this.#queue.pause();
  }

  /** How many runs are going on (0 or 1) and how many wait. */
  get load(): { active: number; queued: number; limit: number } {
    return { active: this.#active ? 1 : 0, queued: this.#queue.waiting, limit: this.#queue.limit };
  }

  /** The pause the agent is in, if it is. */
  get paused(): Pause | undefined {
    return this.#pause;
  }

  /**
   * Accepts and begins no runs until {@link resume}, over restarts too. What runs goes on, what waits stays until its
   * time is up. A pause that is there already stays as it is.
   * @throws when the pause cannot be recorded; then there is none.
   */
  pause(reason: string | undefined): Pause {
    if (this.#pause) return this.#pause;
    const pause: Pause = { since: new Date().toISOString(), ...(reason !== undefined && { reason }) };
    this.#store.setPause(pause);
    this.#pause = pause;
    this.#queue.pause();
    this.#log.info({ reason }, 'paused');
    return pause;
  }

  /** Goes on after a pause; without one it does nothing. */
  resume(): void {
    if (!this.#pause) return;
    this.#store.setPause(undefined);
    this.#pause = undefined;
    this.#queue.resume();
    this.#log.info({}, 'resumed');
  }

  /** Why no run is accepted now, or undefined. */
  get unready(): string | undefined {
    if (this.#draining) return 'The agent is shutting down.';
    if (this.#storageFails) return 'Records of runs cannot be written; is the volume full?';
    return undefined;
  }

  /**
   * Puts a run in the queue, after its record is on disk; a request that came before is the run that it became then.
   * @param waits whether the client waits for the end; then a run that has not begun ends with its client.
   * @throws {IdempotencyError | DrainingError | PausedError | QueueFullError | StorageError} and then nothing was accepted.
   */
  accept(request: RunRequest, waits: boolean, idempotency?: Idempotency): AcceptedRun {
    const earlier = idempotency && this.#store.findByKey(idempotency);
    if (earlier) return this.#again(earlier, waits);
    if (this.#draining) throw new DrainingError();
    if (this.#pause) throw new PausedError(this.#pause);
    this.#queue.assertRoom();
    let run: Run;
    try {
      run = this.#store.accept(request, idempotency);
    } catch (error) {
      this.#log.error({ err: error }, 'a run was refused: its record cannot be written');
      throw new StorageError('The run was not accepted', error);
    }
    return this.#accepted(this.#enqueue(run, waits ? 1 : Infinity));
  }

  /** The run with this id. */
  find(id: string): Run | undefined {
    return this.#live.get(id)?.run ?? this.#store.find(id);
  }

  /** Runs, newest first. */
  list(filter: RunFilter): RunPage {
    return this.#store.list(filter);
  }

  /**
   * Cancels a run: one that waits ends at once, one that has begun soon; one that has ended stays as it is.
   * @returns the run as it is then, undefined where there is none.
   */
  cancel(id: string): Run | undefined {
    const job = this.#live.get(id);
    if (job && !this.#leave(job, cancelledWhileWaiting)) job.process?.end('cancelled');
    return this.find(id);
  }

  /**
   * Takes up where an earlier agent on the same store ended: what was running is interrupted for good, what waited
   * waits again, unless its time is up.
   */
  async recover(): Promise<void> {
    const killed = await this.#claude.sweepLeftovers();
    if (killed > 0) this.#log.warn({ killed }, 'killed processes that an earlier agent left behind');
    for (const run of this.#store.unfinished()) {
      if (run.state === 'running') this.#record(this.#store.end(run, interruptedByCrash));
      else this.#enqueue(run, Infinity);
    }
  }

  /**
   * Begins nothing more, sends waiting clients away, lets the running run go on for the grace and then ends it.
   * @returns when all that was accepted is on disk and no process is left.
   */
  async drain(graceSeconds: number): Promise<void> {
    this.#draining = true;
    this.#queue.close();
    for (const job of [...this.#waiting].filter(({ clients }) => clients < Infinity)) {
      this.#leave(job, cancelledByShutdown, { keyIsFree: true, error: new DrainingError() });
    }
    const done = await Promise.race([
      this.#work.then(() => 'done'),
      sleep(graceSeconds * 1000, 'late', { ref: false }),
    ]);
    if (done === 'late') this.#active?.end('shutdown');
    await this.#work;
    for (const job of this.#waiting) clearTimeout(job.timer);
  }

  /** Ends the run that is going on, if one is, without waiting for the grace. */
  endActive(reason: EndReason): void {
    this.#active?.end(reason);
  }

  /**
   * Runs a piece of work that is no run of a client ahead of all that wait, never beside another.
   * @param work gets the process it starts registered, so that draining ends it too.
   * @returns its result, or 'busy' when it could not begin within `waitMs`.
   */
  async ahead<T>(work: (started: (process: ClaudeProcess) => void) => Promise<T>, waitMs: number): Promise<T | 'busy'> {
    if (this.#draining) return 'busy';
    const result = Promise.withResolvers<T | 'busy'>();
    const perform = () => work((process) => (this.#active = process)).then(result.resolve, result.reject);
    const ticket = this.#queue.push(() => this.#exclusively(perform), { ahead: true });
    const timer = setTimeout(() => ticket.leave() && result.resolve('busy'), waitMs);
    return result.promise.finally(() => clearTimeout(timer));
  }

  #again(run: Run, waits: boolean): AcceptedRun {
    const job = this.#live.get(run.id);
    if (!job) return { run, ended: Promise.resolve(run as EndedRun), abandon: () => undefined };
    job.clients += waits ? 1 : Infinity;
    return this.#accepted(job);
  }

  #accepted(job: Job): AcceptedRun {
    const abandon = () => {
      job.clients -= 1;
      if (job.clients === 0) this.#leave(job, cancelledBeforeStart, { keyIsFree: true });
    };
    return { run: job.run, ended: job.ended.promise, abandon };
  }

  #enqueue(run: Run, clients: number): Job {
    const job: Job = { run, clients, ended: Promise.withResolvers<EndedRun>() };
    // Nobody may be listening: a client that left, or one of an earlier agent.
    job.ended.promise.catch(() => undefined);
    this.#waiting.add(job);
    this.#live.set(run.id, job);
    this.events.tell('queued', run);
    job.timer = setTimeout(() => this.#leave(job, timedOutInQueue), Math.max(0, deadlineOf(run) - Date.now()));
    job.ticket = this.#queue.push(() => this.#exclusively(() => this.#perform(job)));
    return job;
  }

  async #exclusively(work: () => Promise<void>): Promise<void> {
    this.#work = work().catch((error: unknown) => this.#log.error({ err: error }, 'a run ended in a way it must not'));
    await this.#work;
    this.#active = undefined;
  }

  /**
   * Ends a run that has not begun.
   * @returns false when it has begun already.
   */
  #leave(
    job: Job,
    result: RunResult,
    { keyIsFree = false, error }: { keyIsFree?: boolean; error?: Error } = {},
  ): boolean {
    if (!job.ticket?.leave()) return false;
    clearTimeout(job.timer);
    this.#waiting.delete(job);
    try {
      const ended = this.#record(this.#store.end(job.run, result, keyIsFree));
      if (error) job.ended.reject(error);
      else job.ended.resolve(ended);
    } catch (cause) {
      this.#log.error({ runId: job.run.id, err: cause }, 'a record cannot be written');
      job.ended.reject(new StorageError('The run did not begin, and its end is not recorded', cause));
    }
    this.#live.delete(job.run.id);
    return true;
  }

  async #perform(job: Job): Promise<void> {
    clearTimeout(job.timer);
    this.#waiting.delete(job);
    const { run } = job;
    job.run = await this.#written(() => this.#store.begin(run), job);
    if (job.givenUp) return this.#finish(job, notBegunForStorage);
    if (Date.now() >= deadlineOf(run)) return this.#finish(job, timedOutInQueue);
    this.events.tell('started', job.run);
    this.#log.info({ runId: run.id, waitedMs: Date.now() - Date.parse(run.acceptedAt) }, 'run began');

    let process: ClaudeProcess;
    try {
      process = this.#claude.start({
        runId: run.id,
        sessionId: run.sessionId,
        resume: run.request.resume !== undefined,
        options: run.request.options,
        text: run.request.prompt,
        workdir: run.request.workdir,
        deadline: deadlineOf(run),
        onText: (text) => this.events.tellText(run.id, text),
      });
    } catch (error) {
      return this.#finish(job, {
        ...nothing,
        outcome: 'failed',
        error: `claude could not be started: ${String(error)}`,
      });
    }
    this.#active = job.process = process;
    const reaped = process.reaped.catch((error: unknown) =>
      this.#log.error({ runId: run.id, err: error }, 'processes of a run cannot be ended'),
    );
    const timer = setTimeout(() => process.end('deadline'), Math.max(0, deadlineOf(run) - Date.now()));
    const report = await process.report;
    clearTimeout(timer);
    const result = judge(report, run.request.options);
    this.#evidence.learn(result, report.transcript.apiError?.status);
    await this.#finish(job, result);
    await reaped;
  }

  async #finish(job: Job, result: RunResult): Promise<void> {
    const ended = await this.#written(() => this.#store.end(job.run, result), job);
    this.#live.delete(job.run.id);
    job.ended.resolve(this.#record(ended));
  }

  /** Tries a write until it succeeds: nothing else may begin meanwhile. The client is told after ten seconds. */
  async #written<T>(write: () => T, job: Job): Promise<T> {
    const tellClient = Date.now() + CLIENT_WAITS_FOR_WRITE_MS;
    for (;;) {
      try {
        const value = write();
        this.#storageFails = false;
        return value;
      } catch (error) {
        if (!this.#storageFails) this.#log.error({ runId: job.run.id, err: error }, 'a record cannot be written');
        this.#storageFails = true;
        if (this.#draining || Date.now() >= tellClient) {
          job.givenUp = true;
          job.ended.reject(new StorageError('What became of the run is not known', error));
        }
        if (this.#draining) throw error;
        await sleep(RETRY_WRITE_MS);
      }
    }
  }

  #record(run: EndedRun): EndedRun {
    const { outcome, usage, costUsd } = run.result;
    const durationMs = Date.parse(run.endedAt) - Date.parse(run.acceptedAt);
    this.#log.info({ runId: run.id, outcome, durationMs, usage, costUsd }, 'run ended');
    this.events.tell('ended', run);
    this.#onEnded(run);
    return run;
  }
}
