import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { afterEach } from 'vitest';

const base = mkdtempSync(path.join(tmpdir(), 'checkouts-'));
let count = 0;
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
  count = 0;
});

/**
 * A folder with copies of parts of this checkout, which a test may change, and the dependencies; removed after the test.
 * The tests of a file use the same paths in turn, so that Node's compile cache, which goes by path, has their programs.
 */
export function partialCheckout(parts: readonly string[]): string {
  count += 1;
  const folder = path.join(base, String(count));
  mkdirSync(folder, { recursive: true });
  for (const part of parts) cpSync(part, path.join(folder, part), { recursive: true });
  symlinkSync(path.resolve('node_modules'), path.join(folder, 'node_modules'));
  return folder;
}
