import * as fs from 'node:fs';
import * as path from 'node:path';

import { npmRun } from '../next-command.ts';

/** A login on this machine can't be used; the message names the file and the command that fixes it. */
export class SeedError extends Error {
  override readonly name = 'SeedError';
}

/** Total size of the files in bytes. */
export const sizeOf = (files: ReadonlyMap<string, Buffer>): number =>
  [...files.values()].reduce((sum, content) => sum + content.length, 0);

/** @throws SeedError when the file can't be read. */
export function readSeedFile(folder: string, name: string): Buffer {
  const file = path.join(folder, name);
  try {
    return fs.readFileSync(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SeedError(
      `${file} can't be read (${reason}). Take ownership of it: \`sudo chown "$USER" ${file} && chmod 600 ${file}\`. Or log in again: \`${npmRun('login')}\`.`,
      { cause },
    );
  }
}
