import { cpSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

/** A folder of its own with parts of this checkout, to change at will, and its dependencies. */
export function partialCheckout(parts: readonly string[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'checkout-'));
  for (const part of parts) cpSync(part, path.join(folder, part), { recursive: true });
  symlinkSync(path.resolve('node_modules'), path.join(folder, 'node_modules'));
  return folder;
}
