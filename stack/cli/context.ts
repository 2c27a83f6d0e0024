import type { CliEnvironment } from './system/environment.ts';

/** What each command of the command line is given. */
export interface CommandContext {
  readonly environment: CliEnvironment;
  /** As Pulumi.yaml names it. */
  readonly project: string;
  readonly stack: string;
  /** What the operator gave after the command. */
  readonly given: readonly string[];
  /** The options among that which are Pulumi's. */
  readonly args: readonly string[];
  /** Tells the operator something, on stderr. */
  readonly say: (line: string) => void;
}
