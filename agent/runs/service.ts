import { setTimeout as sleep } from 'node:timers/promises';
import type { Budgets } from '../budgets/budgets.ts';
import type { Claude, StartedClaude } from '../claude/claude.ts';
import type { ClaudeProcess } from '../claude/process.ts';
import type { Decisions } from '../decisions/decisions.ts';
import type { DecisionRequest } from '../http/api/decision.ts';
import type { FileStore } from '../files/file-store.ts';
import type { GitRuns } from '../git/run/git-runs.ts';
import type { Hold } from '../http/api/state.ts';
import type { PlaceInQueue } from '../http/api/run.ts';
import type { Log } from '../log.ts';
import type { LoginStatus } from '../login/status.ts';
import type { QueueHold } from '../quota/queue-hold.ts';
import {
  remainingWaitMs,
  type EndedRun,
  type Idempotency,
  type OutcomeCount,
  type Pause,
  type Run,
  type RunFilter,
  type RunPage,
  type RunRequest,
} from '../store/run.ts';
import type { RunStore } from '../store/store.ts';
import type { RunSteps } from '../steps/run-steps.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { Acceptance, type AcceptedRun } from './acceptance.ts';
import { cancelledByShutdown, cancelledWhileWaiting, interruptedByCrash, interruptedByDamage } from './endings.ts';
import { DrainingError, PausedError, StorageError } from './errors.ts';
import { RunEvents } from './events.ts';
import { Executor } from './executor.ts';
import { requestEnd } from './job.ts';
import { Jobs } from './jobs.ts';
import { RunQueue } from './queue.ts';
import { RunRecords } from './records.ts';
import { Slots, type Occupant } from './slots.ts';

/** What {@link RunService} needs. */
export interface RunServiceDependencies {
  readonly store: RunStore;
  readonly claude: Claude;
  readonly loginStatus: LoginStatus;
  readonly workspace: Workspace;
  readonly decisions: Decisions;
  readonly files: FileStore;
  readonly git: GitRuns;
  readonly steps: RunSteps;
  readonly budgets: Budgets;
  /** Undefined if runs have no spans. */
  readonly tracing: Tracing | undefined;
  /** Holds waiting runs back while Anthropic answers none. Tell {@link RunService.holdChanged} when it changes. */
  readonly hold: QueueHold;
  readonly log: Log;
  /** How many runs may wait in the queue. */
  readonly queueLimit: number;
  /** How many runs may be in progress. */
  readonly slots: number;
  /** Called for each run that starts. */
  readonly onStarted: (process: StartedClaude) => void;
  /** Called for each run whose end is on disk. */
  readonly onEnded: (run: EndedRun) => void;
}

/** A process takes longer to start than a short run takes, so the runs after the next ones get theirs in time too. */
const PREPARED_BEYOND_SLOTS = 2;

/** Accepts runs, keeps them in order and on disk, and runs as many at a time as there are slots. */
export class RunService {
  /** The events of runs, for clients that watch them. */
  readonly events = new RunEvents();
  readonly #store: RunStore;
  readonly #claude: Claude;
  readonly #log: Log;
  readonly #workspace: Workspace;
  readonly #decisions: Decisions;
  readonly #git: GitRuns;
  readonly #hold: QueueHold;
  readonly #records: RunRecords;
  readonly #queue: RunQueue;
  readonly #slots: Slots;
  readonly #jobs: Jobs;
  readonly #acceptance: Acceptance;
  readonly #drain = new AbortController();
  #isFollowingUp = false;
  #pause: Pause | undefined;

