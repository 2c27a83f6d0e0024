import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const PREFIX = '.claude-agent-backup-';
const HOUR_MS = 3_600_000;
const MEGABYTE = 1_048_576;
/** Left free for others, such as the records of the runs that end meanwhile. */
const MARGIN_BYTES = 32 * MEGABYTE;
/** The kubelet evicts the pod when its /tmp exceeds 2 GiB. */
const TMP_LIMIT_BYTES = 1024 * MEGABYTE;

/** Thrown when no folder has room for a snapshot. */
class NoRoomError extends Error {
  override readonly name = 'NoRoomError';
}

/**
 * Makes an empty folder for the snapshot of a database, readable by its owner alone: on the state's volume, or in the
 * temporary folder when the volume is full or read-only. Removes the folders of backups that were killed.
 * @throws {NoRoomError} when neither has room.
 */
export function makeScratch(stateDir: string, database: string): string {
  const needed = bytesFor(database) + MARGIN_BYTES;
  const refusals: string[] = [];
  for (const folder of [stateDir, tmpdir()]) {
    try {
      // A backup takes less than an hour: the stack ends it after that.
      removeScratches(folder, Date.now() - HOUR_MS);
      const free = freeBytes(folder);
      if (free >= needed) return scratchIn(folder);
      refusals.push(`${folder} has ${megabytes(free)} MB`);
    } catch (error) {
      // A read-only volume.
      refusals.push((error as Error).message);
    }
  }
  throw new NoRoomError(`A snapshot needs ${megabytes(needed)} MB of free disk; ${refusals.join(', ')}.`);
}

/** The snapshot, its journal, and what the write-ahead log adds to it. */
function bytesFor(database: string): number {
  const [main = 0, log = 0] = ['', '-wal'].map((suffix) =>
    existsSync(database + suffix) ? statSync(database + suffix).size : 0,
  );
  return main + 2 * log;
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return folder === tmpdir() ? Math.min(bavail * bsize, TMP_LIMIT_BYTES) : bavail * bsize;
}

const megabytes = (bytes: number) => Math.floor(bytes / MEGABYTE);

/** Makes an empty folder that only its owner can read, and that {@link removeScratches} recognises. */
export function scratchIn(folder: string): string {
  return mkdtempSync(path.join(folder, PREFIX));
}

/** Removes the folders of backups that were killed. @param changedBefore in milliseconds since 1970. */
export function removeScratches(folder: string, changedBefore = Infinity): void {
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith(PREFIX))) {
    const leftover = path.join(folder, name);
    const { mtimeMs } = statSync(leftover, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity };
    if (mtimeMs < changedBefore) rmSync(leftover, { recursive: true, force: true });
  }
}
