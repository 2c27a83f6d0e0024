import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { FILE_LIMITS, UPLOAD_MS } from '../contract.ts';
import type { Log } from '../log.ts';
import { StorageError } from '../runs/errors.ts';
import type { FileRecords, Upload } from '../store/file-records.ts';
import { isStorageFailure } from '../store/storage-failure.ts';
import type { Run } from '../store/run.ts';
import type { Contents, HeldContent } from './contents.ts';
import { FilesFullError, FileTooLargeError, type FileSizes } from './errors.ts';
import { typeOf } from './media-types.ts';
import type { CollectedFiles, FilesOfPrompt, InputFile, RunFile } from './run-files.ts';

/** The share of all room that is nearly all of it. */
const NEARLY = 0.9;

/** Files with contents that are held until they are released. */
export interface HeldFiles {
  readonly files: readonly RunFile[];
  readonly warnings: readonly string[];
  readonly release: () => void;
}

/** Thrown for a run whose file has no content any more. The message is a sentence about the run. */
export class MissingContentError extends Error {
  override readonly name = 'MissingContentError';
}

/** What {@link FileStore} needs. */
export interface FileStoreDependencies {
  readonly contents: Contents;
  readonly records: FileRecords;
  readonly sizes: FileSizes;
  readonly log: Log;
}

/** What a client is told about a disk that cannot be written. */
function refused(error: unknown): unknown {
  if (!isStorageFailure(error)) return error;
  const isFull = ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
  return isFull ? new FilesFullError() : new StorageError('The file was not stored, because the disk fails.', error);
}

/** The files that clients send for runs, and those that runs leave. */
export class FileStore {
  readonly sizes: FileSizes;
  readonly #contents: Contents;
  readonly #records: FileRecords;
  readonly #log: Log;

  constructor({ contents, records, sizes, log }: FileStoreDependencies) {
    this.sizes = sizes;
    this.#contents = contents;
    this.#records = records;
    this.#log = log;
  }

  /** The number and the size of all files with different contents. */
  get stored(): { readonly count: number; readonly bytes: number; readonly limitBytes: number } {
    const { count, bytes, limitBytes } = this.#contents;
    return { count, bytes, limitBytes };
  }

  /** That nearly all room is taken, in sentences; undefined while it is not. */
  get problem(): string | undefined {
    const { bytes, limitBytes } = this.#contents;
    if (bytes < NEARLY * limitBytes) return undefined;
    const [used, all] = [bytes, limitBytes].map((each) => Math.round(each / 1_048_576));
    return `The files of runs use ${used} of ${all} MiB. Files over that limit are refused.`;
  }

  /**
   * Stores a file that any run of its caller may use for a day.
   * @throws {FileTooLargeError | FilesFullError} and whatever the source or the disk throws; nothing is stored then.
   */
  async upload(
    source: AsyncIterable<Uint8Array>,
    { name, type, caller }: Pick<Upload, 'name' | 'type' | 'caller'>,
  ): Promise<Upload> {
    const { sha256, bytes, release } = await this.receive(source, name);
    try {
      const upload = { fileId: randomUUID(), name, bytes, sha256, type, caller, uploadedAt: new Date().toISOString() };
      this.#records.addUpload(upload);
      return upload;
    } catch (error) {
      throw refused(error);
    } finally {
      release();
    }
  }

  /** An upload that a caller can use. */
  find(fileId: string, caller: string): Upload | undefined {
    const upload = this.#records.findUpload(fileId);
    if (upload?.caller !== caller || Date.parse(upload.uploadedAt) + UPLOAD_MS <= Date.now()) return undefined;
    return this.#contents.find(upload.sha256) === undefined ? undefined : upload;
  }

  /**
   * Stores a content until it is released, or longer if a record names it by then.
   * @param before the size of other files of the same run.
   * @throws see {@link upload}.
   */
  async receive(source: AsyncIterable<Uint8Array>, name: string, before = 0): Promise<HeldContent> {
    const { fileBytes, runBytes } = this.sizes;
    const left = runBytes - before;
    const tooLarge = () => new FileTooLargeError(this.sizes, left < fileBytes ? undefined : name);
    try {
      this.#records.assertRoom();
      const content = await this.#contents.receive(source, Math.min(fileBytes, left), tooLarge);
      return { ...content, release: () => this.#release(content) };
    } catch (error) {
      throw refused(error);
    }
  }

  /** Keeps a content until the returned function is called, or longer if a record names it by then. */
  hold({ sha256 }: Pick<RunFile, 'sha256'>): () => void {
    const release = this.#contents.hold(sha256);
    return () => this.#release({ sha256, release });
  }

  /** Where the content of a file is; undefined if it is lost. */
  pathOf({ sha256 }: RunFile): string | undefined {
    return this.#contents.find(sha256);
  }

  /**
   * The files for a run that starts.
   * @throws {MissingContentError}
   */
  forRun({ id, request: { files = [] } }: Run): FilesOfPrompt {
    const inputs = files.map((file): InputFile => {
      const path = this.pathOf(file);
      if (path === undefined) {
        throw new MissingContentError(
          `The file ${JSON.stringify(file.name)} is no longer on the agent's volume. The run was not started. Send it again with the file.`,
        );
      }
      return { ...file, path };
    });
    const { fileBytes, runBytes } = this.sizes;
    return {
      inputs,
      collectTo: this.#contents.folderFor(id),
      limits: { files: FILE_LIMITS.files, fileBytes, runBytes },
    };
  }

  /** Keeps the files that a run left, until they are released or its record names them. Never rejects. */
  async keep({ id }: Run, collected: CollectedFiles): Promise<HeldFiles> {
    const files: RunFile[] = [];
    const warnings = [...collected.warnings];
    const releases: (() => void)[] = [];
    for (const { name, path } of collected.files) {
      try {
        this.#records.assertRoom();
        const content = await this.#contents.adopt(path);
        const { sha256, bytes } = content;
        releases.push(() => this.#release(content));
        files.push({ name, bytes, sha256, type: typeOf(name) });
      } catch (error) {
        warnings.push(`The file ${JSON.stringify(name)} was not kept. ${this.#why(error, id)}`);
      }
    }
    await rm(this.#contents.folderFor(id), { recursive: true, force: true }).catch((error: unknown) =>
      this.#log.error({ runId: id, err: error }, 'copies of the files of a run cannot be removed'),
    );
    return { files, warnings, release: () => releases.forEach((release) => release()) };
  }

  /** Removes uploads that are too old, and contents that no record names. Returns how many. */
  async prune(): Promise<number> {
    const uploads = this.#records.removeUploads(new Date(Date.now() - UPLOAD_MS).toISOString());
    return uploads + (await this.#contents.removeUnused((sha256) => this.#records.names(sha256)));
  }

  /** Does not throw: the next {@link prune} removes what is left. */
  #release({ sha256, release }: Pick<HeldContent, 'sha256' | 'release'>): void {
    release();
    try {
      if (!this.#records.names(sha256)) this.#contents.remove(sha256);
    } catch (error) {
      this.#log.error({ err: error }, 'the content of a file cannot be removed');
    }
  }

  #why(error: unknown, runId: string): string {
    if (error instanceof FilesFullError) return error.message;
    this.#log.error({ runId, err: error }, 'a file of a run cannot be kept');
    return isStorageFailure(error) ? "The agent's volume cannot be written." : "The agent's log has the reason.";
  }
}
