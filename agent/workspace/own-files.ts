import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

/** The agent keeps no larger configuration files of Claude: a Secret holds at most one mebibyte. */
const MAX_BYTES = 1_048_576;

/** Without O_NONBLOCK, opening a named pipe would wait for a writer. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a file that a run could have replaced by something else.
 * @returns undefined for anything but a readable regular file of at most one mebibyte.
 */
export function readOwnFile(file: string): Buffer | undefined {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.size > MAX_BYTES) return undefined;
  try {
    return readFileSync(file, { flag: READ });
  } catch (error) {
    if (isFileError(error)) return undefined;
    throw error;
  }
}

/**
 * Writes a file atomically, readable only by the agent, and replaces anything in its place.
 * @throws if it cannot be written.
 */
export function writeOwnFile(file: string, content: Buffer | string): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomUUID()}.new`;
  const handle = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(handle, content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  if (lstatSync(file, { throwIfNoEntry: false })?.isDirectory()) rmSync(file, { recursive: true, force: true });
  renameSync(temporary, file);
}

/** Whether an error comes from the file system. */
export function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** Renames a file or folder. A folder can be moved into another one only if its owner may write to it. */
export function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    chmodSync(from, 0o700);
    renameSync(from, to);
  }
}
