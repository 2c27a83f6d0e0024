import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { firstChars } from '../claude/capped-text.ts';
import { MAX_OUTPUT_CHARS } from '../claude/events.ts';
import type { Run } from '../store/run.ts';

/** What happens to a run. `ended` is the last one; what it says counts, pieces of text are only earlier. */
export type RunEvent =
  | { readonly id: string; readonly type: 'queued' | 'started' | 'ended'; readonly run: Run }
  | { readonly id: string; readonly type: 'text'; readonly text: string };

/** The id of every `ended` event: it is the same whichever process tells of it. */
export const LAST_EVENT = 'end';

interface Log {
  readonly events: RunEvent[];
  textChars: number;
}

/** How many runs that have ended can still be told from the beginning. */
export const REMEMBERED = 20;

/** Remembers what happens to runs, and tells it as it happens. */
export class RunEvents {
  /** Ids of another process mean nothing here. */
  readonly #epoch = randomUUID().slice(0, 8);
  readonly #logs = new Map<string, Log>();
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  /** A run waits, begins or ends. */
  publish(type: 'queued' | 'started' | 'ended', run: Run): void {
    const log = this.#logs.get(run.id) ?? { events: [], textChars: 0 };
    this.#logs.set(run.id, log);
    this.#append(run.id, log, { id: type === 'ended' ? LAST_EVENT : this.#nextId(log), type, run });
    if (type === 'ended') this.#forget();
  }

  /** Claude says something. */
  publishText(runId: string, text: string): void {
    const log = this.#logs.get(runId);
    if (!log || text === '' || log.textChars >= MAX_OUTPUT_CHARS) return;
    const kept = firstChars(text, MAX_OUTPUT_CHARS - log.textChars);
    log.textChars += kept.length;
    this.#append(runId, log, { id: this.#nextId(log), type: 'text', text: kept });
  }

  /**
   * Everything of a run after an event, from the beginning where that event is not known here.
   * @returns a function that ends the subscription, or undefined where nothing is remembered of the run.
   */
  subscribe(runId: string, after: string | undefined, listener: (event: RunEvent) => void): (() => void) | undefined {
    const log = this.#logs.get(runId);
    if (!log) return undefined;
    const known = log.events.findIndex(({ id }) => id === after);
    for (const event of log.events.slice(known + 1)) listener(event);
    this.#emitter.on(runId, listener);
    return () => this.#emitter.off(runId, listener);
  }

  #nextId(log: Log): string {
    return `${this.#epoch}-${log.events.length + 1}`;
  }

  #append(runId: string, log: Log, event: RunEvent): void {
    log.events.push(event);
    this.#emitter.emit(runId, event);
  }

  #forget(): void {
    const ended = [...this.#logs].filter(([, { events }]) => events.at(-1)?.type === 'ended');
    for (const [runId] of ended.slice(0, -REMEMBERED)) this.#logs.delete(runId);
  }
}
