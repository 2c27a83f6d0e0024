import { timedOutInQueue } from './endings.ts';
import type { RunEvents } from './events.ts';
import { jobFor, type Job } from './job.ts';
import type { SerialQueue } from './queue.ts';
import type { RunRecords } from './records.ts';
import type { EndedRun, Run, RunResult } from '../store/run.ts';

/** What becomes of a run's key, and of its client, when the run ends without having begun. */
export interface UnbegunEnd {
  /** The client may send the same key again. */
  readonly keyIsFree?: boolean;
  /** What the waiting client gets instead of the run. */
  readonly error?: Error;
}

/** Runs that have not ended: each waits in the queue, or goes on. */
export class Jobs {
  readonly #queue: SerialQueue;
  readonly #records: RunRecords;
  readonly #events: RunEvents;
  readonly #execute: (job: Job) => Promise<void>;
  readonly #jobs = new Map<string, Job>();
  /** Ends of runs that did not begin, on their way to the disk. */
  readonly #endings = new Set<Promise<void>>();

  /** @param execute takes a run from its beginning to its last process. */
  constructor(queue: SerialQueue, records: RunRecords, events: RunEvents, execute: (job: Job) => Promise<void>) {
    this.#queue = queue;
    this.#records = records;
    this.#events = events;
    this.#execute = execute;
  }

  find(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  /** In the order of their acceptance. */
  get all(): Job[] {
    return [...this.#jobs.values()];
  }

  /**
   * Puts an accepted run in the queue.
   * @param clients how many wait for its end.
   * @param timeMs how long it may take from now on, waiting included.
   */
  enqueue(run: Run, clients: number, timeMs: number): Job {
    const job = this.#add(run, clients, timeMs);
    this.#records.notify(run, () => this.#events.publish('queued', run));
    job.timer = setTimeout(() => this.leaveQueue(job, timedOutInQueue), timeMs);
    job.ticket = this.#queue.push(() => {
      clearTimeout(job.timer);
      return this.#execute(job);
    });
    return job;
  }

  /**
   * Ends a run that has not begun.
   * @returns false when it has begun already.
   */
  leaveQueue(job: Job, result: RunResult, end: UnbegunEnd = {}): boolean {
    if (!job.ticket?.leave()) return false;
    clearTimeout(job.timer);
    this.#endUnbegun(job, result, end);
    return true;
  }

  /** Ends a run of an earlier agent that goes on nowhere. */
  endLeftover(run: Run, result: RunResult): void {
    this.#endUnbegun(this.#add(run, Infinity, 0), result, {});
  }

  /** The end of a run is on disk: answers those who wait for it. */
  resolve(job: Job, run: EndedRun): void {
    job.ended.resolve(run);
    this.#jobs.delete(run.id);
  }

  /** Waits until the ends of runs that did not begin are on disk, or given up. */
  async drained(): Promise<void> {
    await Promise.all(this.#endings);
  }

  stopTimers(): void {
    for (const { timer } of this.#jobs.values()) clearTimeout(timer);
  }

  #add(run: Run, clients: number, timeMs: number): Job {
    const job = jobFor(run, clients, timeMs);
    this.#jobs.set(run.id, job);
    return job;
  }

  /** At once, or as soon as it can be written. Until then the run stays known. */
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
