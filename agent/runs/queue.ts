/** Thrown by {@link RunQueue} when the queue is full. */
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

/** What becomes of work that is pushed later in the same turn of the event loop. */
export interface QueuePlan {
  /**
   * Whether work in these lanes starts as soon as it is pushed, after the work that was added before.
   * @throws {QueueFullError} if it must wait and no place is free.
   */
  startsAtOnce(lanes: readonly string[]): boolean;
  /** Counts work that will be pushed, with all its lanes. */
  add(lanes: readonly string[]): void;
}

interface Entry {
  readonly work: () => Promise<void>;
  readonly lanes: readonly string[];
}

/**
 * Once opened, runs up to `slots` pieces of work at a time. Two pieces in the same lane never run at the same time. First
 * come, first served among the work whose lanes are all free: work never waits while a slot and its lanes are free. Work must
 * not reject.
 */
export class RunQueue {
  /** How many may wait. */
  readonly limit: number;
  #slots: number;
  readonly #onChange: () => void;
  readonly #waiting: Entry[] = [];
  readonly #ahead: Entry[] = [];
  readonly #takenLanes = new Set<string>();
  #running = 0;
  readonly #admits: () => number;
  #closed = true;

  /**
   * @param onChange called whenever work was pushed, left, started or ended.
   * @param admits how many of the waiting work may start; it counts down when work begins. Call {@link wake} when it grows.
   */
  constructor(limit: number, slots: number, onChange: () => void, admits: () => number = () => Infinity) {
    this.limit = limit;
    this.#slots = slots;
    this.#onChange = onChange;
    this.#admits = admits;
  }

  /** Starts processing. */
  open(): void {
    this.#closed = false;
    this.#next();
  }

  /** How many may run. */
  get slots(): number {
    return this.#slots;
  }

  /** Changes how many may run. Work in progress continues. */
  resize(slots: number): void {
    if (slots === this.#slots) return;
    this.#slots = slots;
    this.#next();
  }

  /** How many are in progress. */
  get running(): number {
    return this.#running;
  }

  /** How many are waiting, without those in progress. */
  get waiting(): number {
    return this.#waiting.length + this.#ahead.length;
  }

  /** Call it before you promise a place to a client, and push what it promised in the same turn of the event loop. */
  plan(): QueuePlan {
    const taken = new Set(this.#takenLanes);
    let slots = this.#closed ? 0 : Math.min(this.slots - this.#running, this.#admits());
    let places = this.limit - this.#waiting.length;
    const starts = (lanes: readonly string[]) => slots > 0 && lanes.every((lane) => !taken.has(lane));
    return {
      startsAtOnce: (lanes) => {
        if (starts(lanes)) return true;
        if (places <= 0) throw new QueueFullError(this.limit);
        return false;
      },
      add: (lanes) => {
        if (!starts(lanes)) {
          places -= 1;
          return;
        }
        slots -= 1;
        for (const lane of lanes) taken.add(lane);
      },
    };
  }

  /**
   * @param lanes names of what the work must have to itself.
   * @param ahead whether to go before all waiting work, regardless of the limit and of how much may start.
   */
  push(work: () => Promise<void>, lanes: readonly string[] = [], { ahead = false } = {}): Ticket {
    const line = ahead ? this.#ahead : this.#waiting;
    const entry = { work, lanes };
    line.push(entry);
    this.#next();
    return {
      leave: () => {
        const place = line.indexOf(entry);
        if (place === -1) return false;
        line.splice(place, 1);
        this.#onChange();
        return true;
      },
    };
  }

  /** Starts nothing from now on. Work in progress continues, waiting work stays. */
  close(): void {
    this.#closed = true;
  }

  /** Call when more of the waiting work may start. */
  wake(): void {
    this.#next();
  }

  #next(): void {
    if (this.#closed) return;
    while (this.#running < this.slots) {
      const entry = this.#ahead.shift() ?? this.#firstInFreeLanes();
      if (!entry) break;
      this.#start(entry);
    }
    this.#onChange();
  }

  #firstInFreeLanes(): Entry | undefined {
    if (this.#admits() <= 0) return undefined;
    const place = this.#waiting.findIndex(({ lanes }) => lanes.every((lane) => !this.#takenLanes.has(lane)));
    return place === -1 ? undefined : this.#waiting.splice(place, 1)[0];
  }

  #start({ work, lanes }: Entry): void {
    this.#running += 1;
    for (const lane of lanes) this.#takenLanes.add(lane);
    void work().finally(() => {
      this.#running -= 1;
      for (const lane of lanes) this.#takenLanes.delete(lane);
      this.#next();
    });
  }
}
