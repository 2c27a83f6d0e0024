import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The commit of a branch; undefined if there is none. */
export async function commitOf(root: string, repository: string, branch: string): Promise<string | undefined> {
  const dir = path.join(root, `${repository}.git`);
  const args = ['--git-dir', dir, 'rev-parse', '--verify', '--quiet', `refs/heads/${branch}`];
  return run('git', args).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}
