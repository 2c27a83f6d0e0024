import type { Decision } from '../http/api/decision.ts';
import { MAX_TRANSCRIPT_BYTES, type Step, type ToolStep } from '../http/api/transcript.ts';
import type { Log } from '../log.ts';
import type { RecordedSteps, StepBatch, StepRecords } from '../store/step-records.ts';
import type { Mask } from './mask.ts';
import { mayBeStep, stepsIn, type NewStep } from './read.ts';

/** A killed agent loses at most this much of a run: bytes of JSON, and milliseconds. */
const SAVED_EVERY_BYTES = 65_536;
const SAVED_EVERY_MS = 30_000;

/** What {@link RunSteps} needs. */
export interface RunStepsDependencies {
  readonly store: StepRecords;
  /** Whether steps are kept, or only shown to those who watch the run. */
  readonly isKept: boolean;
  /** The mask with all secrets that are known now. */
  readonly mask: () => Mask;
  /** Called with each tool call and result. Must not throw. */
  readonly onTool: (runId: string, step: ToolStep) => void;
  /** Called when a run has ended and its steps are not kept. */
  readonly onForgotten: (runId: string) => void;
  readonly log: Log;
}

/** The steps of a run in progress. */
interface Open {
  count: number;
  bytes: number;
  isFull: boolean;
  /** Tool calls whose denial is a step already. */
  readonly denied: Set<string>;
  /** The JSON of each step that is not recorded yet. */
  pending: string[];
  pendingBytes: number;
  pendingOmitted: number;
}

/**
 * What Claude does in runs: the steps of each in the order they happen, without secrets, up to a limit of size. They are
 * recorded with the end of the run, and before that now and then.
 */
export class RunSteps {
  readonly #dependencies: RunStepsDependencies;
  readonly #open = new Map<string, Open>();
  #timer: NodeJS.Timeout | undefined;

  constructor(dependencies: RunStepsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Call when a run starts. */
  begin(runId: string): void {
    this.#open.set(runId, { count: 0, bytes: 0, isFull: false, denied: new Set(), ...nothingPending() });
  }

  /** Takes an event of the CLI. */
  take(runId: string, event: unknown): void {
    const open = this.#open.get(runId);
    if (!open || !mayBeStep(event)) return;
    for (const step of stepsIn(event, this.#dependencies.mask())) this.#add(runId, open, step);
  }

  /** Takes a decision that was asked for, or made. */
  takeDecision(runId: string, { id, tool, by, allowed, message }: Decision): void {
    const open = this.#open.get(runId);
    if (!open) return;
    this.#add(runId, open, {
      type: 'decision',
      decisionId: id,
      tool,
      ...(by !== undefined && { by }),
      ...(allowed !== undefined && { allowed }),
      ...(message !== undefined && { message: this.#dependencies.mask().all(message) }),
    });
  }

  /** Records what is not recorded yet, in the transaction of the caller. Without steps that says that there were none. */
  save(runId: string): void {
    const open = this.#open.get(runId);
    if (open && this.#dependencies.isKept) this.#dependencies.store.add(batchOf(runId, open));
  }

  /** Call when the end of the run is on disk. */
  end(runId: string): void {
    this.#open.delete(runId);
    if (!this.#dependencies.isKept) this.#dependencies.onForgotten(runId);
  }

  /** The steps of a run so far; undefined if none are kept, or it never started. */
  of(runId: string): RecordedSteps | undefined {
    const { isKept, store } = this.#dependencies;
    if (!isKept) return undefined;
    const recorded = store.of(runId);
    const open = this.#open.get(runId);
    if (!open) return recorded;
    const pending = JSON.parse(batchOf(runId, open).steps) as Step[];
    const { steps = [], omitted = 0 } = recorded ?? {};
    return { steps: [...steps, ...pending], omitted: omitted + open.pendingOmitted };
  }

  /** Whether steps of the run are kept. */
  has(runId: string): boolean {
    const { isKept, store } = this.#dependencies;
    return isKept && (this.#open.has(runId) || store.has(runId));
  }

  /** A text without the secrets that are known. */
  masked(text: string): string {
    return this.#dependencies.mask().all(text);
  }

  #add(runId: string, open: Open, step: NewStep): void {
    if (step.type === 'denied') {
      // The CLI tells of a denial at once, and of all of them with its result.
      if (open.denied.has(step.toolUseId)) return;
      open.denied.add(step.toolUseId);
    }
    const whole = { number: open.count + 1, at: new Date().toISOString(), ...step } as Step;
    const json = JSON.stringify(whole);
    const bytes = Buffer.byteLength(json);
    open.isFull ||= open.bytes + bytes > MAX_TRANSCRIPT_BYTES;
    if (open.isFull) {
      open.pendingOmitted += 1;
      return;
    }
    open.count += 1;
    open.bytes += bytes;
    if (whole.type === 'tool_call' || whole.type === 'tool_result') this.#dependencies.onTool(runId, whole);
    if (!this.#dependencies.isKept) return;
    open.pending.push(json);
    open.pendingBytes += bytes;
    if (open.pendingBytes >= SAVED_EVERY_BYTES) this.#saveNow([runId]);
    else if (!this.#timer) this.#timer = setTimeout(() => this.#saveAll(), SAVED_EVERY_MS).unref();
  }

  #saveAll(): void {
    this.#timer = undefined;
    this.#saveNow([...this.#open].flatMap(([runId, { pending }]) => (pending.length > 0 ? [runId] : [])));
  }

  /** What cannot be recorded now is tried again when there is as much again, and with the end. */
  #saveNow(runIds: readonly string[]): void {
    const batches = runIds.flatMap((runId) => {
      const open = this.#open.get(runId);
      return open ? [batchOf(runId, open)] : [];
    });
    if (batches.length === 0) return;
    try {
      this.#dependencies.store.addAll(batches);
    } catch (error) {
      this.#dependencies.log.error({ runIds, err: error }, 'what Claude did cannot be recorded now');
      for (const runId of runIds) Object.assign(this.#open.get(runId) ?? {}, { pendingBytes: 0 });
      return;
    }
    for (const runId of runIds) Object.assign(this.#open.get(runId) ?? {}, nothingPending());
  }
}

const nothingPending = () => ({ pending: [], pendingBytes: 0, pendingOmitted: 0 });

const batchOf = (runId: string, { pending, pendingOmitted: omitted }: Open): StepBatch => ({
  runId,
  steps: `[${pending.join(',')}]`,
  omitted,
});
