import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { FilesFullError, type FileTooLargeError } from './errors.ts';
import { FileHash } from './file-hash.ts';
import { FileWriter } from './file-writer.ts';

/** The SHA-256 of a content in hex, which is the name of its file. */
const HASH = /^[0-9a-f]{64}$/;
/** A content that is being received, and a folder for the files that a run leaves. Both are removed at the next start. */
const UNFINISHED = /^\.(new|out)-/;

/** A content in the store. */
export interface Content {
  /** In hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** A content that stays at least until it is released. */
export interface HeldContent extends Content {
  readonly release: () => void;
}

/** The contents of files, each once, in a folder of the agent. */
export class Contents {
  readonly #dir: string;
  readonly #limitBytes: number;
  /** The size of each content, by its hash. */
  readonly #sizes = new Map<string, number>();
  /** How many requests and runs need a content that no record names yet. */
  readonly #held = new Map<string, number>();
  #bytes = 0;
  /** What is being received now. */
  #arriving = 0;

  /**
   * Reads what is there, and removes what an earlier agent did not finish.
   * @param limitBytes of all contents together.
   * @throws if the folder cannot be read or written.
   */
  constructor(dir: string, limitBytes: number) {
    this.#dir = dir;
    this.#limitBytes = limitBytes;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(dir)) {
      const file = path.join(dir, name);
      if (UNFINISHED.test(name)) rmSync(file, { recursive: true, force: true });
      else if (HASH.test(name)) this.#add({ sha256: name, bytes: statSync(file).size });
    }
  }

  /** The size of all contents. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#sizes.size;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** Where a content is; undefined if it is not there. */
  find(sha256: string): string | undefined {
    return this.#sizes.has(sha256) ? path.join(this.#dir, sha256) : undefined;
  }

  /** A folder for the files that a run leaves. It does not exist yet. */
  folderFor(runId: string): string {
    return path.join(this.#dir, `.out-${runId}`);
  }

  /**
   * Stores a content as it arrives. Needs a chunk no more when it asks for the next.
   * @param tooLarge makes the error for more than `limit` bytes.
   * @throws {FileTooLargeError | FilesFullError} and whatever the source or the disk throws; nothing is stored then.
   */
  async receive(
    source: AsyncIterable<Uint8Array>,
    limit: number,
    tooLarge: () => FileTooLargeError,
  ): Promise<HeldContent> {
    const file = path.join(this.#dir, `.new-${randomUUID()}`);
    let bytes = 0;
    try {
      await using handle = await open(file, 'wx+', 0o400);
      await using writer = new FileWriter(handle);
      for await (const chunk of source) {
        if (bytes + chunk.length > limit) throw tooLarge();
        this.#assertRoom(chunk.length);
        bytes += chunk.length;
        this.#arriving += chunk.length;
        await writer.write(chunk);
      }
      return await this.#keep(file, { sha256: await writer.end(), bytes });
    } finally {
      this.#arriving -= bytes;
      await rm(file, { force: true });
    }
  }

  /**
   * Moves a file into the store.
   * @param file on the same file system. Nobody else writes to it.
   * @throws {FilesFullError} and whatever the disk throws; the file may then still be there.
   */
  async adopt(file: string): Promise<HeldContent> {
    await using handle = await open(file, 'r');
    await using hash = new FileHash(handle.fd);
    const { size: bytes } = await handle.stat();
    const content = { sha256: await hash.digest(bytes), bytes };
    if (!this.#sizes.has(content.sha256)) this.#assertRoom(content.bytes);
    await handle.datasync();
    return await this.#keep(file, content);
  }

  /** Keeps a content although no record names it yet, until the returned function is called. */
  hold(sha256: string): () => void {
    this.#held.set(sha256, (this.#held.get(sha256) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const others = (this.#held.get(sha256) ?? 1) - 1;
      if (others === 0) this.#held.delete(sha256);
      else this.#held.set(sha256, others);
    };
  }

  /**
   * Removes contents that nobody needs.
   * @param isNamed whether a record names a content.
   * @returns how many were removed.
   */
  async removeUnused(isNamed: (sha256: string) => boolean): Promise<number> {
    let removed = 0;
    for (const sha256 of this.#sizes.keys()) {
      if (!isNamed(sha256) && this.remove(sha256)) removed += 1;
      await setImmediate();
    }
    return removed;
  }

  /** Removes a content, unless it is held. At once: the same content may arrive again. Returns whether it was removed. */
  remove(sha256: string): boolean {
    const bytes = this.#sizes.get(sha256);
    if (bytes === undefined || this.#held.has(sha256)) return false;
    this.#sizes.delete(sha256);
    this.#bytes -= bytes;
    rmSync(path.join(this.#dir, sha256), { force: true });
    return true;
  }

  /** @throws {FilesFullError} if there is no room for so many more bytes. */
  #assertRoom(bytes: number): void {
    if (this.#bytes + this.#arriving + bytes > this.#limitBytes) throw new FilesFullError(this.#limitBytes);
  }

  async #keep(file: string, content: Content): Promise<HeldContent> {
    const release = this.hold(content.sha256);
    try {
      if (!this.#sizes.has(content.sha256)) {
        await rename(file, path.join(this.#dir, content.sha256));
        await using folder = await open(this.#dir, 'r');
        await folder.sync();
      }
      this.#add(content);
      return { ...content, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #add({ sha256, bytes }: Content): void {
    if (this.#sizes.has(sha256)) return;
    this.#sizes.set(sha256, bytes);
    this.#bytes += bytes;
  }
}
