import * as fs from 'node:fs';
import * as path from 'node:path';

import type { Rendered } from './render.ts';

const HEAD = '# Made by `npm run plan`; the next one replaces it.\n';

/** Writes one file a resource, and removes what an earlier plan left in the folder and nothing else. */
export function writeFiles(folder: string, rows: readonly Rendered[]): void {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of fs.readdirSync(folder).filter((entry) => entry.endsWith('.yaml'))) {
    const file = path.join(folder, name);
    if (fs.readFileSync(file, 'utf8').startsWith(HEAD)) fs.rmSync(file);
  }
  for (const { file, content } of rows) {
    if (file !== undefined) fs.writeFileSync(path.join(folder, file), HEAD + content, { flag: 'wx' });
  }
}
