import type { HostedProcess, ProcessCommand, ProcessExit, ProcessHost, ProcessOutput } from './host.ts';

/** How much of the end of stderr is kept, in UTF-16 code units. */
const STDERR_CHARS = 8192;

/** A program that runs to its end. Nothing else is inherited; `RUNNER_HOME` and `RUNNER_WORKSPACE` may be in its texts. */
export interface ProgramCommand extends Pick<ProcessCommand, 'file' | 'args' | 'env' | 'cwd'> {
  /** Its whole stdin, at most 64 KiB. */
  readonly input?: string;
  /** Takes its stdout, piece by piece. The program waits until it settles, and is killed if it rejects. */
  readonly stdout?: (chunk: Buffer) => Promise<void> | void;
  /** Kills the program. */
  readonly signal: AbortSignal;
}

/** How a program ended. */
export interface ProgramExit extends ProcessExit {
  /** The end of what it wrote there. */
  readonly stderr: string;
}

/** Runs programs in the place of a run, one after the other. */
export interface Programs {
  /**
   * Settles when the program has ended and no process that it started is left.
   * @throws the reason of its signal, what its `stdout` rejected with, or {@link EarlierRunnerError}.
   */
  run(command: ProgramCommand): Promise<ProgramExit>;
}

/** Work in the place of a process when none of its processes is left. Must not reject. */
export type Afterwards = (programs: Programs) => Promise<void>;

/** A place that is taken for a run before its process is started: programs come first. */
export interface ClaimedPlace extends Programs {
  /** Starts the process, once. @throws what {@link ProcessHost.start} throws. */
  start(command: ProcessCommand, output: ProcessOutput): HostedProcess;
  /** Gives the place back if no process was started. Settles when nothing of its programs is left, or the runner is gone. */
  release(): Promise<void>;
}

/** A process host whose places can be taken. */
export interface ClaimableHost extends ProcessHost {
  /**
   * @param mark the run mark of the process that is started there.
   * @throws what {@link ProcessHost.start} throws.
   */
  claim(mark: string): ClaimedPlace;
}

/** Thrown when a runner is of an earlier version, which runs no programs. */
export class EarlierRunnerError extends Error {
  override readonly name = 'EarlierRunnerError';

  constructor() {
    super('Its runner is of an earlier version, which runs no programs besides claude.');
  }
}

/** The end of what a program writes. */
export class TextEnd {
  #text = '';

  append(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString('utf8')).slice(-STDERR_CHARS);
  }

  toString(): string {
    return this.#text.trim();
  }
}
