import type { QuotaWindow } from '../http/api/state.ts';
import { MAX_WINDOWS, type QuotaReading, type UsageLimit } from './windows.ts';

/** What the name of a window begins with that limits a single model. Runs with other models go on when it is used up. */
const OF_ONE_MODEL = 'seven_day_';

/** What Anthropic last said about the quota of the login in use. */
export class Quota {
  readonly #windows = new Map<string, QuotaWindow>();
  #limit: UsageLimit | undefined;

  /** The latest word about a window counts, and so does the latest word about requests. */
  take({ windows, limit }: QuotaReading): void {
    this.#limit = limit;
    for (const each of windows) {
      if (this.#windows.has(each.window) || this.windows.length < MAX_WINDOWS) this.#windows.set(each.window, each);
    }
  }

  /** Forgets everything: the login was replaced. */
  forget(): void {
    this.#windows.clear();
    this.#limit = undefined;
  }

  /** The windows that have not reset since. */
  get windows(): QuotaWindow[] {
    for (const { window, resetsAt } of this.#windows.values()) {
      if (Date.parse(resetsAt) <= Date.now()) this.#windows.delete(window);
    }
    return [...this.#windows.values()];
  }

  /**
   * Whether the limit that a run has met, with this reset, stops all other runs too. A run can write what it likes to its
   * output, so a limit that Anthropic has not told the agent does not count.
   * @param resetsAt ISO 8601.
   */
  stopsAllRuns(resetsAt: string): boolean {
    const limit = this.#limit;
    if (limit?.resetsAt !== Math.round(Date.parse(resetsAt) / 1000)) return false;
    return !limit.window?.startsWith(OF_ONE_MODEL);
  }
}
