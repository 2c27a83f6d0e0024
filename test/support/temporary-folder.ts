import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const MARK = 'TEMPORARY_FOLDER_OF_TESTS';

/**
 * Gives all tests one folder for temporary files, and removes it after the last: an agent that a test kills leaves its own there.
 * Vitest calls this for each project.
 */
export default function setup(): (() => void) | undefined {
  if (process.env[MARK] !== undefined) return undefined;
  const folder = mkdtempSync(path.join(realpathSync(tmpdir()), 'tests-'));
  // As /tmp, for tests with another user.
  chmodSync(folder, 0o1777);
  process.env[MARK] = folder;
  process.env['TMPDIR'] = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
