import { setTimeout as sleep } from 'node:timers/promises';
import type { Callback } from '../store/run.ts';
import type { CallbackRecords, DueCallback } from '../store/callback-records.ts';
import type { Log } from '../log.ts';
import { afterAttempt, type Attempt } from './attempts.ts';
import type { CallbackHosts } from './hosts.ts';
import { messageOf, type Occasion } from './message.ts';
import { post, reasonOf } from './post.ts';

/** What {@link CallbackSender} needs. */
export interface CallbackSenderDependencies {
  readonly records: CallbackRecords;
  /** What the message of a record is about. */
  readonly occasionOf: (id: string) => Occasion;
  readonly hosts: CallbackHosts;
  /** The signing keys, newest first. */
  readonly secrets: readonly Buffer[];
  readonly log: Log;
  readonly userAgent: string;
  /** Timeout of one attempt, all in all. */
  readonly timeoutSeconds: number;
  /** How long after its occasion a callback is still attempted. */
  readonly giveUpSeconds: number;
  /** Called for each attempt whose result is on disk. */
  readonly onAttempt: (callback: Callback) => void;
}

/** Concurrent attempts for one host, so that a slow host does not block others. */
const AT_ONCE_PER_HOST = 4;
const AT_ONCE = 32;
const LAST_ATTEMPTS_MS = 2000;
const STORAGE_WAITS_MS = 5000;
const LONGEST_TIMER_MS = 3_600_000;

/** Delivers callbacks, across restarts: at least once each, until they are given up. */
export class CallbackSender {
  readonly #dependencies: CallbackSenderDependencies;
  /** Attempts in progress, by the ids of their records. */
  readonly #sending = new Map<string, { readonly host: string; readonly done: Promise<void> }>();
  readonly #end = new AbortController();
  #state: 'idle' | 'sending' | 'stopped' = 'idle';
  #timer: NodeJS.Timeout | undefined;

  constructor(dependencies: CallbackSenderDependencies) {
    this.#dependencies = dependencies;
  }

  /** Starts sending, including callbacks that an earlier agent on the same store left. */
  start(): void {
    this.#state = 'sending';
    this.#lookAgain(0);
  }

  /** Call when a callback is due. */
  wake(): void {
    this.#lookAgain(0);
  }

  /**
   * Attempts the due callbacks once more, with a short timeout, and stops. Callbacks that are not delivered by then stay due
   * for the next start, and the attempt does not count.
   */
  async stop(): Promise<void> {
    this.#sendDue();
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    const all = Promise.all([...this.#sending.values()].map(({ done }) => done));
    await Promise.race([all, sleep(LAST_ATTEMPTS_MS, undefined, { ref: false })]);
    this.#end.abort();
    await all;
  }

  #lookAgain(inMs: number): void {
    if (this.#state !== 'sending') return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#sendDue(), Math.min(Math.max(0, inMs), LONGEST_TIMER_MS));
  }

  #sendDue(): void {
    if (this.#state !== 'sending') return;
    const callbacks = this.#dependencies.records;
    try {
      while (this.#sending.size < AT_ONCE) {
        const due = callbacks.due(new Date().toISOString(), this.#busy());
        if (!due) {
          const next = callbacks.nextDue(this.#busy());
          if (next !== undefined) this.#lookAgain(Date.parse(next) - Date.now());
          return;
        }
        const done = this.#deliver(due)
          .catch((error: unknown) => this.#storageFails(error))
          .finally(() => {
            this.#sending.delete(due.id);
            this.#lookAgain(0);
          });
        this.#sending.set(due.id, { host: due.callback.host, done });
      }
    } catch (error) {
      void this.#storageFails(error).then(() => this.#lookAgain(0));
    }
  }

  #busy() {
    const hosts = Map.groupBy([...this.#sending.values()], ({ host }) => host);
    return {
      ids: [...this.#sending.keys()],
      hosts: [...hosts].filter(([, { length }]) => length >= AT_ONCE_PER_HOST).map(([host]) => host),
    };
  }

  async #deliver({ id, url, callback }: DueCallback): Promise<void> {
    const { occasionOf, giveUpSeconds, onAttempt } = this.#dependencies;
    const occasion = occasionOf(id);
    const attempt = await this.#attempt(occasion, url);
    if (!attempt) return;
    const giveUpAt = Date.parse(occasion.at) + giveUpSeconds * 1000;
    const after = afterAttempt(callback, attempt, Date.now(), giveUpAt);
    if (!(await this.#record(id, after))) return;
    this.#tell(occasion, after);
    onAttempt(after);
  }

  /** Returns undefined if the agent aborted the attempt. */
  async #attempt(occasion: Occasion, url: string): Promise<Attempt | undefined> {
    const { hosts, secrets, userAgent, timeoutSeconds } = this.#dependencies;
    const target = hosts.find(url);
    if (!target || 'refusedHost' in target)
      return { error: 'Its host is not, or no longer, an allowed callback host.' };
    const late = AbortSignal.timeout(timeoutSeconds * 1000);
    try {
      const message = messageOf(occasion, secrets, userAgent);
      return await post(target, message, AbortSignal.any([late, this.#end.signal]));
    } catch (error) {
      if (late.aborted) return { error: `No answer within ${timeoutSeconds} s.` };
      return this.#end.signal.aborted ? undefined : { error: reasonOf(error) };
    }
  }

  /** Records the result of an attempt, with as many tries as it takes; false if the agent stops first. */
  async #record(id: string, callback: Callback): Promise<boolean> {
    for (;;) {
      try {
        this.#dependencies.records.update(id, callback);
        return true;
      } catch (error) {
        if (this.#state === 'stopped') return false;
        await this.#storageFails(error);
      }
    }
  }

  async #storageFails(error: unknown): Promise<void> {
    this.#dependencies.log.error({ err: error }, 'records of callbacks cannot be read or written');
    await sleep(STORAGE_WAITS_MS, undefined, { signal: this.#end.signal }).catch(() => undefined);
  }

  #tell({ names }: Occasion, { host, state, attempts, lastStatus, lastError, nextAttemptAt }: Callback): void {
    const fields = { ...names, host, attempts, status: lastStatus, error: lastError };
    const { log } = this.#dependencies;
    if (state === 'delivered') log.info(fields, 'callback delivered');
    else if (state === 'pending') log.warn({ ...fields, nextAttemptAt }, 'callback failed');
    else log.error(fields, 'callback given up');
  }
}
