import type { ProcessFile } from './host.ts';
import type { ProcessTrace } from './process-trace.ts';
import type { RunUsage } from './run-usage.ts';
import type { ApiError } from './transcript.ts';

/** Thrown when a conversation cannot be continued because there is none with this id. */
export class NoConversationError extends Error {
  override readonly name = 'NoConversationError';

  constructor(sessionId: string) {
    // The first words are the CLI's. Clients recognize them.
    super(
      `No conversation found with session ID: ${sessionId}. It was removed because of its age or the size of all, or ` +
        'claude had not saved it when its first run was killed. Start a new one, without sessionId.',
    );
  }
}

/** What processes of `claude` find in a configuration folder: settings, memory, the login, conversations. */
export interface ClaudeConfigurations {
  /** The folder with the settings and the memory of all processes; undefined if each has a new one with the same content. */
  readonly sharedDir: string | undefined;
  /** Whether each process calls the API through the agent. */
  readonly isMetered: boolean;
  /**
   * Prepares the configuration of a process that is about to be started.
   * @param sessionId its conversation.
   * @param workdir its working directory, absolute.
   * @throws if a file cannot be restored or written.
   */
  open(sessionId: string, workdir: string): ProcessConfiguration;
  /** Call at start, when no process of an earlier agent is left: takes back the conversations that they left. Never rejects. */
  recover(): Promise<void>;
  /** Whether a conversation can be continued. Call when none of its processes exists. */
  has(sessionId: string): Promise<boolean>;
  /** Call when the agent is about to exit and no process is left. */
  close(): void;
}

/** The configuration of one process, from before its start until none of its processes is left. */
export interface ProcessConfiguration {
  /** The variables that tell the process where its configuration folder is, and what lets it call the API there. */
  readonly environment: Readonly<Record<string, string>>;
  /** For a process on a runner: its files, with the conversation if that was put there before. */
  readonly files: readonly ProcessFile[];
  /** For a process on a runner: what its messages have used so far, as counted by the API. */
  readonly usage: RunUsage | undefined;
  /** Takes the spans of the process; undefined if there are none. */
  readonly trace: ProcessTrace | undefined;
  /** For a process on a runner: where its conversations are copied to while it works. */
  readonly mirror: string | undefined;
  /**
   * Puts the conversation where the process will find it. Call before the process starts with `--resume`.
   * @throws {NoConversationError}
   */
  putConversation(): Promise<void>;
  /** Whether the conversation was put there. */
  readonly continues: boolean;
  /** Whether the conversation that was put there, if any, is still the newest. Never rejects. */
  isCurrent(): Promise<boolean>;
  /** The files of the conversation in the configuration folder, newest first; none if `claude` has not saved it yet. */
  transcripts(): Promise<string[]>;
  /**
   * Call when the process is about to get its prompt.
   * @param pull copies what the process has written to the mirror; never rejects.
   * @throws if the login cannot be restored.
   */
  begin(pull: () => Promise<void>): void;
  /** Call after each event of the process. @param apiError why the API refused the last request; undefined after an answer. */
  heard(apiError: ApiError | undefined): void;
  /** For a process on a runner: ends its calls of the API, and allows no more. */
  withdraw(): void;
  /**
   * Call when none of its processes is left, or could be started: takes the conversation back and puts back what the process
   * changed. Never rejects.
   */
  end(): Promise<void>;
}
