/** Thrown by {@link SerialQueue} when the queue is full. */
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
  /** Leaves the queue; false if the work has started already. */
  leave(): boolean;
}

type Work = () => Promise<void>;

/** Once opened, runs one piece of work at a time, first come, first served. Work must not reject. */
export class SerialQueue {
  readonly limit: number;
  readonly #waiting: Work[] = [];
  readonly #ahead: Work[] = [];
  #running = false;
  #closed = true;
  #paused = false;

  readonly #onIdle: () => void;

  /** @param onIdle called whenever the queue becomes idle. */
  constructor(limit: number, onIdle: () => void) {
    this.limit = limit;
    this.#onIdle = onIdle;
  }

  /** Starts processing. */
  open(): void {
    this.#closed = false;
    this.#next();
  }

  /** How many are waiting, without the one in progress. */
  get waiting(): number {
    return this.#waiting.length + this.#ahead.length;
  }

  /** Whether work that is pushed now starts at once. */
  get idle(): boolean {
    return !this.#running && !this.#paused && !this.#closed && this.waiting === 0;
  }

  /**
   * Checks for a free place. Call it before you promise one to a client.
   * @param promised how many others will be pushed first.
   * @throws {QueueFullError} if the queue is full.
   */
  assertRoom(promised: number): void {
    const places = this.limit - this.#waiting.length + (this.idle ? 1 : 0);
    if (promised >= places) throw new QueueFullError(this.limit);
  }

  /** @param ahead whether to go before all waiting work, regardless of the limit and of a pause. */
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

  /** Starts nothing from now on. Work in progress continues, waiting work stays. */
  close(): void {
    this.#closed = true;
  }

  /** Starts no waiting work until it is resumed. */
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