  constructor(dependencies: RunServiceDependencies) {
    const { store, claude, loginStatus, workspace, decisions, files, git, steps, budgets, hold, log } = dependencies;
    const { queueLimit, slots, tracing, onStarted, onEnded } = dependencies;
    this.#store = store;
    this.#claude = claude;
    this.#log = log;
    this.#workspace = workspace;
    this.#decisions = decisions;
    this.#git = git;
    this.#hold = hold;
    this.#slots = new Slots(log);
    this.#queue = new RunQueue(
      queueLimit,
      slots,
      () => this.#followUpSoon(),
      () => (this.#pause ? 0 : hold.admits),
    );
    this.#records = new RunRecords(store, log, this.events, steps, onEnded);
    const executor = new Executor({
      records: this.#records,
      claude,
      loginStatus,
      events: this.events,
      steps,
      workspace,
      decisions,
      files,
      git,
      budgets,
      tracing,
      log,
      onStarted: (process) => {
        this.#followUpSoon();
        onStarted(process);
      },
      onEnded: (job, run) => {
        this.#slots.vacate(job);
        this.#jobs.resolve(job, run);
        hold.ended({ id: run.id, result: job.answer, answeredAt: job.answeredAt });
      },
    });
    this.#jobs = new Jobs({
      queue: this.#queue,
      hold,
      records: this.#records,
      events: this.events,
      execute: (job) => this.#slots.occupy(job, () => executor.execute(job)),
    });
    this.#acceptance = new Acceptance({
      store,
      records: this.#records,
      claude,
      workspace,
      queue: this.#queue,
      jobs: this.#jobs,
      budgets,
      assertOpen: () => this.#assertOpen(),
    });
    this.#pause = store.pause;
  }

  /**
   * How many runs are in progress, how many slots they or their remaining processes take, how many slots there are, how many
   * runs wait, and how many may wait.
   */
  get load(): { active: number; busy: number; slots: number; queued: number; limit: number } {
    const { running: busy, slots, waiting: queued, limit } = this.#queue;
    return { active: this.#slots.occupied, busy, slots, queued, limit };
  }

  /** Changes how many runs may be in progress, and starts processes ahead where there is room. */
  resize(slots: number): void {
    this.#queue.resize(slots);
    this.#followUpSoon();
  }

  /** Why waiting runs do not start although the agent is not paused; undefined while they do. */
  get hold(): Hold | undefined {
    return this.#hold.current;
  }

  /** Starts the runs that the hold lets start, and ends those that would wait for a reset in vain. */
  holdChanged(): void {
    this.#jobs.endThoseTooLate();
    this.#queue.wake();
  }

  /** Where a run waits; undefined if it does not. */
  placeOf({ id }: Pick<Run, 'id'>): PlaceInQueue | undefined {
    const place = this.#jobs.placeOf(id);
    return place === undefined ? undefined : { place, ...(this.hold && { hold: this.hold }) };
  }

  /** Why no run starts for now although none is in progress; undefined otherwise. Runs are accepted and wait. */
  get startProblem(): string | undefined {
    return this.#queue.slots === 0 ? 'No runner is ready. Runs wait until one is.' : undefined;
  }

  /** The current pause, if the agent is paused. */
  get paused(): Pause | undefined {
    return this.#pause;
  }

  /** Aborts when the agent begins to shut down. */
  get draining(): AbortSignal {
    return this.#drain.signal;
  }

  /** Why the agent is not ready to accept runs; undefined if it is. */
  get unready(): string | undefined {
    if (this.draining.aborted) return 'The agent is shutting down.';
    return this.storageProblem;
  }

  /** Why records of runs cannot be written now; undefined if they can. */
  get storageProblem(): string | undefined {
    return this.#records.problem;
  }

  /**
   * Queues a run after its record is on disk. A repeated request returns the existing run.
   * @param waits whether the client waits for the end; if so, a run that has not started ends when its client leaves.
   * @throws {IdempotencyError | DrainingError | PausedError | QueueFullError | WorkspaceFullError | BudgetSpentError | StorageError};
   *   nothing was then accepted.
   */
  accept(request: RunRequest, waits: boolean, idempotency?: Idempotency): Promise<AcceptedRun> {
    return this.#acceptance.accept(request, waits, idempotency);
  }

  /** Why no run is accepted or started until someone frees space in the workspace; undefined if there is space. */
  get workspaceProblem(): string | undefined {
    return this.#workspace.problem;
  }

  /** The run with this id. */
  find(id: string): Run | undefined {
    return this.#jobs.find(id)?.run ?? this.#store.find(id);
  }

  /** Runs that have not ended, in order of acceptance. */
  get unfinished(): Run[] {
    return this.#jobs.all.map(({ run }) => run);
  }

  /** Whether a conversation is that of a run of another caller than this one. */
  isConversationOfOther(sessionId: string, caller: string): boolean {
    return this.#store.isConversationOfOther(sessionId, caller);
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
   * Cancels a run. A waiting run ends at once, a started one shortly after; an ended one does not change.
   * @returns the run afterwards; undefined if there is none.
   * @throws {StorageError} if the end of a waiting run cannot be written yet. The run does not start, and the write is retried.
   */
  cancel(id: string): Run | undefined {
    const job = this.#jobs.find(id);
    if (job && !this.#jobs.leaveQueue(job, cancelledWhileWaiting)) requestEnd(job, 'cancelled');
    if (job?.endUnwritten) {
      throw new StorageError(
        'The run will not start, but its end is not on disk yet because the record cannot be written. The agent keeps trying.',
      );
    }
    return this.find(id);
  }

  /** How long a decision may take, in milliseconds. */
  get decisionMs(): number {
    return this.#decisions.limitMs;
  }

  /**
   * Decides for a person about what a run waits for.
   * @param by the name of the caller.
   * @returns the run afterwards; undefined if there is none.
   * @throws {NoSuchDecisionError | AlreadyDecidedError | DecisionMistake | StorageError}; nothing is decided then.
   */
  decide(id: string, decisionId: string, request: DecisionRequest, by: string): Run | undefined {
    const run = this.find(id);
    if (run) this.#records.change('Nothing was decided', () => this.#decisions.decide(run, decisionId, request, by));
    return this.find(id);
  }

  /**
   * Accepts and starts no runs until {@link resume}, even after a restart. Runs in progress continue; waiting runs stay
   * until they time out. An existing pause does not change.
   * @throws {StorageError} if the pause cannot be recorded; the agent is then not paused.
   */
  pause(reason: string | undefined): Pause {
    if (this.#pause) return this.#pause;
    const pause: Pause = { since: new Date().toISOString(), ...(reason !== undefined && { reason }) };
    this.#records.setPause(pause);
    this.#pause = pause;
    this.#log.info({ reason }, 'paused');
    return pause;
  }

  /**
   * Ends the pause, if there is one.
   * @throws {StorageError} if that cannot be recorded; the agent then stays paused.
   */
  resume(): void {
    if (!this.#pause) return;
    this.#records.setPause(undefined);
    this.#pause = undefined;
    this.#queue.wake();
    this.#log.info({}, 'resumed');
  }

  /**
   * Continues where an earlier agent on the same store stopped: runs in progress end as interrupted, unless only
   * their work is to be published, and waiting runs are queued again unless they have timed out.
   */
  async recover(): Promise<void> {
    try {
      const killed = await this.#claude.sweepLeftovers();
      if (killed > 0) this.#log.warn({ killed }, 'killed processes left behind by an earlier agent');
    } catch (error) {
      this.#log.error({ err: error }, 'processes left behind by an earlier agent cannot be killed');
    }
    this.#workspace.cleanUp();
    await this.#git.recover();
    for (const run of this.#store.unfinished()) {
      if (this.#store.lostChanges) this.#jobs.endLeftover(run, interruptedByDamage);
      else if (this.#git.unpublished(run)) this.#jobs.finishLeftover(run);
      else if (run.state !== 'queued') this.#jobs.endLeftover(run, interruptedByCrash(await this.#isUnsaved(run)));
      else this.#jobs.enqueue(run, Infinity, remainingWaitMs(run));
    }
    this.#queue.open();
  }

  async #isUnsaved({ sessionId }: Run): Promise<boolean> {
    try {
      return !(await this.#claude.hasConversation(sessionId));
    } catch (error) {
      this.#log.warn({ err: error, sessionId }, 'conversations cannot be listed');
      return false;
    }
  }

  /**
   * Shuts down: starts nothing more, sends waiting clients away, and ends the runs in progress after the grace time.
   * @returns when all accepted runs are on disk and no process is left.
   */
  async drain(graceSeconds: number): Promise<void> {
    this.#drain.abort();
    this.#queue.close();
    this.#records.stopRetrying();
    for (const job of this.#jobs.all.filter(({ clients }) => clients < Infinity)) {
      this.#jobs.leaveQueue(job, cancelledByShutdown, { keyIsFree: true, error: new DrainingError() });
    }
    const grace = sleep(graceSeconds * 1000, 'late', { ref: false });
    if ((await Promise.race([this.#slots.done, grace])) === 'late') this.endActive();
    await this.#slots.done;
    await this.#jobs.drained();
    await this.#claude.close();
    this.#jobs.stopTimers();
  }

  /** While draining: ends the runs in progress, if any, without waiting for the grace time. */
  endActive(): void {
    this.#slots.shutDown();
  }

  /**
   * Runs internal work before all waiting runs: in a slot if one is free, otherwise beside the runs in progress or, without
   * room for its process, in the next one.
   * @param hasRoomBeside whether there is room for its process although all slots are taken.
   * @param work registers the process that it starts, so that draining ends it too.
   * @returns its result, or 'busy' if it could not start within `waitMs`.
   */
  async runAheadOfQueue<T>(
    work: (started: (process: ClaudeProcess) => void) => Promise<T>,
    { waitMs, hasRoomBeside }: { waitMs: number; hasRoomBeside: boolean },
  ): Promise<T | 'busy'> {
    if (this.draining.aborted) return 'busy';
    const result = Promise.withResolvers<T | 'busy'>();
    const occupant: Occupant = {};
    const started = (process: ClaudeProcess) => {
      occupant.process = process;
      if (occupant.endReason) process.end(occupant.endReason);
    };
    const doIt = () => work(started).then(result.resolve, result.reject);
    const { running, slots } = this.#queue;
    if (running >= slots && hasRoomBeside) {
      void this.#slots.occupy(occupant, doIt);
      return result.promise;
    }
    const ticket = this.#queue.push(() => this.#slots.occupy(occupant, doIt), [], { ahead: true });
    const timer = setTimeout(() => ticket.leave() && result.resolve('busy'), waitMs);
    return result.promise.finally(() => clearTimeout(timer));
  }

  /**
   * After a change of the queue: tells who watches a waiting run, and prepares processes. Several changes in one turn of the
   * event loop share one call.
   */
  #followUpSoon(): void {
    if (this.#isFollowingUp) return;
    this.#isFollowingUp = true;
    setImmediate(() => {
      this.#isFollowingUp = false;
      this.events.repeatQueued();
      if (this.draining.aborted) return;
      try {
        const upcoming = this.#jobs.upcoming(this.#queue.slots + PREPARED_BEYOND_SLOTS);
        this.#claude.prepare({ idle: this.#queue.running === 0, ...upcoming });
      } catch (error) {
        this.#log.error({ err: error }, 'warm processes cannot be prepared');
      }
    });
  }

  #assertOpen(): void {
    if (this.draining.aborted) throw new DrainingError();
    if (this.#pause) throw new PausedError(this.#pause);
  }
}
