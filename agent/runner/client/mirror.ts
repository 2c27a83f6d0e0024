import { mkdir, open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { ByteQueue } from '../flow.ts';
import { CHUNK_BYTES, ProtocolError, PULL_LIMITS, type FileState } from '../protocol.ts';

/** Each part of a path. A run has chosen it. */
const PART = /^(?!\.{1,2}$)[^/\\\0]{1,255}$/;

/** A folder of the agent with copies of files of a runner, which is not trusted. */
export class Mirror {
  readonly #folder: string;
  readonly #files = new Map<string, FileState>();

  /** @param folder absolute. Only this mirror writes to it. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The files as they were copied. */
  get known(): FileState[] {
    return [...this.#files.values()];
  }

  /**
   * Copies a file, from an offset on. Reads all of its content, also if it cannot be written.
   * @throws {ProtocolError} if the runner may not send it.
   * @throws if it cannot be written.
   */
  async take(file: FileState, offset: number, content: ByteQueue): Promise<void> {
    this.#check(file, offset);
    let problem: unknown;
    const handle = await this.#open(file.path, offset).catch((error: unknown) => void (problem = error));
    try {
      for (let left = file.bytes - offset; left > 0;) {
        const data = await content.read(Math.min(left, CHUNK_BYTES));
        if (data.length === 0) throw new Error('the connection ended in the middle of a file');
        left -= data.length;
        if (problem === undefined) await handle?.writeFile(data).catch((error: unknown) => (problem = error));
      }
      if (problem !== undefined) throw problem as Error;
      await handle?.utimes(new Date(), new Date(file.mtimeMs));
      this.#files.set(file.path, file);
    } finally {
      await handle?.close();
    }
  }

  #check(file: FileState, offset: number): void {
    const parts = file.path.split('/');
    if (file.path.length > PULL_LIMITS.pathChars || parts.length > PULL_LIMITS.depth || !parts.every(isPart)) {
      throw new ProtocolError('a file with an invalid path');
    }
    const old = this.#files.get(file.path);
    if (offset !== 0 && (offset !== old?.bytes || offset > file.bytes)) throw new ProtocolError('an invalid offset');
    const others = this.known.filter(({ path: name }) => name !== file.path);
    const bytes = others.reduce((sum, each) => sum + each.bytes, file.bytes);
    if (others.length >= PULL_LIMITS.files || bytes > PULL_LIMITS.bytes) throw new ProtocolError('too many files');
  }

  async #open(name: string, offset: number): Promise<FileHandle> {
    const file = path.join(this.#folder, name);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    return open(file, offset === 0 ? 'w' : 'a', 0o600);
  }
}

const isPart = (part: string) => PART.test(part);
