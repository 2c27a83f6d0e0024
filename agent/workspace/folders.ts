import { randomUUID } from 'node:crypto';
import { accessSync, chmodSync, constants, lstatSync, mkdirSync, realpathSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { isStorageFailure } from '../store/storage-failure.ts';

const OWNER_MAY_ALL = 0o700;

/**
 * Creates a folder that an operator named, and missing folders above it. Follows links, because the operator made them.
 * Creates one folder at a time: `mkdirSync` with `recursive` loops for ever in file systems like /proc, which report a
 * folder as missing and do not allow its creation.
 * @param mode of the created folders.
 * @returns why it cannot be created; undefined if it exists now.
 * @throws if the disk cannot be written.
 */
export function makeFolder(folder: string, mode = OWNER_MAY_ALL): string | undefined {
  const missing: string[] = [];
  for (let above = folder; !isThere(above); above = path.dirname(above)) missing.unshift(above);
  try {
    for (const each of missing) mkdirSync(each, { mode });
    return statSync(folder).isDirectory() ? undefined : 'it exists but is not a folder';
  } catch (error) {
    if (isStorageFailure(error)) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * @returns why this process may not write to an existing folder, and what to do; undefined if it may, or if the reason is
 * another one, such as the disk.
 */
export function unwritableBecause(folder: string): string | undefined {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') return undefined;
    const { uid, gid } = statSync(folder);
    const user = `${process.getuid?.()}:${process.getgid?.()}`;
    return `this process runs as user ${user} and may not write to it; it belongs to ${uid}:${gid}. To give it to that user: chown -R ${user} FOLDER`;
  }
}

function isThere(file: string): boolean {
  try {
    statSync(file);
    return true;
  } catch {
    return file === path.dirname(file);
  }
}

/**
 * Ensures that a folder that runs can write to is a real folder, not a link, and usable by its owner.
 * @returns the new path of whatever else was in its place; undefined if nothing was.
 * @throws if it cannot be created, or if a folder above it is now a link.
 */
export function ensureFolder(dir: string): string | undefined {
  const parent = path.dirname(dir);
  const above = existingAbove(dir);
  const real = realpathSync.native(above);
  if (real !== above) throw new Error(`${above} now points to ${real}`);
  mkdirSync(parent, { recursive: true, mode: OWNER_MAY_ALL });
  const stat = lstatSync(dir, { throwIfNoEntry: false });
  if (stat?.isDirectory()) {
    if ((stat.mode & OWNER_MAY_ALL) !== OWNER_MAY_ALL) chmodSync(dir, stat.mode | OWNER_MAY_ALL);
    return undefined;
  }
  const aside = stat && `${dir}.aside-${randomUUID()}`;
  if (aside !== undefined) renameSync(dir, aside);
  mkdirSync(dir, { mode: OWNER_MAY_ALL });
  return aside;
}

function existingAbove(dir: string): string {
  const parent = path.dirname(dir);
  return lstatSync(parent, { throwIfNoEntry: false }) ? parent : existingAbove(parent);
}
