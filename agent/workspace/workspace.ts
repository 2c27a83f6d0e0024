import { mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AGENT_ENV, type WorkspaceLifetime } from '../contract.ts';
import { isInside } from '../is-inside.ts';
import { diskUse, type DiskUse } from './disk-use.ts';
import { ensureFolder } from './folders.ts';
import type { Log } from '../log.ts';
import { RunFolders } from './run-folders.ts';
import { insideWorkspace, workdirProblem } from './workdir.ts';

const MEBIBYTE = 1_048_576;
const LOOK_EVERY_MS = 10_000;
/** A series of short runs shares one measurement: starting `du` blocks everything else for a few milliseconds. */
const LOOK_AFTER_MS = 1000;
/** Measuring takes at most a tenth of the time. */
const LOOK_SHARE = 10;
const NAMED = 3;

/** Thrown when the workspace folder is gone and cannot be created again. */
export class WorkspaceUnusableError extends Error {
  override readonly name = 'WorkspaceUnusableError';
}

/** What {@link Workspace} needs. */
export interface WorkspaceDependencies {
  readonly dir: string;
  /**
   * `run`: a run that names no folder starts in an empty one of its own, which is emptied afterwards. On runners the whole
   * workspace is.
   */
  readonly lifetime: WorkspaceLifetime;
  /** Whether runs are executed on runners. They have a workspace of their own, whose paths begin with `dir` here. */
  readonly onRunners?: boolean;
  /** The limit of the workspace on disk, in mebibytes; undefined for no limit. */
  readonly megabytes: number | undefined;
  readonly log: Log;
}

/** A process that is ended when its run fills the workspace. */
interface Writer {
  end(reason: 'workspace'): void;
}

/** The folder that runs work in, with the lifetime and the size limit of its files. */
export class Workspace {
  /** Contains the folder of every run. A real path. */
  readonly dir: string;
  /** The folder of a run that names none, unless another run in progress has it; see {@link enter}. */
  readonly runDir: string;
  readonly #runFolders: RunFolders;
  readonly #dependencies: WorkspaceDependencies;
  #use: DiskUse | undefined;
  #looking: Promise<void> | undefined;
  #nextLook: NodeJS.Timeout | undefined;

  constructor(dependencies: WorkspaceDependencies) {
    this.#dependencies = dependencies;
    mkdirSync(dependencies.dir, { recursive: true, mode: 0o700 });
    this.dir = realpathSync(dependencies.dir);
    this.#runFolders = new RunFolders(this.dir, this.#isElsewhere ? 'keep' : dependencies.lifetime, dependencies.log);
    this.runDir = this.#runFolders.first;
    ensureFolder(this.runDir);
  }

  /**
   * Creates its folders again if a run or someone else removed them. Anything in their place, such as a link, is renamed.
   * @throws {WorkspaceUnusableError} if that fails; the message has the reason.
   */
  ensure(): void {
    for (const dir of new Set([this.dir, ...this.#runFolders.needed])) {
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
   * The folder that a run works in until {@link cleanUp}.
   * @param workdir what the run named, or {@link runDir}.
   */
  enter(workdir: string): string {
    return this.#runFolders.enter(workdir);
  }

  /**
   * Why a run cannot start in a folder, as a sentence; undefined if it can. Call it right before the start: while the run
   * waited, another one may have removed the folder or replaced it by a link.
   */
  problemWith(workdir: string): string | undefined {
    try {
      this.ensure();
    } catch (error) {
      if (!(error instanceof WorkspaceUnusableError)) throw error;
      return error.message;
    }
    return this.#isElsewhere ? undefined : workdirProblem(workdir, this.dir);
  }

  /** Checks a folder that a request names. @returns its path, or what it must be. */
  check(workdir: string): { path: string } | { problem: string } {
    // It is made again before each start: a run may remove it at any moment.
    if (workdir === this.runDir) return { path: workdir };
    if (!this.#isElsewhere) return insideWorkspace(workdir, this.dir);
    if (this.#dependencies.lifetime === 'run')
      return {
        problem: `must be left out, because each run has a new, empty folder on a runner; ${AGENT_ENV.workspaceLifetime} is run (in the stack, set workspaceStorage to volume)`,
      };
    // Whether the folder exists is known only there.
    const folder = path.resolve(workdir);
    return path.isAbsolute(workdir) && (folder === this.dir || isInside(folder, this.dir))
      ? { path: folder }
      : { problem: `must be an absolute path inside the workspace ${this.dir}` };
  }

  get #isElsewhere(): boolean {
    return this.#dependencies.onRunners === true;
  }

  /** Its disk use when it was last measured, in bytes. */
  get bytes(): number {
    return this.#use?.bytes ?? 0;
  }

  /** In bytes; undefined for no limit. */
  get limitBytes(): number | undefined {
    return this.#dependencies.megabytes === undefined ? undefined : this.#dependencies.megabytes * MEBIBYTE;
  }

  /** Why no run may start: the workspace is over its limit. Includes what to do. */
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

  /** Measures again whether it is over its limit, unless a measurement is in progress. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /**
   * Ends a run when it fills the workspace over its limit.
   * @returns a function that stops watching.
   */
  watch(process: Writer): () => void {
    const over = new AbortController();
    if (this.limitBytes !== undefined) void this.#watch(process, over.signal);
    return () => over.abort();
  }

  /**
   * Call when no process of a run is left: with lifetime `run`, removes its files before another run gets its folder.
   * @param folder of the run; undefined if none is in progress.
   */
  cleanUp(folder?: string): void {
    if (folder !== undefined) this.#runFolders.leave(folder);
    try {
      this.ensure();
    } catch (error) {
      this.#dependencies.log.error({ err: error, dir: this.dir }, 'the workspace cannot be used');
      return;
    }
    this.#runFolders.empty().then(
      () => this.#lookSoon(),
      (error: unknown) => this.#dependencies.log.error({ err: error, dir: this.dir }, 'the workspace cannot be used'),
    );
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
}
