import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { move } from './own-files.ts';
import type { WorkspaceLifetime } from '../contract.ts';
import { diskUse, type DiskUse } from './disk-use.ts';
import { ensureFolder } from './folders.ts';
import type { Log } from '../log.ts';
import { workdirProblem } from './workdir.ts';

/** The folder of the workspace that every run finds empty, where its lifetime is the run. */
const RUN_FOLDER = 'run';
/** Where its content waits to be removed, which may take long. */
const REMOVED_FOLDER = '.removed';
const MEBIBYTE = 1_048_576;
const LOOK_EVERY_MS = 10_000;
/** One look for a series of short runs: starting `du` stops everything else for some milliseconds. */
const LOOK_AFTER_MS = 1000;
/** Looking takes at most a tenth of the time. */
const LOOK_SHARE = 10;
const NAMED = 3;

/** Thrown when the folder of the workspace is gone and cannot be made again. */
export class WorkspaceUnusableError extends Error {
  override readonly name = 'WorkspaceUnusableError';
}

/** What {@link Workspace} is made of. */
export interface WorkspaceDependencies {
  readonly dir: string;
  /** `run`: a run that names no folder begins in an empty one, which is emptied after it. */
  readonly lifetime: WorkspaceLifetime;
  /** What the whole may take on disk, in mebibytes; undefined for no limit. */
  readonly megabytes: number | undefined;
  readonly log: Log;
}

/** A process whose run is ended when it fills the workspace. */
interface Writer {
  end(reason: 'workspace'): void;
}

/** The folder that runs work in: how long what they leave lives, and how much of it there may be. */
export class Workspace {
  /** Every folder of a run is inside. A real path. */
  readonly dir: string;
  /** Where a run works that names no folder. */
  readonly runDir: string;
  readonly #dependencies: WorkspaceDependencies;
  #use: DiskUse | undefined;
  #looking: Promise<void> | undefined;
  #nextLook: NodeJS.Timeout | undefined;

  constructor(dependencies: WorkspaceDependencies) {
    this.#dependencies = dependencies;
    mkdirSync(dependencies.dir, { recursive: true, mode: 0o700 });
    this.dir = realpathSync(dependencies.dir);
    this.runDir = dependencies.lifetime === 'run' ? path.join(this.dir, RUN_FOLDER) : this.dir;
    ensureFolder(this.runDir);
  }

  /**
   * Makes its folders again where a run or somebody else removed them. What has their place, such as a link, is renamed.
   * @throws {WorkspaceUnusableError} when that does not work; says why.
   */
  ensure(): void {
    for (const dir of new Set([this.dir, this.runDir])) {
      try {
        const aside = ensureFolder(dir);
        if (aside !== undefined)
          this.#dependencies.log.warn(
            { dir, aside },
            'a folder of the workspace was replaced and has been created again',
          );
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new WorkspaceUnusableError(`The workspace ${dir} cannot be used: ${why}.`, { cause: error });
      }
    }
  }

  /**
   * Why a run cannot begin in a folder, a sentence; undefined where it can. To be asked right before it begins: while it
   * waited, another run may have removed the folder, or put a link in its place.
   */
  problemWith(workdir: string): string | undefined {
    try {
      this.ensure();
    } catch (error) {
      if (!(error instanceof WorkspaceUnusableError)) throw error;
      return error.message;
    }
    return workdirProblem(workdir, this.dir);
  }

  /** What it took on disk when it was last looked at, in bytes. */
  get bytes(): number {
    return this.#use?.bytes ?? 0;
  }

  /** In bytes; undefined for no limit. */
  get limitBytes(): number | undefined {
    return this.#dependencies.megabytes === undefined ? undefined : this.#dependencies.megabytes * MEBIBYTE;
  }

  /** Why nothing may begin: it is over its limit. Says what to do. */
  get problem(): string | undefined {
    const use = this.#use;
    if (!use || this.limitBytes === undefined || use.bytes <= this.limitBytes) return undefined;
    const inMegabytes = (bytes: number) => `${Math.ceil(bytes / MEBIBYTE)} MB`;
    const largest = use.largest.slice(0, NAMED).map(({ folder, bytes }) => `${folder} (${inMegabytes(bytes)})`);
    return (
      `The workspace ${this.dir} uses ${inMegabytes(use.bytes)} of disk, more than its limit of ${inMegabytes(this.limitBytes)}. ` +
      `Delete files that are no longer needed. Largest: ${largest.join(', ') || 'files in the folder itself'}.`
    );
  }

  /** Looks again whether it is over its limit, unless somebody does so already. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /**
   * Ends a run that fills it over its limit.
   * @returns a function that ends the watching.
   */
  watch(process: Writer): () => void {
    const over = new AbortController();
    if (this.limitBytes !== undefined) void this.#watch(process, over.signal);
    return () => over.abort();
  }

  /** No process works in it: what a run left goes, where that is wanted, before the next one begins. */
  cleanUp(): void {
    try {
      this.ensure();
    } catch (error) {
      this.#dependencies.log.error({ err: error, dir: this.dir }, 'the workspace cannot be used');
      return;
    }
    if (this.runDir !== this.dir) this.#setAside();
    void this.#remove().then(() => this.#lookSoon());
  }

  #lookSoon(): void {
    if (this.#nextLook) return;
    this.#nextLook = setTimeout(() => {
      this.#nextLook = undefined;
      void this.look();
    }, LOOK_AFTER_MS).unref();
  }

  async #look(): Promise<void> {
    try {
      this.#use = await diskUse(this.dir);
    } catch (error) {
      this.#dependencies.log.warn({ err: error, dir: this.dir }, 'the size of the workspace cannot be measured');
    }
  }

  async #watch(process: Writer, over: AbortSignal): Promise<void> {
    const isOver = () => over.aborted;
    for (let pause = LOOK_EVERY_MS; !isOver();) {
      await sleep(pause, undefined, { signal: over, ref: false }).catch(() => undefined);
      if (isOver()) return;
      const begun = Date.now();
      await this.look();
      pause = Math.max(LOOK_EVERY_MS, (Date.now() - begun) * LOOK_SHARE);
      if (this.problem !== undefined && !isOver()) process.end('workspace');
    }
  }

  /** Moving takes no time, however much there is. The folder itself stays: a process may be waiting in it. */
  #setAside(): void {
    const removed = path.join(this.dir, REMOVED_FOLDER);
    const aside = path.join(removed, randomUUID());
    try {
      const entries = readdirSync(this.runDir);
      if (entries.length === 0) return;
      ensureFolder(removed);
      mkdirSync(aside);
      for (const entry of entries) move(path.join(this.runDir, entry), path.join(aside, entry));
    } catch (error) {
      this.#dependencies.log.error({ err: error, dir: this.runDir }, 'the folder of runs cannot be emptied');
    }
  }

  /** A folder that its owner may not write to cannot be removed before that is changed. */
  async #remove(): Promise<void> {
    const removed = path.join(this.dir, REMOVED_FOLDER);
    try {
      await rm(removed, { recursive: true, force: true }).catch(async () => {
        await promisify(execFile)('chmod', ['-R', 'u+rwX', removed]);
        await rm(removed, { recursive: true, force: true, maxRetries: 3 });
      });
    } catch (error) {
      this.#dependencies.log.error({ err: error, dir: removed }, 'leftovers of a run cannot be removed');
    }
  }
}
