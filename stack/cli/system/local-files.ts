import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';

/** Creates a folder that only its owner can read. Leaves an existing folder unchanged. */
export function privateFolder(folder: string): string {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** An instant as part of a file's name: 20260102T030405Z. */
export const stampOf = (instant: Date): string => instant.toISOString().replaceAll(/[-:]|\.\d+/g, '');

/** Writes a file that only its owner can read. If the process is killed meanwhile, the file is the old one or the new one. */
export function writeWhole(file: string, content: string | Buffer): void {
  privateFolder(path.dirname(file));
  const unfinished = `${file}.new`;
  fs.writeFileSync(unfinished, content, { mode: 0o600, flush: true });
  fs.renameSync(unfinished, file);
}

/** Creates a file with 32 random bytes (base64url) that only its owner can read. Returns false if the file already exists. */
export function randomSecretFile(file: string): boolean {
  privateFolder(path.dirname(file));
  try {
    fs.writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
