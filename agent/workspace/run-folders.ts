import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { WorkspaceLifetime } from '../contract.ts';
import type { Log } from '../log.ts';
import { removeTree } from '../remove-tree.ts';
import { ensureFolder } from './folders.ts';
import { move } from './own-files.ts';

/** With lifetime `run`: the folder in the workspace that is empty for every run. */
const FIRST = 'run';
/** The same for runs that are in progress at the same time: `.run-2`, `.run-3`, … */
const FURTHER = /^\.run-\d+$/;
/** Folders that are being removed, which may take long. */
const REMOVED = /^\.removed(-[0-9a-f-]{36})?$/;

/** The folders of runs that name none: the workspace itself or, with lifetime `run`, an empty one for each. */
export class RunFolders {
  /** The folder of a run, unless another run in progress has it. */
  readonly first: string;
  readonly #dir: string;
  readonly #log: Log;
  readonly #taken = new Set<string>();
  /** Names. */
  readonly #removing = new Set<string>();

  /** @param dir the workspace, a real path. */
  constructor(dir: string, lifetime: WorkspaceLifetime, log: Log) {
    this.#dir = dir;
    this.#log = log;
    this.first = lifetime === 'run' ? path.join(dir, FIRST) : dir;
  }

  /** Those that must exist now. */
  get needed(): readonly string[] {
    return [this.first, ...this.#taken];
  }

  /**
   * Gives a run a folder until {@link leave}.
   * @param workdir what the run named, or {@link first}.
   */
  enter(workdir: string): string {
    if (workdir !== this.first || this.first === this.#dir) return workdir;
    let folder = this.first;
    for (let n = 2; this.#taken.has(folder); n += 1) folder = path.join(this.#dir, `.run-${n}`);
    this.#taken.add(folder);
    return folder;
  }

  /** Call when no process of a run is left. */
  leave(folder: string): void {
    this.#taken.delete(folder);
  }

  /**
   * Removes what is in the folders that no run has.
   * @returns when it is gone from the disk.
   * @throws if the workspace cannot be read.
   */
  async empty(): Promise<void> {
    if (this.first !== this.#dir) {
      const all = [FIRST, ...this.#namesLike(FURTHER)].map((name) => path.join(this.#dir, name));
      for (const folder of all.filter((each) => !this.#taken.has(each))) this.#setAside(folder);
    }
    await Promise.all(this.#namesLike(REMOVED).map((name) => this.#remove(name)));
  }

  #namesLike(pattern: RegExp): string[] {
    return readdirSync(this.#dir).filter((name) => pattern.test(name));
  }

  /** Moves the content away, which is fast for any amount. The folder itself stays, because a warm process may be in it. */
  #setAside(folder: string): void {
    const aside = path.join(this.#dir, `.removed-${randomUUID()}`);
    try {
      ensureFolder(folder);
      const entries = readdirSync(folder);
      if (entries.length === 0) return;
      mkdirSync(aside);
      for (const entry of entries) move(path.join(folder, entry), path.join(aside, entry));
    } catch (error) {
      this.#log.error({ err: error, dir: folder }, 'the folder of runs cannot be emptied');
    }
  }

  async #remove(name: string): Promise<void> {
    if (this.#removing.has(name)) return;
    this.#removing.add(name);
    const removed = path.join(this.#dir, name);
    try {
      await removeTree(removed);
    } catch (error) {
      this.#log.error({ err: error, dir: removed }, 'leftovers of a run cannot be removed');
    } finally {
      this.#removing.delete(name);
    }
  }
}
