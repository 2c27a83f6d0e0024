import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { isFileName, shownName } from './file-name.ts';
import type { LeftOut } from './left-files.ts';
import type { CollectedFiles, FilesOfPrompt } from './run-files.ts';

/** The most warnings that name a file each. */
const NAMED = 20;
const CHUNK_BYTES = 1_048_576;

const BECAUSE: Readonly<Record<LeftOut['why'], string>> = {
  link: 'it is a link',
  folder: 'it is a folder',
  special: 'it is no regular file',
  name: 'its name has characters that no file name should have, or is too long',
  unreadable: 'it cannot be read',
  fileBytes: 'it is larger than a file may be',
  runBytes: 'the files of a run may not be larger together',
  files: 'a run may not leave more files',
};

/** Thrown if a file may not be in a {@link Collection}: whoever looked at it first knows the limits. */
export class NotAllowedError extends Error {
  override readonly name = 'NotAllowedError';
}

/** Copies of the files that a run left, within its limits, in a folder of the agent. */
export class Collection {
  readonly #to: Pick<FilesOfPrompt, 'collectTo' | 'limits'>;
  readonly #files: CollectedFiles['files'][number][] = [];
  readonly #leftOut: string[] = [];
  #more = 0;
  #left: number;
  #problem: unknown;

  constructor(to: Pick<FilesOfPrompt, 'collectTo' | 'limits'>) {
    this.#to = to;
    this.#left = to.limits.runBytes;
  }

  /**
   * Copies a file. If the disk cannot be written, all of it is read nevertheless, and {@link result} says so.
   * @param read returns the next part, at most as much as it is asked for; nothing at the end, which may come early.
   * @throws {NotAllowedError}
   * @throws what `read` throws; the file is then not in the result.
   */
  async add(name: string, bytes: number, read: (most: number) => Promise<Buffer>): Promise<void> {
    const { collectTo, limits } = this.#to;
    const isKnown = this.#files.some((file) => file.name === name);
    const isTooMuch = this.#files.length >= limits.files || bytes > limits.fileBytes || bytes > this.#left;
    if (isKnown || isTooMuch || !isFileName(name)) throw new NotAllowedError('a file that may not be kept');
    this.#left -= bytes;
    // Names that differ for a run can be the same for another system.
    const copy = path.join(collectTo, String(this.#files.length));
    const keep = async (data: Buffer) => {
      if (this.#problem !== undefined) return;
      await handle?.writeFile(data).catch((error: unknown) => (this.#problem = error));
    };
    await using handle = await this.#create(copy);
    let copied = 0;
    while (copied < bytes) {
      const data = await read(Math.min(CHUNK_BYTES, bytes - copied));
      if (data.length === 0) break;
      copied += data.length;
      await keep(data);
    }
    if (this.#problem === undefined) this.#files.push({ name, bytes: copied, path: copy });
  }

  /** A file is not kept. */
  leaveOut({ name, why }: LeftOut): void {
    if (this.#leftOut.length < NAMED)
      this.#leftOut.push(`The file ${shownName(name)} that the run left was not kept: ${BECAUSE[why]}.`);
    else this.#more += 1;
  }

  /** That many more files are not kept. */
  leaveOutMore(count: number): void {
    this.#more += count;
  }

  /** The rest cannot be copied. */
  fail(error: unknown): void {
    this.#problem ??= error;
  }

  get result(): CollectedFiles {
    const why = this.#problem instanceof Error ? this.#problem.message : String(this.#problem);
    return {
      files: this.#files,
      warnings: [
        ...this.#leftOut,
        ...(this.#more > 0 ? [`${this.#more} more files that the run left were not kept.`] : []),
        ...(this.#problem === undefined ? [] : [`Files that the run left could not be copied (${why}).`]),
      ],
    };
  }

  /** Undefined if it cannot be created. */
  async #create(file: string) {
    try {
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      return await open(file, 'wx', 0o600);
    } catch (error) {
      this.#problem ??= error;
      return undefined;
    }
  }
}
