import { cpSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

/** A new folder with copies of parts of this checkout, which a test may change, and the dependencies. */
export function partialCheckout(parts: readonly string[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'checkout-'));
  for (const part of parts) cpSync(part, path.join(folder, part), { recursive: true });
  symlinkSync(path.resolve('node_modules'), path.join(folder, 'node_modules'));
  return folder;
}
