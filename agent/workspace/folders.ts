import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { isStorageFailure } from '../store/storage-failure.ts';

/**
 * Makes a folder and those above it that are missing. One at a time: `mkdirSync` with `recursive` tries for ever where
 * something like /proc says that a folder is missing which it does not let anybody make.
 * @param mode of those that are made.
 * @returns why it cannot be made; undefined where it is there.
 * @throws where the disk cannot be written.
 */
export function makeFolder(folder: string, mode = 0o700): string | undefined {
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
