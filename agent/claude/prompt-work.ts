import type { ContentBlock } from './inline-file.ts';
import type { Programs } from './host.ts';

/** Where the process of a prompt works. */
export interface PromptPlace {
  readonly programs: Programs;
  /** The working directory of the process. */
  readonly cwd: string;
  /** The variables that programs there need. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Work in the place of a prompt, around its process. */
export interface PromptWork {
  /**
   * Called before the process is started. It may make the working directory.
   * @returns what the message of the user has before the prompt.
   * @throws if the process is not to be started.
   */
  before(place: PromptPlace): Promise<readonly ContentBlock[]>;
  /** Variables for the process. Read after {@link before}. */
  readonly environment: Readonly<Record<string, string>>;
  /** Called after the prompt, when none of its processes is left. Must not reject. */
  afterwards(place: PromptPlace): Promise<void>;
}
