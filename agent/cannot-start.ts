import { isStorageFailure } from './store/storage-failure.ts';

/** Thrown for what keeps the agent from starting until somebody mends it; the message says how. */
export class CannotStartError extends Error {
  override readonly name: string = 'CannotStartError';
}

/**
 * Puts an error of the system in words.
 * @param words take what the system says.
 * @throws the error itself where it tells of the disk, which may be written again some time.
 */
export function asCannotStart(error: unknown, words: (why: string) => string): CannotStartError {
  if (isStorageFailure(error)) throw error;
  return new CannotStartError(words(error instanceof Error ? error.message : String(error)), { cause: error });
}
