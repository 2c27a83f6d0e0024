import { closeSync, constants, openSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** The path of an entry of an open folder. Whatever takes the folder's place meanwhile does not change it, on Linux. */
export type EntryPath = (name: string) => string;

/** A folder that was found without following a link. */
export interface OpenFolder extends Disposable {
  readonly entry: EntryPath;
}

/**
 * Opens a folder whose path a run may change at any time. No link below the first folder is followed. Waits for the disk: a
 * few calls of the file system take less time than a turn of the event loop for each.
 * @param base a folder that no run can replace, absolute.
 * @param inside the names of the folders from there on.
 * @returns undefined if it is no folder any more, or may not be read.
 */
export function openFolder(base: string, inside: readonly string[]): OpenFolder | undefined {
  let opened = openOne(base, base);
  for (const name of inside) {
    if (!opened) return undefined;
    using above = opened;
    opened = openOne(above.entry(name), path.join(above.folder, name));
  }
  return opened;
}

/** @param folder its path as other systems than Linux know it. */
function openOne(at: string, folder: string) {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  let opened: number;
  try {
    opened = openSync(at, flags);
  } catch {
    return undefined;
  }
  const self = process.platform === 'linux' ? `/proc/self/fd/${opened}` : folder;
  return { folder, entry: (name: string) => `${self}/${name}`, [Symbol.dispose]: () => closeSync(opened) };
}

/** Undefined if it is no regular file any more, or may not be read. A FIFO does not block, and no link is followed. */
export async function openRegular(file: string): Promise<FileHandle | undefined> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (handle && (await handle.stat()).isFile()) return handle;
  await handle?.close();
  return undefined;
}
