import * as path from 'node:path';

/**
 * Where the file backend keeps what belongs to a stack, since its version 1. Without this, an update that was killed
 * needs a person: the engine refuses a state file that a crash cut off, though its backup is beside it, and a stack with a
 * lock; `pulumi cancel` removes a lock whether its update runs or not.
 * @module
 */

/** A stack whose state is in a folder. */
export interface FolderStack {
  /** Of the file backend. */
  readonly folder: string;
  readonly project: string;
  readonly stack: string;
}

/** The file of a stack's state. The one before it is beside it as `.bak`, and either may have `.attrs`. */
export const stateFileOf = ({ folder, project, stack }: FolderStack): string =>
  path.join(folder, '.pulumi', 'stacks', project, `${stack}.json`);

/** The folder of a stack's locks: a JSON file each while an update runs. */
export const locksOf = ({ folder, project, stack }: FolderStack): string =>
  path.join(folder, '.pulumi', 'locks', 'organization', project, stack);
