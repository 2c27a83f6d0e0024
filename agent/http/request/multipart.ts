import type { IncomingMessage } from 'node:http';
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { FILE_LIMITS, RUN_LIMITS } from '../../contract.ts';
import type { FileStore } from '../../files/file-store.ts';
import { typeOf } from '../../files/media-types.ts';
import { ProblemError } from '../problem.ts';
import { freeing } from './freeing.ts';
import { tooLarge } from './json-body.ts';
import type { FilePart } from './request-files.ts';

/** The part with the request of the run. */
const REQUEST = 'request';
/** What errors name for all other parts. */
const FILES = 'files';

/** A body with the request of a run and files. */
export interface MultipartBody {
  /** Of the part `request`. */
  readonly request: Uint8Array<ArrayBuffer>;
  /** Their contents are held until they are released. */
  readonly parts: readonly FilePart[];
  readonly release: () => void;
}

/**
 * Reads a body, and stores its files as they arrive.
 * @throws {ProblemError} for a body that is not complete, or has other parts.
 * @throws {FileTooLargeError | FilesFullError} and whatever the disk throws. Nothing of it is held then.
 */
export async function readMultipart(
  incoming: IncomingMessage,
  contentType: string,
  store: FileStore,
): Promise<MultipartBody> {
  const reader = new Reader(contentType, store);
  try {
    return await reader.read(incoming);
  } catch (error) {
    reader.release();
    throw error;
  }
}

class Reader {
  readonly #store: FileStore;
  readonly #busboy: BusboyInstance;
  readonly #end = Promise.withResolvers<undefined>();
  readonly #parts: Promise<FilePart>[] = [];
  readonly #open = new Set<BusboyFileStream>();
  readonly #releases: (() => void)[] = [];
  #request: string | undefined;
  /** What an error concerns that has no part of its own. */
  #reading: typeof REQUEST | typeof FILES = REQUEST;
  /** Of the files before the present one. */
  readonly #earlier: BusboyFileStream[] = [];
  #isReleased = false;

  constructor(contentType: string, store: FileStore) {
    this.#store = store;
    try {
      this.#busboy = new Busboy({
        headers: { 'content-type': contentType },
        preservePath: true,
        // No chunk waits behind another: they would be read together, as a copy, and not be freed.
        fileHwm: 1,
        limits: {
          fieldNameSize: FILE_LIMITS.nameBytes,
          fieldSize: RUN_LIMITS.bodyBytes,
          files: FILE_LIMITS.files,
          fields: 1,
          headerPairs: 20,
          headerSize: 8192,
        },
        isPartAFile: (field, _, filename) => {
          const isFile = filename !== undefined && field !== REQUEST;
          this.#reading = isFile ? FILES : REQUEST;
          return isFile;
        },
      });
    } catch (error) {
      throw notMultipart((error as Error).message);
    }
    // Each part is awaited later.
    this.#end.promise.catch(() => undefined);
  }

  async read(incoming: IncomingMessage): Promise<MultipartBody> {
    const fail = (error: unknown) => {
      this.#end.reject(error);
      // What is being stored ends.
      for (const file of this.#open) file.destroy(error instanceof Error ? error : new Error(String(error)));
    };
    this.#busboy
      .on('file', (field, stream, filename, _, type) => this.#take(field, stream, filename, type, fail))
      .on('field', (field, value, _, isTruncated) => {
        if (field !== REQUEST)
          fail(
            notMultipart(
              `the part ${JSON.stringify(field)} is neither \`${REQUEST}\` nor a file: a file has a filename`,
              field,
            ),
          );
        else if (isTruncated) fail(tooLarge());
        else this.#request = value;
      })
      .on('fieldsLimit', () => fail(notMultipart(`it may have one part that is no file, \`${REQUEST}\``, REQUEST)))
      .on('filesLimit', () => fail(notMultipart(`it may have at most ${FILE_LIMITS.files} files`, FILES)))
      .on('error', (error) => fail(notMultipart((error as Error).message, this.#reading)))
      .on('finish', () => this.#end.resolve(undefined));
    const cutOff = () => {
      if (!incoming.complete) fail(notMultipart('the connection ended in the middle of it', this.#reading));
    };
    incoming.once('error', cutOff).once('close', cutOff);
    incoming.pipe(this.#busboy);
    try {
      await this.#end.promise;
      const parts = await Promise.all(this.#parts);
      if (this.#request === undefined)
        throw notMultipart(`the part \`${REQUEST}\` with the JSON of the run is missing`, REQUEST);
      return { request: new TextEncoder().encode(this.#request), parts, release: () => this.release() };
    } finally {
      incoming.off('error', cutOff).off('close', cutOff);
      incoming.unpipe(this.#busboy);
      await Promise.allSettled(this.#parts);
    }
  }

  /** Also what is stored later. */
  release(): void {
    this.#isReleased = true;
    for (const release of this.#releases.splice(0)) release();
  }

  #take(field: string, stream: BusboyFileStream, filename: string, said: string, fail: (error: unknown) => void): void {
    this.#open.add(stream);
    // Whoever stores it learns about its end, but may not have begun to read.
    stream.on('error', () => undefined);
    const before = this.#earlier.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    this.#earlier.push(stream);
    const name = filename === '' ? field : filename;
    const part = this.#store
      .receive(freeing(stream), name, before)
      .then(({ release, sha256, bytes }) => {
        if (this.#isReleased) release();
        else this.#releases.push(release);
        return { name, sha256, bytes, type: typeOf(name, said) };
      })
      .finally(() => this.#open.delete(stream));
    part.catch(fail);
    this.#parts.push(part);
  }
}

/** @param field the part that is wrong; undefined if the headers are. */
function notMultipart(why: string, field?: string): ProblemError {
  const message = `The multipart body cannot be read: ${why}.`;
  const errors = field === undefined ? {} : { errors: [{ field: field.slice(0, 100), message }] };
  return new ProblemError('invalid-multipart', message, errors);
}
