import type { UpcomingRun } from '../claude/claude.ts';
import type { Upcoming } from '../claude/warm.ts';
import { timedOutInQueue, unavailableInQueue, usageLimitedBeforeStart } from './endings.ts';
import type { RunEvents } from './events.ts';
import { jobFor, lanesOf, type Job } from './job.ts';
import type { QueueHold } from '../quota/queue-hold.ts';
import type { RunQueue } from './queue.ts';
import type { RunRecords } from './records.ts';
import type { EndedRun, Run, RunResult } from '../store/run.ts';
import { processSpanOf } from '../tracing/trace.ts';

/** What happens to the key and the client of a run that ends without having started. */
export interface UnbegunEnd {
  /** The client may use the same key again. */
  readonly keyIsFree?: boolean;
  /** The error that the waiting client gets. */
  readonly error?: Error;
}

/** What {@link Jobs} needs. */
export interface JobsDependencies {
  readonly queue: RunQueue;
  readonly hold: QueueHold;
  readonly records: RunRecords;
  readonly events: RunEvents;
  /** Executes a run until its last process is gone. */
  readonly execute: (job: Job) => Promise<void>;
}

/** Runs that have not ended: queued or in progress. */
export class Jobs {
  readonly #queue: RunQueue;
  readonly #hold: QueueHold;
  readonly #records: RunRecords;
  readonly #events: RunEvents;
  readonly #execute: (job: Job) => Promise<void>;
  readonly #jobs = new Map<string, Job>();
  /** In order of acceptance. */
  readonly #waiting = new Set<Job>();
  readonly #started = new Set<Job>();
  /** Ends of runs that did not start, while they are being recorded. */
  readonly #endings = new Set<Promise<void>>();

  constructor({ queue, hold, records, events, execute }: JobsDependencies) {
    this.#queue = queue;
    this.#hold = hold;
    this.#records = records;
    this.#events = events;
    this.#execute = execute;
  }

  find(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  /** In order of acceptance. */
  get all(): Job[] {
    return [...this.#jobs.values()];
  }

  /** The place of a run among those that wait; undefined if it does not wait. */
  placeOf(id: string): number | undefined {
    const place = [...this.#waiting].findIndex(({ run }) => run.id === id);
    return place === -1 ? undefined : place + 1;
  }

  /**
   * Queues an accepted run. It ends at once if a usage limit resets too late for it.
   * @param clients how many clients wait for its end.
   * @param waitMs how long it may wait from now on.
   */
  enqueue(run: Run, clients: number, waitMs: number): Job {
    const job = this.#add(run, clients, waitMs);
    this.#records.notify(run, () => this.#events.publish('queued', run));
    job.timer = setTimeout(() => this.leaveQueue(job, this.#endOfWait()), waitMs);
    this.#waiting.add(job);
    job.ticket = this.#queue.push(
      async () => {
        this.#records.notify(run, () => this.#hold.started(run.id));
        clearTimeout(job.timer);
        this.#waiting.delete(job);
        this.#started.add(job);
        await this.#execute(job);
        this.#started.delete(job);
      },
      lanesOf(run.request, run.sessionId),
    );
    this.#endIfTooLate(job);
    return job;
  }

  /** Whether a usage limit resets too late for a run that may wait this long. */
  waitsInVain(waitMs: number): boolean {
    return waitMs < this.#untilResetMs();
  }

  /** Ends the waiting runs for which a usage limit resets too late. */
  endThoseTooLate(): void {
    for (const job of this.#waiting) this.#endIfTooLate(job);
  }

  #endIfTooLate(job: Job): void {
    const { until } = this.#hold.current ?? {};
    if (until === undefined || !this.waitsInVain(job.deadline - performance.now())) return;
    this.leaveQueue(job, usageLimitedBeforeStart(until));
  }

  /** -Infinity if the queue waits for no reset. */
  #untilResetMs(): number {
    const { reason, until } = this.#hold.current ?? {};
    return reason === 'usage_limit' && until !== undefined ? Date.parse(until) - Date.now() : -Infinity;
  }

  #endOfWait(): RunResult {
    return this.#hold.current?.reason === 'outage' ? unavailableInQueue : timedOutInQueue;
  }

  /**
   * Ends a run that has not started.
   * @returns false if it has started already.
   */
  leaveQueue(job: Job, result: RunResult, end: UnbegunEnd = {}): boolean {
    if (!job.ticket?.leave()) return false;
    clearTimeout(job.timer);
    this.#waiting.delete(job);
    this.#endUnbegun(job, result, end);
    return true;
  }

  /** Ends a run that an earlier agent left unfinished. */
  endLeftover(run: Run, result: RunResult): void {
    this.#endUnbegun(this.#add(run, Infinity, 0), result, {});
  }

  /** Goes on with a run that an earlier agent left unfinished. It waits for nothing. */
  finishLeftover(run: Run): void {
    void this.#execute(this.#add(run, Infinity, 0));
  }

  /**
   * Runs without a process: those that start, and at most `count` of those that wait, without those whose conversation
   * an earlier run will have changed by then, and those whose repository is cloned first.
   */
  upcoming(count: number): Omit<Upcoming<UpcomingRun>, 'idle'> {
    const waiting: UpcomingRun[] = [];
    const conversations = new Set([...this.#started].map(({ run }) => run.sessionId));
    for (const { run } of this.#waiting) {
      if (waiting.length === count) break;
      const { sessionId, request } = run;
      const { options, workdir, resume, timeoutMs } = request;
      if (!conversations.has(sessionId) && !request.git) {
        const trace = processSpanOf(request.trace);
        waiting.push({ sessionId, resume: resume !== undefined, options, workdir, timeoutMs, trace });
      }
      conversations.add(sessionId);
    }
    const starting = [...this.#started].filter(({ process }) => !process).map(({ run }) => run.sessionId);
    return { starting, waiting };
  }

  /** Call when the end of a run is on disk: responds to the clients that wait for it. */
  resolve(job: Job, run: EndedRun): void {
    job.ended.resolve(run);
    this.#jobs.delete(run.id);
  }

  /** Waits until the ends of runs that did not start are on disk, or given up. */
  async drained(): Promise<void> {
    await Promise.all(this.#endings);
  }

  stopTimers(): void {
    for (const { timer } of this.#jobs.values()) clearTimeout(timer);
  }

  #add(run: Run, clients: number, waitMs: number): Job {
    const job = jobFor(run, clients, waitMs);
    this.#jobs.set(run.id, job);
    return job;
  }

  /** Records the end as soon as it can be written. Until then the run stays in the list. */
  #endUnbegun(job: Job, result: RunResult, { keyIsFree = false, error }: UnbegunEnd): void {
    const { id } = job.run;
    const ending = this.#records.end(job, result, keyIsFree).then((ended) => {
      if (ended && error) job.ended.reject(error);
      if (ended) this.resolve(job, ended);
      this.#endings.delete(ending);
    });
    this.#endings.add(ending);
    job.endUnwritten = this.#records.isUnwritten(id);
    if (!job.endUnwritten) this.#jobs.delete(id);
  }
}
