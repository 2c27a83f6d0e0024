import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, type Dirent } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { move, readOwnFile, writeOwnFile } from '../workspace/own-files.ts';
import type { Log } from '../log.ts';

/** A folder of the agent's own that runs can write to, and what is in it before each of them. Paths are relative to it. */
export interface OwnFolder {
  readonly root: string;
  /** Files, and what is in each. */
  readonly given: ReadonlyMap<string, Buffer>;
  /** Files that stay as they are. */
  readonly left: readonly string[];
  /** The folder `projects` of a Claude configuration folder, of which the conversations stay. */
  readonly projects: string;
}

/** Folders in the state folder that hold what was taken away until it is removed. */
const REMOVED = '.removed-';

/** A conversation is a transcript `ID.jsonl`, and the folder `ID` beside it. Anything else there the CLI reads as memory. */
const TRANSCRIPT = '.jsonl';
const BESIDE_TRANSCRIPT = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Makes a folder what it is to be: what is given is there as it was given, conversations stay, and all else is gone. It
 * follows no link, and what takes long to remove is moved out of the way at once.
 * @param stateDir on the same volume; what is removed is moved there. See {@link removeLeftovers}.
 * @throws when something cannot be read, moved or written.
 */
export function restoreFolder(
  { root, given, left, projects }: OwnFolder,
  stateDir: string,
  log: Pick<Log, 'warn'>,
): void {
  const aside = path.join(stateDir, REMOVED + randomUUID());
  const folders = new Set([projects, ...given.keys(), ...left].flatMap(foldersAbove));
  let removed = 0;

  function remove(name: string): void {
    if (removed === 0) mkdirSync(aside, { mode: 0o700 });
    move(path.join(root, name), path.join(aside, String(removed)));
    removed += 1;
  }

  /** Makes a folder that the agent can use; anything else in its place goes. */
  function folder(name: string): void {
    const full = path.join(root, name);
    const stats = lstatSync(full, { throwIfNoEntry: false });
    if (stats && !stats.isDirectory()) remove(name);
    mkdirSync(full, { recursive: true, mode: 0o700 });
    if (stats?.isDirectory() && (stats.mode & 0o700) !== 0o700) chmodSync(full, 0o700);
  }

  function isRight(name: string, entry: Dirent): boolean {
    if (name === projects || folders.has(name)) return entry.isDirectory();
    if (left.includes(name)) return entry.isFile();
    const content = given.get(name);
    return content !== undefined && readOwnFile(path.join(root, name))?.equals(content) === true;
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
      if (!lstatSync(file, { throwIfNoEntry: false })) writeOwnFile(file, content);
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
      tidy(name, (_, entry) =>
        entry.isDirectory() ? BESIDE_TRANSCRIPT.test(entry.name) : entry.isFile() && entry.name.endsWith(TRANSCRIPT),
      );
    }
  }
}

/** Removes what an agent that was killed had only moved out of the way. */
export function removeLeftovers(stateDir: string, log: Pick<Log, 'warn'>): void {
  for (const name of readdirSync(stateDir).filter((entry) => entry.startsWith(REMOVED))) {
    void removeFolder(path.join(stateDir, name), log);
  }
}

/** Every folder above a path, the outermost first. */
function foldersAbove(name: string): string[] {
  const parts = path.dirname(name).split(path.sep);
  return parts[0] === '.' ? [] : parts.map((_, depth) => parts.slice(0, depth + 1).join(path.sep));
}

/** What cannot be removed now is tried again when the agent starts. */
async function removeFolder(folder: string, log: Pick<Log, 'warn'>): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true }).catch(async () => {
      // Folders that their owner may not write to, and paths longer than the system takes in one piece.
      await promisify(execFile)('sh', ['-c', 'chmod -R u+rwX "$1"; rm -rf "$1"', 'sh', folder]);
    });
  } catch (error) {
    log.warn({ err: error, folder }, 'leftovers of a run in the configuration folder cannot be removed');
  }
}
