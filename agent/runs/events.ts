import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { firstChars } from '../claude/capped-text.ts';
import { MAX_OUTPUT_CHARS } from '../claude/events.ts';
import type { ToolStep } from '../http/api/transcript.ts';
import type { Decision, Run } from '../store/run.ts';

/** What happens to a run. `ended` is the last event and has the final result; pieces of text are a preview. */
export type RunEvent =
  | { readonly id: string; readonly type: 'queued' | 'started' | 'ended'; readonly run: Run }
  | { readonly id: string; readonly type: 'text'; readonly text: string }
  | { readonly id: string; readonly type: 'decision'; readonly decision: Decision }
  | ToolEvent;

/** Claude used a tool, or has its result. Its id is the same in every process. */
export interface ToolEvent {
  readonly id: string;
  readonly type: 'tool';
  readonly step: ToolStep;
}

const TOOL_ID = /^tool-(\d+)$/;

/** The event of a step. */
export const toolEvent = (step: ToolStep): ToolEvent => ({ id: `tool-${step.number}`, type: 'tool', step });

/** The number of the step in the id of its event; 0 for another event. */
export const stepNumberIn = (eventId: string | undefined): number => Number(TOOL_ID.exec(eventId ?? '')?.[1] ?? 0);

/** The id of every `ended` event, the same in every process. */
export const LAST_EVENT = 'end';

interface Log {
  events: RunEvent[];
  textChars: number;
}

/** For how many ended runs the events are kept. */
export const REMEMBERED = 20;

/** Remembers what happens to runs, and notifies subscribers. */
export class RunEvents {
  /** Distinguishes the ids of this process from those of another. */
  readonly #epoch = randomUUID().slice(0, 8);
  readonly #logs = new Map<string, Log>();
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  /** Publishes that a run was queued, started or ended. */
  publish(type: 'queued' | 'started' | 'ended', run: Run): void {
    const log = this.#logs.get(run.id) ?? { events: [], textChars: 0 };
    this.#logs.set(run.id, log);
    this.#append(run.id, log, { id: type === 'ended' ? LAST_EVENT : this.#nextId(log), type, run });
    if (type === 'ended') this.#forget();
  }

  /** Delivers `queued` again, with the same id, to those who watch a waiting run: its place may have changed. */
  repeatQueued(): void {
    for (const runId of this.#emitter.eventNames()) {
      const last = this.#logs.get(String(runId))?.events.at(-1);
      if (last?.type === 'queued') this.#emitter.emit(runId, last);
    }
  }

  /** Publishes a piece of text from Claude. */
  publishText(runId: string, text: string): void {
    const log = this.#logs.get(runId);
    if (!log || text === '' || log.textChars >= MAX_OUTPUT_CHARS) return;
    const kept = firstChars(text, MAX_OUTPUT_CHARS - log.textChars);
    log.textChars += kept.length;
    this.#append(runId, log, { id: this.#nextId(log), type: 'text', text: kept });
  }

  /** Publishes that a decision was asked for, or made. */
  publishDecision(runId: string, decision: Decision): void {
    const log = this.#logs.get(runId);
    if (log) this.#append(runId, log, { id: this.#nextId(log), type: 'decision', decision });
  }

  /** Publishes that Claude used a tool, or has its result. */
  publishTool(runId: string, step: ToolStep): void {
    const log = this.#logs.get(runId);
    if (log) this.#append(runId, log, toolEvent(step));
  }

  /** Forgets what Claude did in a run. */
  forgetTools(runId: string): void {
    const log = this.#logs.get(runId);
    if (log) log.events = log.events.filter(({ type }) => type !== 'tool');
  }

  /**
   * Delivers all events of a run after the given one, or from the beginning if that one is unknown.
   * @returns a function that ends the subscription, or undefined if no events of the run are kept.
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
