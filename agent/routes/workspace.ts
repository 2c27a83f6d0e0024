import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * Checks that a folder is inside the workspace, links followed.
 * @returns its real path, or what it must be.
 */
export function insideWorkspace(folder: string, workspaceDir: string): { path: string } | { problem: string } {
  if (!path.isAbsolute(folder)) return { problem: `must be an absolute path inside the workspace ${workspaceDir}` };
  let real: string;
  try {
    real = realpathSync.native(folder);
  } catch {
    return { problem: 'must be a folder that exists' };
  }
  const relative = path.relative(realpathSync.native(workspaceDir), real);
  if (relative.split(path.sep)[0] === '..' || path.isAbsolute(relative)) {
    return { problem: `must be inside the workspace ${workspaceDir}` };
  }
  return statSync(real).isDirectory() ? { path: real } : { problem: 'must be a folder' };
}
