import type { Hold } from '../http/api/state.ts';
import type { Log } from '../log.ts';
import type { KeptHold, RunResult } from '../store/run.ts';

/** How long the queue waits, in milliseconds. */
export interface HoldWaits {
  /** After the reset: Anthropic's clock and that of this machine differ a little. */
  readonly afterResetMs: number;
  /** In an outage, before each next try; the last one is repeated. */
  readonly outageMs: readonly number[];
}

/** What a {@link QueueHold} needs. */
export interface QueueHoldParts {
  /** Whether the queue waits for the reset of a usage limit. */
  readonly waitsForReset: boolean;
  /** Whether a limit with this reset (ISO 8601) concerns all runs. */
  readonly stopsAllRuns: (resetsAt: string) => boolean;
  /** Identifies the credential in use; see {@link KeptHold}. */
  readonly credential: () => string;
  readonly kept: KeptHold | undefined;
  /** Keeps a hold for the next process, or none. Must not throw. */
  readonly keep: (hold: KeptHold | undefined) => void;
  /** Called after each change of {@link QueueHold.current} or {@link QueueHold.admits}. */
  readonly onChange: () => void;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly waits?: HoldWaits;
}

/** How a run ended. */
export interface EndOfRun {
  readonly id: string;
  /** What its prompt came to; undefined if Claude had none. */
  readonly result: Pick<RunResult, 'outcome' | 'resetsAt'> | undefined;
  /** When the API last began to answer it, in milliseconds since the epoch; undefined if it never did. */
  readonly answeredAt: number | undefined;
}

const WAITS: HoldWaits = { afterResetMs: 2000, outageMs: [15_000, 30_000, 60_000, 120_000] };
/** After so many unavailable runs in a row, the queue waits. */
const OUTAGE_RUNS = 3;
/** A weekly limit resets within seven days. A later time is an error. */
const LONGEST_WAIT_MS = 8 * 86_400_000;
/** A timer does not notice that the clock was changed, or the machine slept. */
const LOOK_MS = 30_000;

/** Times are in milliseconds since the epoch. */
interface Held {
  readonly reason: Hold['reason'];
  readonly since: number;
  readonly until: number;
  /** An answer counts only if it began after this. */
  readonly answerAfter: number;
  /** How many tries of this outage have failed. */
  readonly tries: number;
  /** `next`: one waiting run may start. Otherwise the id of that run. Undefined until then. */
  readonly trial?: 'next' | { readonly runId: string };
}

/**
 * Holds the waiting runs back while Anthropic answers none: until a usage limit resets, and in an outage. Then one run goes
 * first, and the others follow when Anthropic has answered it.
 */
export class QueueHold {
  readonly #parts: QueueHoldParts;
  readonly #waits: HoldWaits;
  #held: Held | undefined;
  #kept: KeptHold | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** How many runs in a row were unavailable, and when the last one ended. */
  #failures = 0;
  #failedAt = 0;

