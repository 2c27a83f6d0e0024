import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** https://www.sqlite.org/fileformat2.html#the_write_ahead_log: a header, then frames of a header and a page each. */
const HEADER_BYTES = 32;
const PAGE_SIZE_AT = 8;
const FRAME_HEADER_BYTES = 24;
const DATABASE_PAGES_AT = 4;
const SALT_AT = 8;
const SALT_BYTES = 8;

/**
 * Finds commits in a write-ahead log without verifying checksums. SQLite does verify them: it treats the first frame with a
 * wrong checksum, such as a write that a power cut interrupted, as the end of the log, and silently ignores all commits
 * after it. A log that is truncated between two frames cannot be distinguished from a shorter one.
 * @returns the number of the last frame that ends a commit; 0 if there is none.
 */
export function commitsIn(file: string): number {
  const fd = openIfThere(file);
  if (fd === undefined) return 0;
  try {
    const { size } = fstatSync(fd);
    const pageSize = bytesOf(fd, PAGE_SIZE_AT, 4).readUInt32BE() || 65_536;
    const frameBytes = FRAME_HEADER_BYTES + pageSize;
    let generation: Buffer | undefined;
    let last = 0;
    for (let frame = 1; HEADER_BYTES + frame * frameBytes <= size; frame += 1) {
      const header = bytesOf(fd, HEADER_BYTES + (frame - 1) * frameBytes, FRAME_HEADER_BYTES);
      const salt = header.subarray(SALT_AT, SALT_AT + SALT_BYTES);
      // Frames of an earlier generation stay after the current ones until they are overwritten.
      generation ??= salt;
      if (salt.equals(generation) && header.readUInt32BE(DATABASE_PAGES_AT) > 0) last = frame;
    }
    return last;
  } finally {
    closeSync(fd);
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Zeros if the file ends earlier. */
function bytesOf(fd: number, at: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  readSync(fd, buffer, 0, length, at);
  return buffer;
}
