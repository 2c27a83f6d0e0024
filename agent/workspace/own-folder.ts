import { randomUUID } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, realpathSync, renameSync } from 'node:fs';
import path from 'node:path';

const OWNER_MAY_ALL = 0o700;

/**
 * Makes sure that there is a folder which its owner may use, and no link, at a real path.
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
