import { AGENT_ENV } from '../contract.ts';

const MEBIBYTE = 1_048_576;

/** How large files may be, in bytes. */
export interface FileSizes {
  readonly fileBytes: number;
  /** Of the files that go into a run, and of those that it leaves. */
  readonly runBytes: number;
}

/** Thrown for a file over the limit of one file, or for the files of a run over theirs. */
export class FileTooLargeError extends Error {
  override readonly name = 'FileTooLargeError';

  /** @param file its name; undefined for those of a run together. */
  constructor({ fileBytes, runBytes }: FileSizes, file?: string) {
    super(
      file === undefined
        ? `The files of a run together may have at most ${runBytes} bytes.`
        : `The file ${JSON.stringify(file)} may have at most ${fileBytes} bytes.`,
    );
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
