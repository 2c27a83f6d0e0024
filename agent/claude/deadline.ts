/** A time limit that can be interrupted. Times are milliseconds of `performance.now()`. */
export class Deadline {
  #at: number;
  readonly #onPast: () => void;
  #timer: NodeJS.Timeout | undefined;
  #pausedAt: number | undefined;
  #isCleared = false;

  /** Counts from now on. @param onPast called once it is past. */
  constructor(at: number, onPast: () => void) {
    this.#at = at;
    this.#onPast = onPast;
    this.#start();
  }

  /** Stops the clock, or lets it go on: the limit moves by the time between. */
  pause(paused: boolean): void {
    if (paused === (this.#pausedAt !== undefined)) return;
    if (paused) {
      clearTimeout(this.#timer);
      this.#pausedAt = performance.now();
    } else {
      this.#at += performance.now() - (this.#pausedAt ?? 0);
      this.#pausedAt = undefined;
      this.#start();
    }
  }

  /** It will not be past any more. */
  clear(): void {
    this.#isCleared = true;
    clearTimeout(this.#timer);
  }

  #start(): void {
    if (this.#isCleared) return;
    this.#timer = setTimeout(this.#onPast, Math.max(0, this.#at - performance.now()));
  }
}
