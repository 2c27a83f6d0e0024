import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';

const READ_BYTES = 262_144;

const buffer = Buffer.allocUnsafe(READ_BYTES);

/** The SHA-256 of a file, as far as it has been read. */
export class PartialHash {
  readonly #hash = createHash('sha256');
  #bytes = 0;

  /**
   * Reads on, and blocks the thread meanwhile.
   * @param fd of a file that is open for reading.
   * @param bytes from the beginning of the file.
   * @throws if the file is shorter, and whatever the disk throws. The next call starts where this one failed.
   */
  readTo(fd: number, bytes: number): void {
    while (this.#bytes < bytes) {
      const length = readSync(fd, buffer, 0, Math.min(buffer.length, bytes - this.#bytes), this.#bytes);
      if (length === 0) throw new Error(`A file ends after ${this.#bytes} of ${bytes} bytes.`);
      this.#hash.update(buffer.subarray(0, length));
      this.#bytes += length;
    }
  }

  /** In hex. Nothing can be read afterwards. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
