import { requestEnd, type Job } from './job.ts';
import type { Log } from '../log.ts';

/** What may have a process of Claude: a run or a login check. */
export type Occupant = Pick<Job, 'process' | 'git' | 'endReason'>;

/** The runs and login checks in progress. */
export class Slots {
  readonly #log: Log;
  readonly #occupied = new Set<Occupant>();
  readonly #work = new Map<Occupant, Promise<void>>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** How many are in progress, without those of which only remaining processes exist. */
  get occupied(): number {
    return this.#occupied.size;
  }

  /** Settles when all work in progress is done. */
  get done(): Promise<unknown> {
    return Promise.all(this.#work.values());
  }

  /** Runs a piece of work. Never rejects. */
  async occupy(occupant: Occupant, work: () => Promise<void>): Promise<void> {
    this.#occupied.add(occupant);
    const done = work().catch((error: unknown) =>
      this.#log.error({ err: error }, 'unexpected error at the end of a run'),
    );
    this.#work.set(occupant, done);
    await done;
    this.#work.delete(occupant);
    this.vacate(occupant);
  }

  /** Call when the run has ended but some of its processes may still exist. */
  vacate(occupant: Occupant): void {
    this.#occupied.delete(occupant);
  }

  /** Ends the processes of all work in progress, also those that are about to start. */
  shutDown(): void {
    for (const occupant of this.#work.keys()) requestEnd(occupant, 'shutdown');
  }
}
