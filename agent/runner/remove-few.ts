import { opendirSync, type Dirent } from 'node:fs';
import { rmdir, unlink } from 'node:fs/promises';
import path from 'node:path';

/** A run of the CLI leaves tens of files and folders. */
const FEW = 1000;

/**
 * Empties folders, which no other process changes meanwhile, without starting a program. Follows no link.
 * @returns whether they are empty. They are not if there is more than {@link FEW} in them, or something that cannot be
 *   removed in this way: a folder without permissions, a path that is too long, a name that is no UTF-8.
 */
export async function removeFew(folders: readonly string[]): Promise<boolean> {
  let left = FEW;
  const read = (folder: string): Dirent[] => {
    const entries: Dirent[] = [];
    using opened = opendirSync(folder);
    for (let entry = opened.readSync(); entry; entry = opened.readSync()) {
      left -= 1;
      if (left < 0) throw new TooManyError();
      entries.push(entry);
    }
    return entries;
  };
  const empty = async (folder: string): Promise<void> => {
    for (const entry of read(folder)) {
      const name = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        await empty(name);
        await rmdir(name);
      } else await unlink(name);
    }
  };
  try {
    for (const folder of folders) await empty(folder);
    return true;
  } catch (error) {
    if (error instanceof TooManyError || (error as NodeJS.ErrnoException).code !== undefined) return false;
    throw error;
  }
}

class TooManyError extends Error {}
