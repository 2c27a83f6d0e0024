import { AGENT_ENV } from '../contract.ts';

const MEBIBYTE = 1_048_576;

/** Thrown for a file over the limit of one file, or of a run. */
export class FileTooLargeError extends Error {
  override readonly name = 'FileTooLargeError';

  /** @param what names the file or files. */
  constructor(what: string, limitBytes: number) {
    super(`${what} may have at most ${limitBytes} bytes.`);
  }
}

/** Thrown when all files together would be over their limit. */
export class FilesFullError extends Error {
  override readonly name = 'FilesFullError';

  /** @param limitBytes undefined if the volume is full. */
  constructor(limitBytes?: number) {
    super(
      limitBytes === undefined
        ? "The agent's volume is full, and there is no room for the file."
        : `The agent's files may have ${limitBytes / MEBIBYTE} MiB together (${AGENT_ENV.filesMegabytes}, config filesMegabytes of the stack), and there is no room for this one.`,
    );
  }
}
