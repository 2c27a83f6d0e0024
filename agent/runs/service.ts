import { setTimeout as sleep } from 'node:timers/promises';
import type { Claude, StartedClaude } from '../claude/claude.ts';
import type { ClaudeProcess } from '../claude/process.ts';
import {
  cancelledBeforeStart,
  cancelledByShutdown,
  cancelledWhileWaiting,
  interruptedByCrash,
  interruptedByDamage,
  timedOutInQueue,
} from './endings.ts';
import { DrainingError, PausedError, StorageError, WorkspaceFullError } from './errors.ts';
import { RunEvents } from './events.ts';
import type { LoginStatus } from '../login/status.ts';
import { endJob, jobFor, type Job } from './job.ts';
import { Executor } from './executor.ts';
import { SerialQueue } from './queue.ts';
import { RunRecords, type RunLog } from './records.ts';
import {
  remainingMs,
  type EndedRun,
  type Idempotency,
  type OutcomeCount,
  type Pause,
  type Run,
  type RunFilter,
  type RunPage,
  type RunRequest,
  type RunResult,
} from './run.ts';
import type { RunStore } from '../store/store.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** A run that was accepted. */
export interface AcceptedRun {
  readonly run: Run;
  /** Settles when the end of the run is on disk; rejects with a `DrainingError` or a `StorageError`. */
  readonly ended: Promise<EndedRun>;
  /** The client went away: a run that still waits, and that nobody else waits for, is cancelled. */
  abandon(): void;
}

/** A request that waits to be accepted. */
interface Asked {
  readonly request: RunRequest;
  readonly clients: number;
  readonly idempotency: Idempotency | undefined;
  readonly accepted: PromiseWithResolvers<AcceptedRun>;
}

/** What {@link RunService} is made of. */
export interface RunServiceDependencies {
  readonly store: RunStore;
  readonly claude: Claude;
  readonly loginStatus: LoginStatus;
  readonly workspace: Workspace;
  readonly log: RunLog;
  /** How many runs may wait behind the running one. */
  readonly queueLimit: number;
  /** Called for each run that begins. */
  readonly onStarted: (process: StartedClaude) => void;
  /** Called for each run whose end is on disk. */
  readonly onEnded: (run: EndedRun) => void;
}

/** Accepts runs, keeps them in order and on disk, and runs them one at a time. */
export class RunService {
  /** What happens to runs, for clients that want to see it. */
  readonly events = new RunEvents();
  readonly #store: RunStore;
  readonly #claude: Claude;
  readonly #log: RunLog;
  readonly #workspace: Workspace;
  readonly #records: RunRecords;
  readonly #executor: Executor;
  readonly #queue: SerialQueue;
  /** Runs that have not ended, by id. */
  readonly #jobs = new Map<string, Job>();
  /** Ends of runs that did not begin, on their way to the disk. */
  readonly #endings = new Set<Promise<void>>();
  #asked: Asked[] = [];
  /** Not while only the processes of a run that has ended are still there. */
  #goingOn = false;
  #active: ClaudeProcess | undefined;
  #work: Promise<void> = Promise.resolve();
  #draining = false;
  #outOfGrace = false;
  #pause: Pause | undefined;

