import { randomUUID } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmdirSync, type Dirent } from 'node:fs';
import path from 'node:path';
import { SESSION_ID, TRANSCRIPT } from '../conversations/transcripts.ts';
import { move, readOwnFile, writeOwnFile } from '../workspace/own-files.ts';
import type { Log } from '../log.ts';
import { removeTree } from '../remove-tree.ts';

/** Which processes use a folder while it is restored: none, only some that have no prompt yet, or also runs in progress. */
export type Users = 'none' | 'waiting' | 'runs';

/** A folder of the agent that runs can write to, and its content before each run. Paths are relative to it. */
export interface OwnFolder {
  readonly root: string;
  /** Files and their content. */
  readonly given: ReadonlyMap<string, Buffer>;
  /** Files that stay unchanged. */
  readonly left: readonly string[];
  /** The folder `projects` of a Claude configuration folder. Its conversations stay. */
  readonly projects: string;
  /** Whether an entry directly in the folder stays because processes may be working with it. */
  readonly inUse: (name: string, users: Exclude<Users, 'none'>) => boolean;
}

/** The prefix of folders in the state folder that hold moved files until they are removed. */
const REMOVED = '.removed-';

/**
 * Restores a folder: the given files have their given content, conversations stay, and everything else is removed. Follows
 * no links. Folders are moved away first, because removing them can take long.
 * @param users with processes that use the folder, what they work with stays, too.
 * @param stateDir a folder on the same volume that files are moved to. See {@link removeLeftovers}.
 * @throws if something cannot be read, moved or written.
 */
export function restoreFolder(
  { root, given, left, projects, inUse }: OwnFolder,
  users: Users,
  stateDir: string,
  log: Pick<Log, 'warn'>,
): void {
  const aside = path.join(stateDir, REMOVED + randomUUID());
  const folders = new Set([projects, ...given.keys(), ...left].flatMap(foldersAbove));
  let removed = 0;

  /** A process that uses the folder may remove it first. */
  function remove(name: string): void {
    if (removed === 0) mkdirSync(aside, { mode: 0o700 });
    removed += 1;
    try {
      move(path.join(root, name), path.join(aside, String(removed)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Creates a folder that the agent can use, and moves anything else in its place away. */
  function folder(name: string): void {
    const full = path.join(root, name);
    const stats = lstatSync(full, { throwIfNoEntry: false });
    if (stats && !stats.isDirectory()) remove(name);
    mkdirSync(full, { recursive: true, mode: 0o700 });
    if (stats?.isDirectory() && (stats.mode & 0o700) !== 0o700) chmodSync(full, 0o700);
  }

  /** A given file with other content is overwritten: for a process that starts now it is never missing. */
  function isRight(name: string, entry: Dirent): boolean {
    if (name === projects || folders.has(name)) return entry.isDirectory();
    if (left.includes(name) || given.has(name)) return entry.isFile();
    return users !== 'none' && !name.includes(path.sep) && inUse(name, users);
  }

  function tidy(parent: string, keeps: (name: string, entry: Dirent) => boolean): void {
    for (const entry of readdirSync(path.join(root, parent), { withFileTypes: true })) {
      const name = path.join(parent, entry.name);
      if (!keeps(name, entry)) remove(name);
    }
  }

  try {
    for (const name of ['', ...folders]) {
      folder(name);
      tidy(name, isRight);
    }
    if (lstatSync(path.join(root, projects), { throwIfNoEntry: false })) tidyProjects();
    for (const [name, content] of given) {
      const file = path.join(root, name);
      if (readOwnFile(file)?.equals(content) !== true) writeOwnFile(file, content);
    }
  } finally {
    if (removed > 0) void removeFolder(aside, log);
  }

  function tidyProjects(): void {
    folder(projects);
    tidy(projects, (_, entry) => entry.isDirectory());
    for (const project of readdirSync(path.join(root, projects))) {
      const name = path.join(projects, project);
      folder(name);
      // Only transcripts and the folders next to them: the CLI reads anything else there as memory.
      tidy(name, (_, entry) =>
        entry.isDirectory() ? SESSION_ID.test(entry.name) : entry.isFile() && entry.name.endsWith(TRANSCRIPT),
      );
      if (users === 'none' && readdirSync(path.join(root, name)).length === 0) rmdirSync(path.join(root, name));
    }
  }
}

/** Removes a folder that runs could write to. Its path is free at once. @throws if it cannot be moved. */
export function discardFolder(folder: string, stateDir: string, log: Pick<Log, 'warn'>): void {
  const aside = path.join(stateDir, REMOVED + randomUUID());
  move(folder, aside);
  void removeFolder(aside, log);
}

/** Removes files that a killed agent had moved away but not removed. */
export function removeLeftovers(stateDir: string, log: Pick<Log, 'warn'>): void {
  for (const name of readdirSync(stateDir).filter((entry) => entry.startsWith(REMOVED))) {
    void removeFolder(path.join(stateDir, name), log);
  }
}

/** Every folder above a path, outermost first. */
function foldersAbove(name: string): string[] {
  const parts = path.dirname(name).split(path.sep);
  return parts[0] === '.' ? [] : parts.map((_, depth) => parts.slice(0, depth + 1).join(path.sep));
}

/** If this fails, the agent tries again at its next start. */
async function removeFolder(folder: string, log: Pick<Log, 'warn'>): Promise<void> {
  try {
    await removeTree(folder);
  } catch (error) {
    log.warn({ err: error, folder }, 'leftovers of a run in the configuration folder cannot be removed');
  }
}
