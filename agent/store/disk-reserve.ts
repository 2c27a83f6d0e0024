import { existsSync, rmSync, writeFileSync } from 'node:fs';

/** Room for the ends of some runs, each of which is a few kilobytes to a few mebibytes, and for removing old records. */
const RESERVED_BYTES = 4 * 1_048_576;

/** Whoever asks more often gets the answer of before. */
const REFUSED_FOR_MS = 1000;

/**
 * Room on the disk that is kept for records of runs that were accepted: on a disk that others have filled, their ends can
 * still be written, and old records removed, which takes room of its own at first.
 */
export class DiskReserve {
  readonly #file: string;
  #isHeld: boolean;
  #refusal: { readonly error: unknown; readonly until: number } | undefined;

  /** @param file what takes the room; made by {@link hold}. */
  constructor(file: string) {
    this.#file = file;
    this.#isHeld = existsSync(file);
  }

  /**
   * Takes the room where it is not held.
   * @throws when there is none; then the disk is as it was.
   */
  hold(): void {
    if (this.#isHeld) return;
    if (this.#refusal && performance.now() < this.#refusal.until) throw this.#refusal.error;
    try {
      writeFileSync(this.#file, Buffer.alloc(RESERVED_BYTES), { mode: 0o600, flush: true });
      this.#isHeld = true;
    } catch (error) {
      rmSync(this.#file, { force: true });
      this.#refusal = { error, until: performance.now() + REFUSED_FOR_MS };
      throw error;
    }
  }

  /** Gives the room to others. Returns whether it was held. */
  release(): boolean {
    const wasHeld = this.#isHeld;
    this.#isHeld = false;
    rmSync(this.#file, { force: true });
    return wasHeld;
  }
}
