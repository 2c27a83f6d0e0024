import { randomUUID } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, realpathSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { isStorageFailure } from '../store/storage-failure.ts';

const OWNER_MAY_ALL = 0o700;

/**
 * Makes a folder that an operator named, and those above it that are missing; links are the operator's and are followed. One at a time: `mkdirSync` with `recursive` tries for ever where
 * something like /proc says that a folder is missing which it does not let anybody make.
 * @param mode of those that are made.
 * @returns why it cannot be made; undefined where it is there.
 * @throws where the disk cannot be written.
 */
export function makeFolder(folder: string, mode = OWNER_MAY_ALL): string | undefined {
  const missing: string[] = [];
  for (let above = folder; !isThere(above); above = path.dirname(above)) missing.unshift(above);
  try {
    for (const each of missing) mkdirSync(each, { mode });
    return statSync(folder).isDirectory() ? undefined : 'something else has that name';
  } catch (error) {
    if (isStorageFailure(error)) throw error;
    return error instanceof Error ? error.message : String(error);
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
 * Makes a folder that runs can write to, so that it is one that its owner may use at a real path, and no link.
 * @returns where something else went that had its place; undefined where nothing had.
 * @throws when it cannot be made, or when a link above it leads elsewhere now.
 */
export function ensureFolder(dir: string): string | undefined {
  const parent = path.dirname(dir);
  const above = existingAbove(dir);
  const real = realpathSync.native(above);
  if (real !== above) throw new Error(`${above} leads to ${real} now`);
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
