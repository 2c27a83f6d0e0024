/**
 * SQLite's codes for errors that a retry cannot fix, because the statement or its values are wrong. All others concern the
 * disk, or a constraint of the database.
 */
const OWN_MISTAKES: ReadonlySet<number> = new Set([
  1, // SQLITE_ERROR, such as JSON that is nested too deep
  18, // SQLITE_TOOBIG
  20, // SQLITE_MISMATCH
  21, // SQLITE_MISUSE
  25, // SQLITE_RANGE
]);

const SQLITE_FULL = 13;

/** The disk is full, over quota, read-only or broken. */
const OF_THE_DISK: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

/** Whether an error means that the disk cannot be written or read now. */
export function isStorageFailure(error: unknown): boolean {
  const sqlite = sqliteCodeOf(error);
  if (sqlite !== undefined) return !OWN_MISTAKES.has(sqlite);
  return error instanceof Error && OF_THE_DISK.has((error as NodeJS.ErrnoException).code);
}

/** Whether the disk is full, according to SQLite. */
export function isFull(error: unknown): boolean {
  return sqliteCodeOf(error) === SQLITE_FULL;
}

/** The primary result code of an SQLite error; undefined for other errors. */
function sqliteCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, errcode } = error as Error & { code?: unknown; errcode?: unknown };
  return code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number' ? errcode & 0xff : undefined;
}
