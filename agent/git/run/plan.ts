import type { GitRequest } from '../../http/api/git.ts';
import { GitError } from '../errors.ts';
import type { GitHosts, GitRepository } from '../hosts.ts';
import { isCommitId } from '../ref.ts';
import type { OwnGit } from './own-git.ts';

/** What a run starts from, as the host has it. */
export interface GitPlan {
  /** What to fetch: the full name of a ref, or the id of a commit. */
  readonly from: string;
  /** The request's `ref`, or the default branch. */
  readonly ref: string;
  readonly branch: string;
  readonly defaultBranch: string;
  /** The branch that the pull request is for; undefined if none was asked for. */
  readonly pullRequestBase: string | undefined;
  /** Whether the host has the branch, and it is not at the same commit as {@link pullRequestBase}. */
  readonly hasWork: boolean;
}

const SYMREF = /^ref: refs\/heads\/(\S+)\tHEAD$/;
const LISTED = /^([0-9a-f]{40,64})\t(\S+)$/;

/** The ids of refs, by their full names, and the default branch. */
export interface HostRefs {
  readonly refs: ReadonlyMap<string, string>;
  readonly defaultBranch: string | undefined;
}

/** Asks the host for refs. @param names full names. @throws {GitError} */
export async function refsOf(repository: GitRepository, names: readonly string[], git: OwnGit): Promise<HostRefs> {
  const lines = (await git.output(['ls-remote', '--symref', repository.remote, 'HEAD', ...names])).split('\n');
  const refs = new Map(
    lines.flatMap((line) => {
      const [, id = '', name = ''] = LISTED.exec(line) ?? [];
      return name === '' ? [] : [[name, id] as const];
    }),
  );
  return { refs, defaultBranch: lines.flatMap((line) => SYMREF.exec(line)?.[1] ?? [])[0] };
}

const head = (branch: string) => `refs/heads/${branch}`;

/**
 * Finds out what a run starts from, and whether the agent may push its work.
 * @param branch the request's, or the one that the agent chose.
 * @throws {GitError}
 */
export async function planFor(
  repository: GitRepository,
  request: GitRequest,
  branch: string,
  hosts: Pick<GitHosts, 'isProtected'>,
  git: OwnGit,
): Promise<GitPlan> {
  const { ref, push, pullRequest } = request;
  const asked = [branch, ref, pullRequest?.base].filter((name) => name !== undefined);
  const names = [...asked.map(head), ...(ref === undefined ? [] : [`refs/tags/${ref}`])];
  const { refs, defaultBranch } = await refsOf(repository, names, git);
  if (defaultBranch === undefined || !refs.has('HEAD')) {
    throw new GitError('unknownRef', `${repository.url} has no commits on a default branch. Push a first one.`);
  }
  if (push && hosts.isProtected(repository, branch, defaultBranch)) {
    throw new GitError(
      'protected',
      `The branch ${branch} of ${repository.url} is protected. Name another \`git.branch\`.`,
    );
  }
  const start = startOf(ref, refs, defaultBranch);
  if (start === undefined) {
    throw new GitError('unknownRef', `${repository.url} has no branch or tag ${String(ref)}. Check \`git.ref\`.`);
  }
  const pullRequestBase =
    pullRequest && (pullRequest.base ?? (ref !== undefined && refs.has(head(ref)) ? ref : defaultBranch));
  if (pullRequestBase !== undefined && pullRequestBase !== defaultBranch && !refs.has(head(pullRequestBase))) {
    throw new GitError(
      'unknownRef',
      `${repository.url} has no branch ${pullRequestBase}. Check \`git.pullRequest.base\`.`,
    );
  }
  if (pullRequestBase === branch) {
    throw new GitError(
      'conflict',
      `A pull request from ${branch} to itself is not possible. Name another \`git.branch\`.`,
    );
  }
  const idOf = (name: string) => refs.get(head(name)) ?? (name === defaultBranch ? refs.get('HEAD') : undefined);
  const tip = refs.get(head(branch));
  return {
    from: tip === undefined ? start : head(branch),
    ref: ref ?? defaultBranch,
    branch,
    defaultBranch,
    pullRequestBase,
    hasWork: tip !== undefined && pullRequestBase !== undefined && tip !== idOf(pullRequestBase),
  };
}

/** What to fetch for the request's `ref`; undefined if there is no such. A branch goes before a tag, as with `git switch`. */
function startOf(ref: string | undefined, refs: HostRefs['refs'], defaultBranch: string): string | undefined {
  if (ref === undefined) return head(defaultBranch);
  return [head(ref), `refs/tags/${ref}`].find((name) => refs.has(name)) ?? (isCommitId(ref) ? ref : undefined);
}
