import { randomUUID } from 'node:crypto';
import type { Log } from '../log.ts';
import { NoConversationError } from './configuration.ts';
import type { ConfiguredClaude } from './configured.ts';

/** The maximum age of a warm process, in milliseconds. */
const RENEWED_AFTER_MS = 30 * 60_000;
/** When a process for an unknown next run is started during a run. Shorter runs keep the processor to themselves. */
const SPARE_AFTER_MS = 1000;

/** Runs without a process, given the type of what is needed to start one. */
export interface Upcoming<R> {
  /** Whether no run is in progress. */
  readonly idle: boolean;
  /** The conversations of runs that take their process in a moment. */
  readonly starting: readonly string[];
  /** Runs that wait, in the order in which they will start. Each gets a process. */
  readonly waiting: readonly R[];
}

/** What a {@link WarmPool} starts. */
export interface PreparedStart {
  /** Equal to the fingerprint of a run if the process is what the run would start now. */
  readonly fingerprint: string;
  /** @returns undefined if there is no room any more. */
  start(): Promise<ConfiguredClaude | undefined>;
}

/** What {@link WarmPool} needs. */
export interface WarmPoolOptions<R> {
  /** How many processes there are at least, if there is room; 0 for no warm start. */
  readonly size: () => number;
  /**
   * What to start for a run that waits; without one, for a run with default options. Undefined if nothing can be started
   * ahead for it. May throw.
   */
  readonly startFor: (sessionId: string, run?: R) => PreparedStart | undefined;
  /** Whether there is room for another process. */
  readonly hasRoom: () => boolean;
  readonly log: Log;
}

/** A warm process, or one that is about to be started. */
interface Prepared {
  readonly fingerprint: string;
  /** Never rejects; undefined if it was not started. */
  readonly process: Promise<ConfiguredClaude | undefined>;
  readonly renewal: NodeJS.Timeout;
  /** Whether a run has its session id. */
  promised: boolean;
}

/**
 * Keeps processes ready, so that runs do not wait for `claude` to start: for the runs that wait in the queue, and as long as
 * fewer wait than there are slots, for runs with default options. A process serves one prompt, so nothing of one run is
 * known to the next.
 */
