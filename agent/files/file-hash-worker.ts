/**
 * A thread that computes the SHA-256 of files. It replies to the last message about each.
 * @module
 */
import { parentPort } from 'node:worker_threads';
import { PartialHash } from './partial-hash.ts';

/** How much of a file can be read. */
export interface HashMessage {
  /** The same for all messages about a file. */
  readonly id: number;
  /** The descriptor of the file. It is open at least until the reply. */
  readonly fd: number;
  readonly bytes: number;
  readonly isLast: boolean;
}

/** The hash of a file in hex, or why it cannot be read. */
export type HashReply = { readonly id: number } & (
  | { readonly sha256: string }
  // Messages between threads keep no `code` of an error.
  | { readonly failure: string; readonly code: string | undefined }
);

const hashes = new Map<number, PartialHash>();

parentPort?.on('message', ({ id, fd, bytes, isLast }: HashMessage) => {
  const hash = hashes.get(id) ?? new PartialHash();
  hashes.set(id, hash);
  const error = errorOf(() => hash.readTo(fd, bytes));
  // The last message reads again what could not be read.
  if (!isLast) return;
  hashes.delete(id);
  const said = error ? { failure: error.message, code: error.code } : { sha256: hash.digest() };
  parentPort?.postMessage({ id, ...said } satisfies HashReply);
});

function errorOf(work: () => void): NodeJS.ErrnoException | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
