import type { UpcomingRun } from '../claude/claude.ts';
import type { Upcoming } from '../claude/warm.ts';
import { timedOutInQueue } from './endings.ts';
import type { RunEvents } from './events.ts';
import { jobFor, lanesOf, type Job } from './job.ts';
import type { RunQueue } from './queue.ts';
import type { RunRecords } from './records.ts';
import type { EndedRun, Run, RunResult } from '../store/run.ts';

/** What happens to the key and the client of a run that ends without having started. */
export interface UnbegunEnd {
  /** The client may use the same key again. */
  readonly keyIsFree?: boolean;
  /** The error that the waiting client gets. */
  readonly error?: Error;
}

/** Runs that have not ended: queued or in progress. */
export class Jobs {
  readonly #queue: RunQueue;
  readonly #records: RunRecords;
  readonly #events: RunEvents;
  readonly #execute: (job: Job) => Promise<void>;
  readonly #jobs = new Map<string, Job>();
  /** In order of acceptance. */
  readonly #waiting = new Set<Job>();
  readonly #started = new Set<Job>();
  /** Ends of runs that did not start, while they are being recorded. */
  readonly #endings = new Set<Promise<void>>();

  /** @param execute executes a run until its last process is gone. */
  constructor(queue: RunQueue, records: RunRecords, events: RunEvents, execute: (job: Job) => Promise<void>) {
    this.#queue = queue;
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

  /**
   * Queues an accepted run.
   * @param clients how many clients wait for its end.
   * @param waitMs how long it may wait from now on.
   */
  enqueue(run: Run, clients: number, waitMs: number): Job {
    const job = this.#add(run, clients, waitMs);
    this.#records.notify(run, () => this.#events.publish('queued', run));
    job.timer = setTimeout(() => this.leaveQueue(job, timedOutInQueue), waitMs);
    this.#waiting.add(job);
    job.ticket = this.#queue.push(
      async () => {
        clearTimeout(job.timer);
        this.#waiting.delete(job);
        this.#started.add(job);
        await this.#execute(job);
        this.#started.delete(job);
      },
      lanesOf(run.request, run.sessionId),
    );
    return job;
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

  /**
   * Runs without a process: those that start, and at most `count` of those that wait, without those whose conversation
   * an earlier run will have changed by then.
   */
  upcoming(count: number): Omit<Upcoming<UpcomingRun>, 'idle'> {
    const waiting: UpcomingRun[] = [];
    const conversations = new Set([...this.#started].map(({ run }) => run.sessionId));
    for (const { run } of this.#waiting) {
      if (waiting.length === count) break;
      const { sessionId, request } = run;
      const { options, workdir, resume, timeoutMs } = request;
      if (!conversations.has(sessionId)) {
        waiting.push({ sessionId, resume: resume !== undefined, options, workdir, timeoutMs });
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
