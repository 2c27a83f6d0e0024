import type { Surroundings } from './system/environment.ts';

/** What each command of the launcher is given. */
export interface CommandContext {
  readonly surroundings: Surroundings;
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
