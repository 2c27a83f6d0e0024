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

/** How many commits a branch has that another one has not. */
export async function countAhead(root: string, repository: string, base: string, branch: string): Promise<number> {
  const dir = path.join(root, `${repository}.git`);
  const range = `refs/heads/${base}..refs/heads/${branch}`;
  const { stdout } = await run('git', ['--git-dir', dir, 'rev-list', '--count', range]);
  return Number(stdout);
}
