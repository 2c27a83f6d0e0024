import type { CallbackRecords } from './callback-records.ts';
import type { DecisionRecords } from './decision-records.ts';
import type { FileRecords } from './file-records.ts';
import type { GitRecords } from './git-records.ts';
import type { SpendingRecords } from './spending-records.ts';
import type { StepRecords } from './step-records.ts';
import type {
  EndedRun,
  Idempotency,
  KeptHold,
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
 * The durable record of runs. Every method that changes something returns after the change is on disk. It throws if the
 * change cannot be written (disk full, I/O error); nothing is changed then.
 */
export interface RunStore extends Disposable {
  /** Identifies this state folder for as long as it exists. */
  readonly instanceId: string;
  /**
   * Ensures that there is disk space for the records of another run.
   * @throws if there is not.
   */
  assertRoom(): void;
  /** Whether the last changes before a crash are lost, so that runs may be further along than their records. */
  readonly lostChanges: boolean;
  /** The recorded pause; undefined if the agent is not paused. */
  readonly pause: Pause | undefined;
  setPause(pause: Pause | undefined): void;
  /** Why waiting runs were held back when an earlier process ended. */
  readonly hold: KeptHold | undefined;
  setHold(hold: KeptHold | undefined): void;
  /** Records a run as queued, or as running if it starts at once. */
  accept(request: RunRequest, sessionId: string, options?: Acceptance): Run;
  /**
   * The run of the request with this key.
   * @throws {IdempotencyError} if the key belongs to a different request.
   */
  findByKey(idempotency: Idempotency): Run | undefined;
  /** Records that a queued run starts. */
  begin(run: Run): Run;
  /**
   * Records the end of a run, closes its decisions, makes its callback due, and deletes its prompt.
   * @param keyIsFree for a run that was not started and that its client may send again.
   */
  end(run: Run, result: RunResult, keyIsFree?: boolean): EndedRun;
  find(id: string): Run | undefined;
  list(filter: RunFilter): RunPage;
  /** Whether a run of another caller than this one has or had the conversation. */
  isConversationOfOther(sessionId: string, caller: string): boolean;
  /** Counts the runs that ended in the 24 hours before `now`. */
  outcomesOfDay(now: Date): OutcomeCount[];
  /**
   * Removes records of ended runs, oldest first, and frees their disk space, in small steps so that the agent stays
   * responsive. Runs whose callback is not delivered yet stay, unless the file is too large. Returns how many were removed.
   */
  prune(limits: RecordLimits): Promise<number>;
  /**
   * Ends queued and running runs whose request cannot be read, so that they do not block others. The damaged request stays
   * in the file. Returns their ids.
   */
  endUnreadable(): string[];
  /** Removes deleted data, such as prompts, from the write-ahead log too. */
  forget(): void;
  /**
   * Copies the records to a new file that only its owner can read, in small steps so that the agent stays responsive. The
   * copy includes changes that are made meanwhile.
   * @throws if the disk is full, or when the signal aborts; the copy is then unusable.
   */
  snapshot(file: string, signal: AbortSignal): Promise<void>;
  readonly callbacks: CallbackRecords;
  readonly decisions: DecisionRecords;
  readonly files: FileRecords;
  readonly git: GitRecords;
  readonly steps: StepRecords;
  readonly spending: SpendingRecords;
  /** Performs several changes with one write to disk: all of them, or none if one throws. */
  atOnce<T>(write: () => T): T;
  /** Runs that have not ended, in order of acceptance. */
  unfinished(): Run[];
}

/** Further facts about a run when it is accepted. */
export interface Acceptance {
  readonly idempotency?: Idempotency | undefined;
  /** It starts at once, so that acceptance and start need only one write to disk. */
  readonly begins?: boolean;
}

/** The limits of stored records. */
export interface RecordLimits {
  readonly days: number;
  readonly count: number;
  /** Of the file. */
  readonly megabytes: number;
}

/** Thrown when an idempotency key is used again with a different request. */
export class IdempotencyError extends Error {
  override readonly name = 'IdempotencyError';

  constructor(key: string) {
    super(
      `The Idempotency-Key ${JSON.stringify(key)} was already used with a different request. Use a new key for a new run.`,
    );
  }
}