export class WarmPool<R extends { readonly sessionId: string }> {
  readonly #options: WarmPoolOptions<R>;
  readonly #prepared = new Map<string, Prepared>();
  /** Processes that were discarded and may still exist, the last one of each conversation. */
  readonly #leaving = new Map<string, Promise<void>>();
  #upcoming: Upcoming<R> = { idle: false, starting: [], waiting: [] };
  #spareTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: WarmPoolOptions<R>) {
    this.#options = options;
  }

  /** The session id of a warm process for default options that no run has yet; otherwise a new one. */
  newSessionId(): string {
    for (const [sessionId, prepared] of this.#prepared) {
      if (prepared.promised) continue;
      prepared.promised = true;
      return sessionId;
    }
    return randomUUID();
  }

  /** Call whenever a run starts to wait, starts, or ends: starts processes for the runs that come next. */
  prepare(upcoming: Upcoming<R>): void {
    if (this.#closed || this.#options.size() === 0) return;
    this.#upcoming = upcoming;
    this.#discardUseless();
    for (const run of upcoming.waiting) if (!this.#prepared.has(run.sessionId)) this.#start(run.sessionId, run);
    clearTimeout(this.#spareTimer);
    if (upcoming.idle) this.#startSpares();
    else this.#spareTimer = setTimeout(() => this.#startSpares(), SPARE_AFTER_MS).unref();
  }

  /**
   * Call when a run starts.
   * @returns its process, if one was prepared that matches the run.
   */
  async take(sessionId: string, fingerprint: string): Promise<ConfiguredClaude | undefined> {
    const prepared = this.#prepared.get(sessionId);
    if (!prepared) return undefined;
    this.#remove(sessionId, prepared);
    const process = prepared.fingerprint === fingerprint ? await prepared.process : undefined;
    if (process && (await process.isUsable())) return process;
    this.#discard(sessionId, prepared);
    return undefined;
  }

  /** Settles when no discarded process uses the files of a conversation any more. */
  async gone(sessionId: string): Promise<void> {
    await this.#leaving.get(sessionId);
  }

  /** Discards one process, if there is one: rather one that is for no run, otherwise the last one for runs that wait. */
  giveUpOne(): void {
    const waiting = [...this.#prepared].filter(([sessionId]) => !this.#upcoming.starting.includes(sessionId));
    const one = this.#spares[0] ?? waiting.at(-1);
    if (one) this.#discard(...one);
  }

  /** Discards the processes that no run is about to take, and starts others. */
  renewAll(): void {
    for (const [sessionId, prepared] of this.#prepared) {
      if (!this.#upcoming.starting.includes(sessionId)) this.#discard(sessionId, prepared);
    }
    this.prepare(this.#upcoming);
  }

  /** Discards all processes, and starts no more. Settles when they are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#spareTimer);
    for (const [sessionId, prepared] of this.#prepared) this.#discard(sessionId, prepared);
    await Promise.all(this.#leaving.values());
  }

  /** How many processes wait. */
  get count(): number {
    return this.#prepared.size;
  }

  /** Memory of the processes that wait, in bytes. Never rejects. */
  async residentBytes(): Promise<number> {
    const sizes = [...this.#prepared.values()].map(async ({ process }) => (await process)?.residentBytes() ?? 0);
    return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
  }

  get #spares(): [string, Prepared][] {
    return [...this.#prepared].filter(([, { promised }]) => !promised);
  }

  get #sparesWanted(): number {
    return Math.max(0, this.#options.size() - this.#upcoming.waiting.length);
  }

  /** Discards what is outdated, and what is for runs that were cancelled or come later. */
  #discardUseless(): void {
    const runs = new Map(this.#upcoming.waiting.map((run) => [run.sessionId, run]));
    for (const [sessionId, prepared] of this.#prepared) {
      if (this.#upcoming.starting.includes(sessionId)) continue;
      const run = runs.get(sessionId);
      if ((prepared.promised && !run) || this.#isOutdated(sessionId, prepared, run)) this.#discard(sessionId, prepared);
    }
    for (const [sessionId, spare] of this.#spares.slice(this.#sparesWanted)) this.#discard(sessionId, spare);
  }

  #isOutdated(sessionId: string, { fingerprint }: Prepared, run: R | undefined): boolean {
    try {
      return this.#options.startFor(sessionId, run)?.fingerprint !== fingerprint;
    } catch {
      // The start of the run reports the reason.
      return true;
    }
  }

  #startSpares(): void {
    if (this.#closed) return;
    for (let missing = this.#sparesWanted - this.#spares.length; missing > 0; missing -= 1) this.#start(randomUUID());
  }

  /** If this fails, the run reports the error. */
  #start(sessionId: string, run?: R): void {
    const { startFor, hasRoom } = this.#options;
    if (!hasRoom()) return;
    try {
      const start = startFor(sessionId, run);
      if (start) this.#keep(sessionId, start, run !== undefined);
    } catch (error) {
      this.#tellFailure(error);
    }
  }

  #keep(sessionId: string, start: PreparedStart, promised: boolean): void {
    const process = start.start().catch((error: unknown) => this.#tellFailure(error));
    const renewal = setTimeout(() => this.#renew(sessionId), RENEWED_AFTER_MS).unref();
    const prepared: Prepared = { fingerprint: start.fingerprint, process, renewal, promised };
    this.#prepared.set(sessionId, prepared);
    void process.then(async (started) => {
      await started?.exited;
      if (this.#prepared.get(sessionId) !== prepared) return;
      if (started) this.#options.log.warn({ stderr: started.stderr }, 'a warm process exited unexpectedly');
      this.#discard(sessionId, prepared);
    });
  }

  #tellFailure(error: unknown): undefined {
    if (!(error instanceof NoConversationError))
      this.#options.log.warn({ err: error }, 'a warm process could not be started');
  }

  #renew(sessionId: string): void {
    const prepared = this.#prepared.get(sessionId);
    if (prepared) this.#discard(sessionId, prepared);
    this.prepare(this.#upcoming);
  }

  #remove(sessionId: string, prepared: Prepared): void {
    clearTimeout(prepared.renewal);
    if (this.#prepared.get(sessionId) === prepared) this.#prepared.delete(sessionId);
  }

  #discard(sessionId: string, prepared: Prepared): void {
    this.#remove(sessionId, prepared);
    const gone = prepared.process
      .then((process) => process?.discard())
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'a warm process cannot be killed'))
      .finally(() => {
        if (this.#leaving.get(sessionId) === gone) this.#leaving.delete(sessionId);
      });
    this.#leaving.set(sessionId, gone);
  }
}
