import { opendirSync, type Dirent } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { isFileName } from './file-name.ts';
import { openFolder, openRegular } from './open-folder.ts';
import type { OutputLimits } from './run-files.ts';

/** Why a file that a run left is not kept; the last three are limits. */
export const REASONS = ['link', 'folder', 'special', 'name', 'unreadable', 'fileBytes', 'runBytes', 'files'] as const;

/** A file that is not kept. */
export interface LeftOut {
  /** The run has chosen it. */
  readonly name: string;
  readonly why: (typeof REASONS)[number];
}

/** A file to be copied. It stays open until the next one is asked for. */
export interface LeftFile {
  readonly name: string;
  readonly bytes: number;
  readonly handle: FileHandle;
}

/** How many entries of a folder are looked at. */
const MOST_ENTRIES = 10_000;

/**
 * Finds what a run left in a folder: the regular files directly in it that are within the limits, by name. The run may go on
 * and change everything meanwhile.
 * @param base a folder that the run cannot replace, absolute.
 * @param inside the names of the folders from there on.
 */
export async function* leftFiles(
  base: string,
  inside: readonly string[],
  limits: OutputLimits,
): AsyncGenerator<LeftFile | LeftOut> {
  using folder = openFolder(base, inside);
  if (!folder) return;
  let [files, left] = [0, limits.runBytes];
  for (const found of entriesOf(folder.entry('.'))) {
    const { name } = found;
    const kind = kindOf(found);
    const why = kind ?? (isFileName(name) ? undefined : 'name') ?? (files < limits.files ? undefined : 'files');
    if (why !== undefined) {
      yield { name, why };
      continue;
    }
    await using handle = await openRegular(folder.entry(name));
    if (!handle) {
      yield { name, why: 'unreadable' };
      continue;
    }
    const { size: bytes } = await handle.stat();
    if (bytes > limits.fileBytes || bytes > left) {
      yield { name, why: bytes > limits.fileBytes ? 'fileBytes' : 'runBytes' };
      continue;
    }
    [files, left] = [files + 1, left - bytes];
    yield { name, bytes, handle };
  }
}

/** Sorted by name; those beyond {@link MOST_ENTRIES} are not in it. */
function entriesOf(folder: string): Dirent[] {
  using opened = opendirSync(folder);
  const entries: Dirent[] = [];
  for (let entry = opened.readSync(); entry; entry = opened.readSync()) {
    entries.push(entry);
    if (entries.length === MOST_ENTRIES) break;
  }
  return entries.sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** Undefined for a regular file. */
function kindOf(entry: Dirent): 'link' | 'folder' | 'special' | undefined {
  if (entry.isFile()) return undefined;
  if (entry.isSymbolicLink()) return 'link';
  return entry.isDirectory() ? 'folder' : 'special';
}
