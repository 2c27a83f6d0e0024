import { existsSync, rmSync, writeFileSync } from 'node:fs';

/** Space for the ends of some runs, a few kilobytes to a few mebibytes each, and for removing old records. */
const RESERVED_BYTES = 4 * 1_048_576;

/** Calls within this time after a failure get the same error. */
const REFUSED_FOR_MS = 1000;

/**
 * Disk space reserved for accepted runs. When others have filled the disk, the ends of these runs can still be recorded, and
 * old records can be removed, which needs space at first.
 */
export class DiskReserve {
  readonly #file: string;
  #isHeld: boolean;
  #refusal: { readonly error: unknown; readonly until: number } | undefined;

  /** @param file occupies the space; created by {@link hold}. */
  constructor(file: string) {
    this.#file = file;
    this.#isHeld = existsSync(file);
  }

  /**
   * Reserves the space, unless it is reserved already.
   * @throws if there is not enough space; the disk is then unchanged.
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

  /** Releases the space. Returns whether it was reserved. */
  release(): boolean {
    const wasHeld = this.#isHeld;
    this.#isHeld = false;
    rmSync(this.#file, { force: true });
    return wasHeld;
  }
}
