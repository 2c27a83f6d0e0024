import * as path from 'node:path';

/**
 * Where the file backend (version 1 and later) keeps the files of a stack. They are needed to recover from a killed update
 * without a person: the engine rejects a partly written state file although its backup is beside it, and a locked stack;
 * `pulumi cancel` removes a lock whether or not its update is still running.
 * @module
 */

/** A stack whose state is in a folder. */
export interface FolderStack {
  /** The folder of the file backend. */
  readonly folder: string;
  readonly project: string;
  readonly stack: string;
}

/** The file of a stack's state. The previous state is beside it as `.bak`, and each may have a file `.attrs`. */
export const stateFileOf = ({ folder, project, stack }: FolderStack): string =>
  path.join(folder, '.pulumi', 'stacks', project, `${stack}.json`);

/** The folder of a stack's locks: one JSON file per running update. */
export const locksOf = ({ folder, project, stack }: FolderStack): string =>
  path.join(folder, '.pulumi', 'locks', 'organization', project, stack);
