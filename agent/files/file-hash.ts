import { Worker } from 'node:worker_threads';
import type { HashMessage, HashReply } from './file-hash-worker.ts';
import { PartialHash } from './partial-hash.ts';

/** A file of this size is hashed in less than half a millisecond, and needs no other thread. */
const SMALL_BYTES = 524_288;

let thread: Worker | undefined;
let lastId = 0;
const waiting = new Map<number, PromiseWithResolvers<string>>();

/**
 * Computes the SHA-256 of a file, also while the file is being written. That of a large one is computed by another thread, which
 * reads from the descriptor: dispose of this before the file is closed.
 */
export class FileHash implements AsyncDisposable {
  readonly #id = (lastId += 1);
  readonly #fd: number;
  #isTold = false;
  #reply: Promise<string> | undefined;

  /** @param fd of a file that is open for reading. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Lets the thread read on. @param bytes of the file, which do not change any more. */
  follow(bytes: number): void {
    if (bytes > SMALL_BYTES) this.#tell(bytes, false);
  }

  /**
   * @param bytes of the whole file.
   * @returns the hash in hex.
   * @throws if the file is shorter, and whatever the disk throws.
   */
  async digest(bytes: number): Promise<string> {
    if (bytes > SMALL_BYTES) return this.#ask(bytes);
    const hash = new PartialHash();
    hash.readTo(this.#fd, bytes);
    return hash.digest();
  }

  /** Settles when the thread does not read the file any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isTold) await (this.#reply ?? this.#ask(0)).catch(() => undefined);
  }

  #ask(bytes: number): Promise<string> {
    const reply = Promise.withResolvers<string>();
    waiting.set(this.#id, reply);
    this.#tell(bytes, true);
    this.#reply = reply.promise;
    return reply.promise;
  }

  #tell(bytes: number, isLast: boolean): void {
    this.#isTold = true;
    thread ??= start();
    thread.postMessage({ id: this.#id, fd: this.#fd, bytes, isLast } satisfies HashMessage);
  }
}

function start(): Worker {
  const started = new Worker(new URL('file-hash-worker.ts', import.meta.url));
  started.unref();
  started.on('message', (reply: HashReply) => {
    const { resolve, reject } = waiting.get(reply.id) ?? {};
    waiting.delete(reply.id);
    if ('sha256' in reply) resolve?.(reply.sha256);
    else reject?.(Object.assign(new Error(reply.failure), { code: reply.code }));
  });
  // The next thread reads files from their beginning.
  started.once('error', (error) => {
    thread = undefined;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  return started;
}
