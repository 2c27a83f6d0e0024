import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { afterEach } from 'vitest';

const made: string[] = [];
afterEach(() => {
  for (const name of made.splice(0)) rmSync(name, { recursive: true });
});

/** A folder with these files, each readable by its owner only; removed after the test. */
export function folder(files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(path.join(tmpdir(), 'backup-'));
  made.push(root);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), content, { mode: 0o600 });
  }
  return root;
}
