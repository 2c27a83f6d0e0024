import type { FileHandle } from 'node:fs/promises';
import { FileHash } from './file-hash.ts';

/** How much is written at once. */
const BATCH_BYTES = 524_288;
/** The disk writes this much while more arrives, so that little is left for the end. */
const SYNC_BYTES = 16_777_216;

/**
 * Copies chunks into a buffer, and writes it to a file while the next chunks fill another. Dispose of it before the file is
 * closed.
 */
export class FileWriter implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #hash: FileHash;
  #filling = Buffer.allocUnsafe(BATCH_BYTES);
  #other = Buffer.allocUnsafe(BATCH_BYTES);
  #filled = 0;
  #written = 0;
  /** How much was written when the disk was last asked to write. */
  #syncedTo = 0;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();

  /** @param handle of an empty file, for reading too. */
  constructor(handle: FileHandle) {
    this.#handle = handle;
    this.#hash = new FileHash(handle.fd);
  }

  /** Does not need the chunk afterwards. @throws if an earlier chunk could not be written. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + BATCH_BYTES - this.#filled);
      this.#filling.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === BATCH_BYTES) await this.#flush();
    }
  }

  /**
   * Settles when everything is on the disk.
   * @returns the SHA-256 of the file in hex.
   * @throws if something could not be written.
   */
  async end(): Promise<string> {
    await this.#flush();
    await this.#writing;
    await this.#syncing;
    const [sha256] = await Promise.all([this.#hash.digest(this.#written), this.#handle.datasync()]);
    return sha256;
  }

  /** Settles when nothing is read or written any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing, this.#hash[Symbol.asyncDispose]()]);
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const batch = this.#filling.subarray(0, this.#filled);
    [this.#filling, this.#other, this.#filled] = [this.#other, this.#filling, 0];
    this.#writing = thrownLater(this.#writeBatch(batch));
  }

  async #writeBatch(batch: Uint8Array): Promise<void> {
    // Writes on where the last call ended.
    await this.#handle.writeFile(batch);
    this.#written += batch.length;
    this.#hash.follow(this.#written);
    if (this.#written - this.#syncedTo < SYNC_BYTES) return;
    await this.#syncing;
    this.#syncedTo = this.#written;
    this.#syncing = thrownLater(this.#handle.datasync());
  }
}

/** For a promise that is awaited later. */
function thrownLater(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}