  constructor(parts: QueueHoldParts) {
    this.#parts = parts;
    this.#waits = parts.waits ?? WAITS;
    this.#kept = parts.kept;
    const until = this.#usable(this.#kept?.until, { orPast: true });
    if (!parts.waitsForReset || !this.#kept || until === undefined) return;
    if (this.#kept.credential !== parts.credential()) return;
    const since = Date.parse(this.#kept.since);
    this.#held = { reason: 'usage_limit', since, until, answerAfter: Date.now(), tries: 0 };
    this.#timer = setTimeout(() => this.#look()).unref();
  }

  /** Why waiting runs do not start; undefined while they do. */
  get current(): Hold | undefined {
    if (!this.#held) return undefined;
    const { reason, since, until, trial } = this.#held;
    return {
      reason,
      since: new Date(since).toISOString(),
      ...(trial === undefined && { until: new Date(until).toISOString() }),
    };
  }

  /** How many of the waiting runs may start. */
  get admits(): number {
    if (!this.#held) return Infinity;
    return this.#held.trial === 'next' ? 1 : 0;
  }

  /** Call when a waiting run starts. */
  started(runId: string): void {
    if (this.#held?.trial === 'next') this.#held = { ...this.#held, trial: { runId } };
  }

  /** Call when the end of a run that had started is on disk. */
  ended({ id, result, answeredAt }: EndOfRun): void {
    const trial = this.#held?.trial;
    const isTrial = typeof trial === 'object' && trial.runId === id;
    if (!result) {
      if (isTrial) this.#tryNext();
      return;
    }
    const { outcome, resetsAt } = result;
    if (outcome === 'usage_limited') this.#limited(resetsAt, isTrial);
    else if (outcome === 'unavailable') this.#unavailable(isTrial);
    else if (this.#isAnswer(outcome, answeredAt, isTrial)) this.release('Claude answers again');
    else if (isTrial) this.#tryNext();
  }

  /** Call with what a prompt of a login check showed. */
  checked({ state, resetsAt }: { readonly state: string; readonly resetsAt?: string | undefined }): void {
    if (state === 'usage_limited') this.#limited(resetsAt, false);
    else if (state === 'ok') this.release('Claude answers again');
    else if (state === 'auth_failed' && this.#held?.reason === 'outage') this.release('Anthropic answers again');
  }

  /** Lets all waiting runs start. @param why for the log. */
  release(why: string): void {
    this.#failures = 0;
    if (!this.#held) return;
    const { reason } = this.#held;
    this.#held = undefined;
    clearTimeout(this.#timer);
    this.#keep(undefined);
    this.#parts.log.info({ reason, why }, 'the queue goes on');
    this.#parts.onChange();
  }

  /** Stops its timer. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #limited(resetsAt: string | undefined, isTrial: boolean): void {
    this.#failures = 0;
    const held = this.#held;
    const until = this.#parts.waitsForReset ? this.#usable(resetsAt) : undefined;
    if (until !== undefined && resetsAt !== undefined && this.#parts.stopsAllRuns(resetsAt)) {
      const isKnown = held?.reason === 'usage_limit' && held.trial === undefined && held.until >= until;
      if (isKnown) this.#keepHeld(held);
      else this.#hold('usage_limit', until);
    } else if (held?.reason === 'outage') this.release('Anthropic answers again');
    else if (isTrial) this.#tryNext();
  }

  #unavailable(isTrial: boolean): void {
    this.#failures += 1;
    this.#failedAt = Date.now();
    const held = this.#held;
    if (held && !isTrial) return;
    const isOutage = held?.reason === 'outage';
    if (isOutage || this.#failures >= OUTAGE_RUNS) this.#outage(isOutage ? held.tries + 1 : 0);
    else if (held) this.#tryNext();
  }

  #outage(tries: number): void {
    const { outageMs } = this.#waits;
    this.#hold('outage', Date.now() + (outageMs[tries] ?? outageMs.at(-1) ?? 0), tries);
  }

  #hold(reason: Hold['reason'], until: number, tries = 0): void {
    const now = Date.now();
    const since = this.#held?.reason === reason ? this.#held.since : now;
    this.#held = { reason, since, until, answerAfter: now, tries };
    this.#keepHeld(this.#held);
    this.#parts.log.warn({ reason, until: new Date(until).toISOString() }, 'the queue waits');
    this.#parts.onChange();
    this.#look();
  }

  /** Has one run go first when it is time. */
  #look(): void {
    clearTimeout(this.#timer);
    const held = this.#held;
    if (!held || held.trial !== undefined) return;
    const isLimit = held.reason === 'usage_limit';
    const isReplaced = isLimit && this.#kept !== undefined && this.#kept.credential !== this.#parts.credential();
    const left = held.until + (isLimit ? this.#waits.afterResetMs : 0) - Date.now();
    if (isReplaced || left <= 0) this.#tryNext();
    else this.#timer = setTimeout(() => this.#look(), Math.min(left, LOOK_MS)).unref();
  }

  #tryNext(): void {
    if (!this.#held) return;
    clearTimeout(this.#timer);
    this.#held = { ...this.#held, trial: 'next' };
    this.#parts.log.info({ reason: this.#held.reason }, 'one waiting run goes first');
    this.#parts.onChange();
  }

  /** While a limit has not reset, runs that were in progress when it was met may still end well without a further answer. */
  #isAnswer(outcome: RunResult['outcome'], answeredAt: number | undefined, isTrial: boolean): boolean {
    if (answeredAt !== undefined && answeredAt > (this.#held?.answerAfter ?? this.#failedAt)) return true;
    const isConclusive = outcome === 'succeeded' || outcome === 'auth_failed';
    return isConclusive && (isTrial || this.#held?.reason !== 'usage_limit');
  }

  /** A time that the queue can wait for. */
  #usable(time: string | undefined, { orPast = false } = {}): number | undefined {
    const at = Date.parse(time ?? '');
    const left = at - Date.now();
    return (left > 0 || orPast) && left <= LONGEST_WAIT_MS ? at : undefined;
  }

  #keepHeld({ reason, since, until }: Held): void {
    if (reason !== 'usage_limit') {
      this.#keep(undefined);
      return;
    }
    this.#keep({
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      credential: this.#parts.credential(),
    });
  }

  #keep(hold: KeptHold | undefined): void {
    const isSame = hold?.until === this.#kept?.until && hold?.credential === this.#kept?.credential;
    this.#kept = hold;
    if (!isSame) this.#parts.keep(hold);
  }
}
