import { GitError } from './errors.ts';
import type { GitRepository } from './hosts.ts';

const UNKNOWN_REF = /Remote branch .* not found|couldn't find remote ref|not our ref|unadvertised object/u;
const CONFLICT = /non-fast-forward|fetch first|stale info|cannot lock ref|incorrect old value/u;
/** How GitHub, GitLab and Azure DevOps refuse a push by a rule of the repository. */
const PROTECTED = /GH006|GH013|protected branch|TF402455/iu;
const REJECTED = /\[remote rejected\].*\((.+)\)/u;

/**
 * What went wrong, by what `git` printed with `LC_ALL=C`. Ask the `failure` of its access first, which knows more about the host.
 * @param ref the branch, tag or commit that was fetched or pushed.
 * @returns undefined if the host had nothing to do with it.
 */
export function failureIn(stderr: string, { url }: Pick<GitRepository, 'url'>, ref: string): GitError | undefined {
  if (UNKNOWN_REF.test(stderr)) {
    return new GitError('unknownRef', `${url} has no branch, tag or commit ${ref}. Check the name.`);
  }
  if (PROTECTED.test(stderr)) {
    return new GitError(
      'protected',
      `${url} does not take pushes to ${ref}: a rule of the repository protects it. Use another branch.`,
    );
  }
  if (CONFLICT.test(stderr)) {
    return new GitError(
      'conflict',
      `${ref} of ${url} has commits that the run did not start from. Run again, or use another branch.`,
    );
  }
  const [, why] = REJECTED.exec(stderr) ?? [];
  return why === undefined ? undefined : new GitError('refused', `${url} refused the push to ${ref}: ${why}.`);
}
