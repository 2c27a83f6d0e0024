/**
 * SQLite's codes for what another attempt cannot mend: an error of the statement or of its values. All others tell of
 * the disk, or of a rule of the database.
 */
const OWN_MISTAKES: ReadonlySet<number> = new Set([
  1, // SQLITE_ERROR, such as JSON that is nested too deep
  18, // SQLITE_TOOBIG
  20, // SQLITE_MISMATCH
  21, // SQLITE_MISUSE
  25, // SQLITE_RANGE
]);

/** Whether an error tells that the disk cannot be written or read now. */
export function isStorageFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, errcode } = error as Error & { code?: unknown; errcode?: unknown };
  // The lowest byte is the primary code, the rest says more.
  return code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number' && !OWN_MISTAKES.has(errcode & 0xff);
}
