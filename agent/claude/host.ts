/**
 * In arguments, variables and paths of a {@link ProcessCommand}: the HOME and the working folder of the runner that starts
 * it. Neither an argument nor a path can otherwise contain NUL.
 */
export const RUNNER_HOME = '\0home\0';
export const RUNNER_WORKSPACE = '\0workspace\0';
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
  /**
   * Kills the process and all its descendants, and no other, and on a runner removes their files after a last pull. Settles
   * when none is left, or its runner is gone; rejects if one cannot be killed.
   */
  sweep(): Promise<void>;
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
   * Kills the processes that an earlier agent left behind, and returns their number. Call it before the first start.
   * @param instance the part of their run marks before the slash.
   * @throws if one cannot be killed.
   */
  killLeftovers(instance: string): Promise<number>;
}
