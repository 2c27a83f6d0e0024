import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { isInside } from '../is-inside.ts';

/** The real path of a folder, or what is wrong; `why` continues a sentence that begins with the folder. */
type Place =
  | { readonly path: string }
  | { readonly problem: 'relative' | 'missing' | 'outside' | 'no-folder'; readonly why: string };

/**
 * Checks that a folder is inside the workspace, after resolving links.
 * @returns its real path, or what it must be.
 */
export function insideWorkspace(folder: string, workspaceDir: string): { path: string } | { problem: string } {
  const place = placeOf(folder, workspaceDir);
  if ('path' in place) return place;
  switch (place.problem) {
    case 'relative':
      return { problem: `must be an absolute path inside the workspace ${workspaceDir}` };
    case 'missing':
      return { problem: 'must be an existing folder' };
    case 'outside':
      return { problem: `must be inside the workspace ${workspaceDir}` };
    case 'no-folder':
      return { problem: 'must be a folder' };
  }
}

/** Why a run cannot start in a folder that was accepted earlier; undefined if it can. */
export function workdirProblem(folder: string, workspaceDir: string): string | undefined {
  const place = placeOf(folder, workspaceDir);
  return 'path' in place ? undefined : `The working directory ${folder} ${place.why}.`;
}

function placeOf(folder: string, workspaceDir: string): Place {
  if (!path.isAbsolute(folder)) return { problem: 'relative', why: 'is not an absolute path' };
  let real: string;
  try {
    real = realpathSync.native(folder);
  } catch {
    return { problem: 'missing', why: 'no longer exists' };
  }
  const workspace = realpathSync.native(workspaceDir);
  if (real !== workspace && !isInside(real, workspace)) {
    return { problem: 'outside', why: `points outside the workspace ${workspaceDir}, to ${real}` };
  }
  return statSync(real).isDirectory() ? { path: real } : { problem: 'no-folder', why: 'is no longer a folder' };
}
