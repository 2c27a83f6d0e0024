import type { CallbackRecords } from './callback-records.ts';
import type {
  EndedRun,
  Idempotency,
  OutcomeCount,
  Pause,
  Run,
  RunFilter,
  RunPage,
  RunRequest,
  RunResult,
} from './run.ts';

/** Thrown by `openStore` while another agent uses the same file. */
export class StoreInUseError extends Error {
  constructor(file: string, cause: unknown) {
    super(
      `${file} is in use by another agent. Stop that agent, or give this one its own state folder (AGENT_STATE_DIR).`,
      { cause },
    );
    this.name = 'StoreInUseError';
  }
}

/** Thrown by `openStore` for a file that is damaged. */
export class StoreDamagedError extends Error {
  constructor(file: string, cause: unknown) {
    super(`${file} is damaged`, { cause });
    this.name = 'StoreDamagedError';
  }
}

/**
 * The durable record of runs. Every method that changes something returns after the change is on disk, and throws when
 * it cannot be written (disk full, I/O error): then nothing was changed.
 */
export interface RunStore extends Disposable {
  /** Names this state folder, for as long as it exists. */
  readonly instanceId: string;
  /**
   * Makes sure that there is room for the records of another run.
   * @throws when there is none.
   */
  assertRoom(): void;
  /** Whether the last changes before a crash are lost, so that runs may be further than their records say. */
  readonly lostChanges: boolean;
  /** The pause that was last recorded, undefined where the agent goes on. */
  readonly pause: Pause | undefined;
  setPause(pause: Pause | undefined): void;
  /** Records a run as queued, or as running where it begins at once. */
  accept(request: RunRequest, sessionId: string, options?: Acceptance): Run;
  /**
   * The run that a request with this key became.
   * @throws {IdempotencyError} when it was another request.
   */
  findByKey(idempotency: Idempotency): Run | undefined;
  /** Records that a queued run begins. */
  begin(run: Run): Run;
  /**
   * Records the end of a run, which makes its callback due, and forgets its prompt.
   * @param keyIsFree for a run that was not begun, whose client may send it again.
   */
  end(run: Run, result: RunResult, keyIsFree?: boolean): EndedRun;
  find(id: string): Run | undefined;
  list(filter: RunFilter): RunPage;
  /** Counts the runs that ended in the 24 hours before `now`. */
  outcomesOfDay(now: Date): OutcomeCount[];
  /**
   * Removes records of runs that have ended, oldest first, and gives their room back, in steps between which the agent
   * answers. Those whose callback is not delivered yet stay, unless the file is too large. Returns how many.
   */
  prune(limits: RecordLimits): Promise<number>;
  /**
   * Ends queued and running runs whose request cannot be read, so that they stop nobody else. What there is of it stays in
   * the file. Returns their ids.
   */
  endUnreadable(): string[];
  /** Takes what was forgotten, such as prompts, out of the write-ahead log too. */
  forget(): void;
  /**
   * Copies the records to a new file, readable by its owner alone, in steps between which the agent responds. What changes
   * meanwhile is in the copy.
   * @throws when the disk has no room, or once the signal aborts; then there is no usable copy.
   */
  snapshot(file: string, signal: AbortSignal): Promise<void>;
  readonly callbacks: CallbackRecords;
  /** Several changes with one write to disk: all of them or, where one throws, none. */
  atOnce<T>(write: () => T): T;
  /** Runs that have not ended, in the order of their acceptance. */
  unfinished(): Run[];
}

/** What else is known of a run when it is accepted. */
export interface Acceptance {
  readonly idempotency?: Idempotency | undefined;
  /** It does not wait: what would be two writes to disk is one. */
  readonly begins?: boolean;
}

/** What records of runs may be kept. */
export interface RecordLimits {
  readonly days: number;
  readonly count: number;
  /** Of the file. */
  readonly megabytes: number;
}

/** Thrown when an idempotency key comes again with another request. */
export class IdempotencyError extends Error {
  override readonly name = 'IdempotencyError';

  constructor(key: string) {
    super(
      `The Idempotency-Key ${JSON.stringify(key)} was already used with a different request. Use a new key for a new run.`,
    );
  }
}
