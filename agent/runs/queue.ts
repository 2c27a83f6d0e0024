/** Thrown by {@link SerialQueue.push} when as many wait as may. */
export class QueueFullError extends Error {
  readonly limit: number;

  constructor(limit: number) {
    super(`The queue is full: ${limit} run(s) are waiting, which is the limit.`);
    this.name = 'QueueFullError';
    this.limit = limit;
  }
}

/** A place in the queue. */
export interface Ticket {
  /** Leaves the queue; false when the work has begun already. */
  leave(): boolean;
}

type Work = () => Promise<void>;

/** Does one piece of work at a time, first come first served, from when it is opened. Work must not reject. */
export class SerialQueue {
  readonly limit: number;
  readonly #waiting: Work[] = [];
  readonly #ahead: Work[] = [];
  #running = false;
  #closed = true;
  #paused = false;

  readonly #onIdle: () => void;

  /** @param onIdle called whenever nothing is left to do. */
  constructor(limit: number, onIdle: () => void) {
    this.limit = limit;
    this.#onIdle = onIdle;
  }

  /** Begins what waits, and from now on what comes. */
  open(): void {
    this.#closed = false;
    this.#next();
  }

  /** How many wait behind the one that is being worked on. */
  get waiting(): number {
    return this.#waiting.length + this.#ahead.length;
  }

  /** Whether what is pushed now begins at once. */
  get idle(): boolean {
    return !this.#running && !this.#paused && !this.#closed && this.waiting === 0;
  }

  /**
   * Call it before anything is promised to anybody.
   * @param promised how many more will be pushed before.
   * @throws {QueueFullError} when nothing more may wait.
   */
  assertRoom(promised: number): void {
    const places = this.limit - this.#waiting.length + (this.idle ? 1 : 0);
    if (promised >= places) throw new QueueFullError(this.limit);
  }

  /** @param ahead of everything that waits, whatever the limit, and in a pause too. */
  push(work: Work, { ahead = false } = {}): Ticket {
    const line = ahead ? this.#ahead : this.#waiting;
    line.push(work);
    this.#next();
    return {
      leave: () => {
        const place = line.indexOf(work);
        if (place !== -1) line.splice(place, 1);
        return place !== -1;
      },
    };
  }

  /** Begins nothing any more; what runs goes on, what waits stays. */
  close(): void {
    this.#closed = true;
  }

  /** Begins nothing of what waits until it is resumed. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#next();
  }

  #next(): void {
    if (this.#running || this.#closed) return;
    const work = this.#ahead.shift() ?? (this.#paused ? undefined : this.#waiting.shift());
    if (!work) {
      this.#onIdle();
      return;
    }
    this.#running = true;
    void work().finally(() => {
      this.#running = false;
      this.#next();
    });
  }
}
