import type { RunEvent } from '../runs/events.ts';
import type { Run } from '../store/run.ts';

/** Between messages without news: clients that count from the last message must not give up. */
const QUIET_MS = 10_000;

/** Sends a message to the client of a call. */
type Notify = (message: string, progress: number) => Promise<void>;

/** Tells the client of a call what happens to its run. */
export class Progress implements Disposable {
  readonly #notify: Notify;
  readonly #begun = performance.now();
  readonly #timer: NodeJS.Timeout;
  #runId: string | undefined;
  #sent = 0;

  /** @param notify may reject: the client is then gone, and gets no more. */
  constructor(notify: Notify) {
    this.#notify = notify;
    this.#timer = setInterval(() => this.#sayTime(), QUIET_MS);
  }

  /** Says which run the client waits for, which it does not know yet if the call started it. */
  begin({ id, state }: Run): void {
    this.#runId = id;
    this.#send(`Run ${id} is ${state}.`);
  }

  /** Takes an event of the run. Its text is not sent: it comes in small pieces. */
  take(event: RunEvent): void {
    const news = newsIn(event);
    if (news !== undefined) this.#send(news);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #sayTime(): void {
    if (this.#runId === undefined) return;
    const seconds = Math.round((performance.now() - this.#begun) / 1000);
    this.#send(`Run ${this.#runId} has not ended after ${seconds} seconds.`);
  }

  #send(message: string): void {
    this.#timer.refresh();
    this.#sent += 1;
    this.#notify(message, this.#sent).catch(() => clearInterval(this.#timer));
  }
}

function newsIn(event: RunEvent): string | undefined {
  if (event.type === 'started') return `Run ${event.run.id} has started.`;
  if (event.type === 'decision' && event.decision.decidedAt === undefined)
    return 'Claude waits for a person to decide.';
  if (event.type === 'tool' && event.step.type === 'tool_call') return `Claude uses ${event.step.tool}.`;
  return undefined;
}
