import type { Log } from './log.ts';

const LINES = 20;
const WINDOW_MS = 60_000;

/** Lines of a kind since its first one in the current window. */
interface Count {
  readonly message: string;
  readonly timer: NodeJS.Timeout;
  leftOut: number;
  lines: number;
}

/** Writes warnings that somebody else can cause as often as he likes: a few of each kind a minute, then how many more there were. */
export class LogLimit implements Disposable {
  readonly #log: Pick<Log, 'warn'>;
  readonly #windowMs: number;
  readonly #counts = new Map<string, Count>();

  constructor(log: Pick<Log, 'warn'>, windowMs = WINDOW_MS) {
    this.#log = log;
    this.#windowMs = windowMs;
  }

  /** @param kind one of a few. */
  warn(kind: string, fields: object, message: string): void {
    const count = this.#counts.get(kind) ?? this.#begin(kind, message);
    if (count.lines >= LINES) {
      count.leftOut += 1;
      return;
    }
    count.lines += 1;
    this.#log.warn(fields, message);
  }

  /** Says what is left out so far. */
  [Symbol.dispose](): void {
    for (const kind of this.#counts.keys()) this.#end(kind);
  }

  #begin(kind: string, message: string): Count {
    const timer = setTimeout(() => this.#end(kind), this.#windowMs).unref();
    const count = { message, timer, leftOut: 0, lines: 0 };
    this.#counts.set(kind, count);
    return count;
  }

  #end(kind: string): void {
    const { message = '', timer, leftOut = 0 } = this.#counts.get(kind) ?? {};
    clearTimeout(timer);
    this.#counts.delete(kind);
    if (leftOut > 0) this.#log.warn({ kind, leftOut }, `${message}; more of these lines were left out`);
  }
}
