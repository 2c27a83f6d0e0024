import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import type { SpanSender, SpanSenderParts } from './otlp.ts';
import type { FinishedSpan } from './span.ts';

/** What became of spans. `dropped`: too many waited. `failed`: the collector did not take them. */
export const SPAN_RESULTS = ['exported', 'failed', 'dropped'] as const;

/** One of {@link SPAN_RESULTS}. */
export type SpanResult = (typeof SPAN_RESULTS)[number];

/** What a {@link SpanExport} needs. */
export interface SpanExportParts extends Omit<SpanSenderParts, 'onSent'> {
  readonly log: Pick<Log, 'warn'>;
  readonly onResult: (result: SpanResult, spans: number) => void;
}

/** Problems are told once in this time. */
const TOLD_EVERY_MS = 300_000;
const CLOSE_MS = 3000;

/** Sends spans to a collector, in the background. A collector that is slow or down costs spans and nothing else. */
export class SpanExport {
  readonly #parts: SpanExportParts;
  #sender: SpanSender | undefined;
  #loading: Promise<void> | undefined;
  /** Until the SDK is loaded. */
  readonly #early: FinishedSpan[] = [];
  /** Spans that are not sent yet. */
  #waiting = 0;
  #lost = 0;
  #toldAt = -Infinity;

  constructor(parts: SpanExportParts) {
    this.#parts = parts;
  }

  /** Loads the SDK, once. Never rejects. */
  load(): Promise<void> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  add(span: FinishedSpan): void {
    if (this.#waiting >= this.#parts.settings.queueSize) {
      this.#lose('dropped', 1, 'too many spans wait');
      return;
    }
    this.#waiting += 1;
    if (this.#sender) this.#sender.add(span);
    else {
      this.#early.push(span);
      void this.load();
    }
  }

  /** Counts spans that are not taken at all. */
  drop(spans: number, why: string): void {
    this.#lose('dropped', spans, why);
  }

  /** Sends what waits, within three seconds. Never rejects. */
  async close(): Promise<void> {
    const closed = this.load().then(() => this.#sender?.close());
    await Promise.race([closed, sleep(CLOSE_MS, undefined, { ref: false })]);
    if (this.#waiting > 0) this.#lose('failed', this.#waiting, 'the agent ended');
  }

  async #load(): Promise<void> {
    try {
      const { createSpanSender } = await import('./otlp.ts');
      this.#sender = await createSpanSender({ ...this.#parts, onSent: (spans, error) => this.#sent(spans, error) });
    } catch (error) {
      const why = new Error(`the exporter cannot be started (${String(error)})`);
      this.#sender = { add: () => this.#sent(1, why), close: () => Promise.resolve() };
    }
    for (const span of this.#early.splice(0)) this.#sender.add(span);
  }

  #sent(spans: number, error?: Error & { readonly code?: unknown }): void {
    this.#waiting -= spans;
    if (!error) this.#parts.onResult('exported', spans);
    // The response of a collector may repeat what it was sent, so only status and message are told.
    else this.#lose('failed', spans, [error.code, error.message].filter(Boolean).join(' '));
  }

  #lose(result: SpanResult, spans: number, why: string): void {
    const { log, onResult, settings } = this.#parts;
    onResult(result, spans);
    this.#lost += spans;
    if (performance.now() - this.#toldAt < TOLD_EVERY_MS) return;
    this.#toldAt = performance.now();
    log.warn({ collector: new URL(settings.url).host, why, lost: this.#lost }, 'spans were not exported');
    this.#lost = 0;
  }
}
