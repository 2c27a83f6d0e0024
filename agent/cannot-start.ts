import { isStorageFailure } from './store/storage-failure.ts';

/** Thrown when the agent cannot start until someone fixes the cause; the message says how. */
export class CannotStartError extends Error {
  override readonly name: string = 'CannotStartError';
}

/**
 * Turns a system error into a message for people.
 * @param words makes the message from the system's own.
 * @throws the error itself if it concerns the disk, which may become writable again.
 */
export function asCannotStart(error: unknown, words: (why: string) => string): CannotStartError {
  if (isStorageFailure(error)) throw error;
  return new CannotStartError(words(error instanceof Error ? error.message : String(error)), { cause: error });
}