  constructor({ store, claude, loginStatus, workspace, log, queueLimit, onStarted, onEnded }: RunServiceDependencies) {
    this.#store = store;
    this.#claude = claude;
    this.#log = log;
    this.#workspace = workspace;
    this.#records = new RunRecords(store, log, this.events, onEnded);
    this.#executor = new Executor({
      records: this.#records,
      claude,
      loginStatus,
      events: this.events,
      workspace,
      log,
      onStarted: (process) => {
        this.#started(process);
        onStarted(process);
      },
      onEnded: (job, run) => {
        this.#goingOn = false;
        this.#resolve(job, run);
      },
    });
    this.#queue = new SerialQueue(queueLimit, () => claude.prepare());
    this.#pause = store.pause;
    if (this.#pause) this.#queue.pause();
  }

  /** How many runs are going on (0 or 1), how many wait, and how many may wait. */
  get load(): { active: number; queued: number; limit: number } {
    return { active: this.#goingOn ? 1 : 0, queued: this.#queue.waiting, limit: this.#queue.limit };
  }

  /** The pause the agent is in, if it is. */
  get paused(): Pause | undefined {
    return this.#pause;
  }

  /** Why no run is accepted now for a reason of the agent's own, or undefined. */
  get unready(): string | undefined {
    if (this.#draining) return 'The agent is shutting down.';
    return this.storageProblem;
  }

  /** Why records of runs cannot be written now, undefined where they can. */
  get storageProblem(): string | undefined {
    return this.#records.problem;
  }

  /**
   * Puts a run in the queue, after its record is on disk; a request that came before is the run that it became then.
   * @param waits whether the client waits for the end; then a run that has not begun ends with its client.
   * @throws {IdempotencyError | DrainingError | PausedError | QueueFullError | WorkspaceFullError | StorageError} and then nothing was
   *   accepted.
   */
  accept(request: RunRequest, waits: boolean, idempotency?: Idempotency): Promise<AcceptedRun> {
    const accepted = Promise.withResolvers<AcceptedRun>();
    const asked = { request, clients: waits ? 1 : Infinity, idempotency, accepted };
    if (this.#asked.push(asked) === 1) setImmediate(() => this.#acceptAsked());
    return accepted.promise;
  }

  /**
   * Where a run works that names no folder.
   * @throws {WorkspaceUnusableError} when it is gone and cannot be made again.
   */
  runDir(): string {
    this.#workspace.ensure();
    return this.#workspace.runDir;
  }

  /** Why no run is accepted or begun until somebody makes room in the workspace, or undefined. */
  get workspaceProblem(): string | undefined {
    return this.#workspace.problem;
  }

  /** The run with this id. */
  find(id: string): Run | undefined {
    return this.#jobs.get(id)?.run ?? this.#store.find(id);
  }

  /** Runs that have not ended, in the order of their acceptance. */
  get unfinished(): Run[] {
    return [...this.#jobs.values()].map(({ run }) => run);
  }

  /** Counts the runs that ended in the 24 hours before `now`. */
  outcomesOfDay(now: Date): OutcomeCount[] {
    return this.#store.outcomesOfDay(now);
  }

  /** Runs, newest first. */
  list(filter: RunFilter): RunPage {
    return this.#store.list(filter);
  }

  /**
   * Cancels a run: one that waits ends at once, one that has begun soon; one that has ended stays as it is.
   * @returns the run as it is then, undefined where there is none.
   * @throws {StorageError} while the end of a run that waited cannot be written; it does not begin, and is tried again.
   */
  cancel(id: string): Run | undefined {
    const job = this.#jobs.get(id);
    if (job && !this.#leave(job, cancelledWhileWaiting)) endJob(job, 'cancelled');
    if (job?.endUnwritten) {
      throw new StorageError(
        'The run does not begin any more, but that is not on disk yet, because its record cannot be written; the agent keeps trying.',
      );
    }
    return this.find(id);
  }

  /**
   * Accepts and begins no runs until {@link resume}, over restarts too. What runs goes on, what waits stays until its
   * time is up. A pause that is there already stays as it is.
   * @throws {StorageError} when the pause cannot be recorded; then there is none.
   */
  pause(reason: string | undefined): Pause {
    if (this.#pause) return this.#pause;
    const pause: Pause = { since: new Date().toISOString(), ...(reason !== undefined && { reason }) };
    this.#records.setPause(pause);
    this.#pause = pause;
    this.#queue.pause();
    this.#log.info({ reason }, 'paused');
    return pause;
  }

  /**
   * Goes on after a pause; without one it does nothing.
   * @throws {StorageError} when that cannot be recorded; then the pause stays.
   */
  resume(): void {
    if (!this.#pause) return;
    this.#records.setPause(undefined);
    this.#pause = undefined;
    this.#queue.resume();
    this.#log.info({}, 'resumed');
  }

  /**
   * Takes up where an earlier agent on the same store ended: what was running is interrupted for good, what waited
   * waits again, unless its time is up.
   */
  async recover(): Promise<void> {
    try {
      const killed = await this.#claude.sweepLeftovers();
      if (killed > 0) this.#log.warn({ killed }, 'killed processes that an earlier agent left behind');
    } catch (error) {
      this.#log.error({ err: error }, 'processes that an earlier agent left behind cannot be ended');
    }
    this.#workspace.tidy();
    for (const run of this.#store.unfinished()) {
      const end = this.#store.lostChanges ? interruptedByDamage : run.state === 'running' && interruptedByCrash;
      if (end) this.#endUnbegun(this.#jobOf(run, Infinity, 0), end);
      else this.#enqueue(run, Infinity, remainingMs(run));
    }
    this.#queue.open();
  }

  /**
   * Begins nothing more, sends waiting clients away, lets the running run go on for the grace and then ends it.
   * @returns when all that was accepted is on disk and no process is left.
   */
  async drain(graceSeconds: number): Promise<void> {
    this.#draining = true;
    this.#queue.close();
    this.#records.stopRetrying();
    for (const job of [...this.#jobs.values()].filter(({ clients }) => clients < Infinity)) {
      this.#leave(job, cancelledByShutdown, { keyIsFree: true, error: new DrainingError() });
    }
    const grace = sleep(graceSeconds * 1000, 'late', { ref: false });
    if ((await Promise.race([this.#work, grace])) === 'late') this.endActive();
    await this.#work;
    await Promise.all(this.#endings);
    await this.#claude.close();
    for (const { timer } of this.#jobs.values()) clearTimeout(timer);
  }

  /** For an agent that drains: ends the run that is going on, if one is, without waiting for the grace. */
  endActive(): void {
    this.#outOfGrace = true;
    this.#active?.end('shutdown');
  }

  /**
   * Runs a piece of work that is no run of a client ahead of all that wait, never beside another.
   * @param work gets the process it starts registered, so that draining ends it too.
   * @returns its result, or 'busy' when it could not begin within `waitMs`.
   */
  async ahead<T>(work: (started: (process: ClaudeProcess) => void) => Promise<T>, waitMs: number): Promise<T | 'busy'> {
    if (this.#draining) return 'busy';
    const result = Promise.withResolvers<T | 'busy'>();
    const doIt = () => work((process) => this.#started(process)).then(result.resolve, result.reject);
    const ticket = this.#queue.push(() => this.#exclusively(doIt), { ahead: true });
    const timer = setTimeout(() => ticket.leave() && result.resolve('busy'), waitMs);
    return result.promise.finally(() => clearTimeout(timer));
  }

  /** Those who ask in one turn of the event loop share one write to disk, and are taken in the order in which they came. */
  #acceptAsked(): void {
    const asked = this.#asked.splice(0);
    let promised = 0;
    const take = ({ request, clients, idempotency, accepted }: Asked) => {
      const earlier = idempotency && this.#store.findByKey(idempotency);
      if (earlier) return () => accepted.resolve(this.#again(earlier, clients));
      this.#assertOpen(promised);
      const sessionId = request.resume ?? this.#claude.newSessionId();
      const begins = this.#queue.idle && promised === 0;
      const run = this.#records.accept(request, sessionId, { idempotency, begins });
      promised += 1;
      return () => accepted.resolve(this.#accepted(this.#enqueue(run, clients, request.timeoutMs)));
    };
    const takeOrRefuse = (each: Asked) => {
      try {
        return take(each);
      } catch (error) {
        if (error instanceof StorageError) throw error;
        return () => each.accepted.reject(error);
      }
    };
    try {
      for (const answer of this.#records.together(() => asked.map(takeOrRefuse))) answer();
    } catch (error) {
      for (const { accepted } of asked) accepted.reject(error);
    }
  }

  /** @param promised how many runs are accepted, but not in the queue yet. */
  #assertOpen(promised: number): void {
    if (this.#draining) throw new DrainingError();
    if (this.#pause) throw new PausedError(this.#pause);
    this.#assertDiskRoom();
    this.#queue.assertRoom(promised);
  }

  /** Somebody may have made room since it was looked at: the next one is told. */
  #assertDiskRoom(): void {
    const { problem } = this.#workspace;
    if (problem === undefined) return;
    void this.#workspace.look();
    throw new WorkspaceFullError(`${problem} The run was not accepted.`);
  }

  #again(run: Run, clients: number): AcceptedRun {
    const job = this.#jobs.get(run.id);
    if (!job) return { run, ended: Promise.resolve(run as EndedRun), abandon: () => undefined };
    job.clients += clients;
    return this.#accepted(job);
  }

  #accepted(job: Job): AcceptedRun {
    const abandon = () => {
      job.clients -= 1;
      if (job.clients === 0) this.#leave(job, cancelledBeforeStart, { keyIsFree: true });
    };
    return { run: job.run, ended: job.ended.promise, abandon };
  }

  #jobOf(run: Run, clients: number, timeMs: number): Job {
    const job = jobFor(run, clients, timeMs);
    this.#jobs.set(run.id, job);
    return job;
  }

  #enqueue(run: Run, clients: number, timeMs: number): Job {
    const job = this.#jobOf(run, clients, timeMs);
    this.#records.tell(run, () => this.events.tell('queued', run));
    job.timer = setTimeout(() => this.#leave(job, timedOutInQueue), timeMs);
    job.ticket = this.#queue.push(() => {
      clearTimeout(job.timer);
      return this.#exclusively(() => this.#executor.execute(job));
    });
    return job;
  }

  #started(process: ClaudeProcess): void {
    this.#active = process;
    if (this.#outOfGrace) this.endActive();
  }

  async #exclusively(work: () => Promise<void>): Promise<void> {
    this.#goingOn = true;
    this.#work = work().catch((error: unknown) => this.#log.error({ err: error }, 'a run ended in a way it must not'));
    await this.#work;
    this.#active = undefined;
    this.#goingOn = false;
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
    this.#endUnbegun(job, result, { keyIsFree, error });
    return true;
  }

  /** Ends a run that is not going on: at once, or as soon as it can be written. Until then it stays known. */
  #endUnbegun(
    job: Job,
    result: RunResult,
    { keyIsFree = false, error }: { keyIsFree?: boolean; error?: Error | undefined } = {},
  ): void {
    const { id } = job.run;
    const ending = this.#records.end(job, result, keyIsFree).then((ended) => {
      if (ended && error) job.ended.reject(error);
      if (ended) this.#resolve(job, ended);
      this.#endings.delete(ending);
    });
    this.#endings.add(ending);
    job.endUnwritten = this.#records.isUnwritten(id);
    if (!job.endUnwritten) this.#jobs.delete(id);
  }

  #resolve(job: Job, run: EndedRun): void {
    job.ended.resolve(run);
    this.#jobs.delete(run.id);
  }
}
