import * as fs from 'node:fs';
import * as path from 'node:path';

import { privateFolder } from '../system/local-files.ts';

/** Writes a file that only its owner can read; killed at any point it is the old one or the new one. */
export function writeWhole(file: string, content: string | Buffer): void {
  privateFolder(path.dirname(file));
  const unfinished = `${file}.new`;
  fs.writeFileSync(unfinished, content, { mode: 0o600, flush: true });
  fs.renameSync(unfinished, file);
}
