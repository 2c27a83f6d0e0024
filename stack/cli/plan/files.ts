import * as fs from 'node:fs';
import * as path from 'node:path';

import type { Rendered } from '../../plan/render.ts';
import { CliError } from '../system/terminal.ts';

/** Marks the files that an earlier plan wrote; a changed text would no longer match those of an earlier version. */
const HEAD = '# Made by `npm run plan`; the next one replaces it.\n';

/**
 * Writes a file per resource. Removes the files of an earlier plan from the folder, and nothing else.
 * @throws CliError if it is not a folder or not writable.
 */
export function writeFiles(folder: string, rows: readonly Rendered[]): void {
  try {
    write(folder, rows);
  } catch (cause) {
    if (!(cause instanceof Error) || !('syscall' in cause)) throw cause;
    const isFile = fs.statSync(folder, { throwIfNoEntry: false })?.isFile() === true;
    const why = isFile ? 'is a file' : `can't be written to: ${cause.message}`;
    throw new CliError(`--out ${folder} ${why}. Specify a folder; it is created if it does not exist.`, { cause });
  }
}

function write(folder: string, rows: readonly Rendered[]): void {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of fs.readdirSync(folder).filter((entry) => entry.endsWith('.yaml'))) {
    const file = path.join(folder, name);
    if (fs.readFileSync(file, 'utf8').startsWith(HEAD)) fs.rmSync(file);
  }
  for (const { file, content } of rows) {
    if (file !== undefined) fs.writeFileSync(path.join(folder, file), HEAD + content, { flag: 'wx' });
  }
}
