import type { CollectedFiles, FilesOfPrompt, InputFile } from '../files/run-files.ts';

/**
 * In arguments, variables and paths of a {@link ProcessCommand}: the HOME and the working folder of the runner that starts
 * it. Neither an argument nor a path can otherwise contain NUL.
 */
export const RUNNER_HOME = '\0home\0';
export const RUNNER_WORKSPACE = '\0workspace\0';
/** In arguments and variables of a {@link ProcessCommand}: the folder of the process, with `in` and `out`. */
export const RUN_FOLDER = '\0run\0';
/** The `file` of a command: the CLI of the runner. */
export const RUNNER_CLAUDE = 'claude';

/** A file that a process needs. */
export interface ProcessFile {
  /** Absolute: in {@link RUNNER_HOME} or {@link RUNNER_WORKSPACE}. */
  readonly path: string;
  readonly mode: number;
  readonly content: Buffer;
}

/** What to start. Nothing else is inherited. */
export interface ProcessCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The value of the run mark in `env`. No other process of the host has it. */
  readonly mark: string;
  /** Whether the process has a folder of its own, {@link RUN_FOLDER}, from its start until none of its processes is left. */
  readonly hasFolder?: boolean;
  /** For a runner, which starts the process after it has written them. */
  readonly files?: readonly ProcessFile[];
  /** For a runner: the agent's folder for conversations of this process; see {@link HostedProcess.pull}. */
  readonly mirror?: string;
}

/** Receives the output of a process as it arrives, but not before the start has returned. Must not throw. */
export interface ProcessOutput {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
}

/** How a process ended. */
export interface ProcessExit {
  /** Undefined if a signal ended it, or if it was not started. */
  readonly code?: number | undefined;
  readonly signal?: string | undefined;
  /** Why it could not be started. */
  readonly startError?: string | undefined;
  /** Why the host ended it, in sentences about the run. */
  readonly reason?: string | undefined;
  /** Whether its end was not seen, because the connection to its runner was lost. The runner kills it. */
  readonly lost?: boolean | undefined;
}

/** The folder of a process for files: `in` with those that it is given, `out` for those that it leaves. */
export interface RunFolder {
  /** The absolute paths there. */
  readonly in: string;
  readonly out: string;
  /**
   * Puts files into `in`, read-only. Call it once, before the prompt.
   * @throws if one cannot be written; the message says why.
   */
  put(files: readonly InputFile[]): Promise<void>;
  /** Copies what lies in `out`, from which nothing is trusted; what cannot be copied is a warning. Never rejects. */
  collect(to: FilesOfPrompt): Promise<CollectedFiles>;
}

/** A process that a {@link ProcessHost} has started, and its descendants. */
export interface HostedProcess {
  /** Whether it can be written to. */
  readonly writable: boolean;
  /** Writes to its stdin. What it does not read is lost; its exit says why. */
  write(text: string): void;
  closeStdin(): void;
  /** Sends a signal to the process alone. Does nothing after its exit. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
  /** Settles when it has exited or could not be started; never rejects. */
  readonly exit: Promise<ProcessExit>;
  /** Settles when no more output can come; never rejects. A descendant may keep that open long after {@link exit}. */
  readonly outputEnd: Promise<void>;
  /** Undefined if it has none, or its runner is of an earlier version, which makes none. */
  readonly folder?: RunFolder | undefined;
  /**
   * Kills the process and all its descendants, and no other, and removes its folder, and on a runner all files after a last
   * pull. Settles when none is left, or its runner is gone; rejects if one cannot be killed, or the folder not be removed.
   * @param afterwards work in its place when all its processes are gone, before its files are removed on a runner.
   */
  sweep(afterwards?: Afterwards): Promise<void>;
  /** On a runner: copies new parts of its conversations, in `.claude/projects` of its HOME, to the mirror. Never rejects. */
  pull?(): Promise<void>;
  /** Memory of the process without its descendants, in bytes; 0 if it has ended or that is unknown. Never rejects. */
  residentBytes(): Promise<number>;
}

/** Where processes of the CLI run. The transcript, the limits of a run and the warm start are the same on each. */
export interface ProcessHost {
  /**
   * Starts a process in a process group of its own.
   * @throws if the reason against it is known at once, such as too many open files, or that no runner is ready.
   */
  start(command: ProcessCommand, output: ProcessOutput): HostedProcess;
  /**
   * Kills the processes that an earlier agent left behind, removes their folders, and returns their number. Call it before the first start.
   * @param instance the part of their run marks before the slash.
   * @throws if one cannot be killed.
   */
  killLeftovers(instance: string): Promise<number>;
}

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
   * @throws the reason of its signal, what its `stdout` rejected with, or an `EarlierRunnerError`.
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
