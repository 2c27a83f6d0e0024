import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstChars } from '../../claude/capped-text.ts';
import type { GitRequest } from '../../http/api/git.ts';
import type { GitProgress } from '../../store/git-records.ts';
import { GitError } from '../errors.ts';
import type { GitHosts, GitRepository } from '../hosts.ts';
import { commitId } from './clone.ts';
import type { OwnGit } from './own-git.ts';
import { refsOf } from './plan.ts';

/** Waits between attempts while the host does not answer, in milliseconds. */
const RETRY_MS = [2000, 10_000, 30_000];
/** Of Claude's answer as the text of a pull request. Azure DevOps takes no more. */
const DEFAULT_BODY_CHARS = 3900;
const LONGEST_WAIT_MS = 60_000;

/** What is to be published. */
export interface Publication {
  readonly repository: GitRepository;
  readonly request: GitRequest;
  readonly progress: GitProgress;
  /** The file with the objects of the commits. */
  readonly pack: string;
  readonly maxBytes: number;
  readonly hosts: Pick<GitHosts, 'isProtected' | 'openPullRequest' | 'openMissingPullRequest'>;
  /** In a bare repository of the agent. */
  readonly git: OwnGit;
  /** Puts the next step on disk. */
  readonly save: (progress: GitProgress) => void;
  readonly signal: AbortSignal;
}

/**
 * Pushes the commits of a run and opens the pull request, from wherever an earlier attempt was. Each happens once: before it
 * is repeated, the host is asked whether it has happened.
 * @returns the progress at the end.
 * @throws {GitError} or the reason of the signal. {@link Publication.save} was called with all that has happened until then.
 */
export async function publish(publication: Publication): Promise<GitProgress> {
  let progress = publication.progress;
  const save = (next: GitProgress) => {
    publication.save(next);
    progress = next;
  };
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await attemptTo({ ...publication, progress, save });
    } catch (error) {
      const wait = RETRY_MS[attempt];
      if (!(error instanceof GitError) || error.outcome !== 'unavailable' || wait === undefined) throw error;
      const asked = (error.retryAfterSeconds ?? 0) * 1000;
      if (asked > LONGEST_WAIT_MS) throw error;
      await sleep(Math.max(wait, asked), undefined, { signal: publication.signal });
    }
  }
}

async function attemptTo(publication: Publication): Promise<GitProgress> {
  let progress = publication.progress;
  if (progress.step !== 'opening') progress = await push(publication);
  const { repository, request, hosts, signal } = publication;
  const { pullRequestBase: base, git } = progress;
  if (base === undefined || request.pullRequest === undefined) return progress;
  const { title, body = firstChars(progress.result.output, DEFAULT_BODY_CHARS), draft = false } = request.pullRequest;
  const wanted = { head: git.branch, base, title, body, draft };
  const open = git.pushed
    ? await hosts.openPullRequest(repository, wanted, signal)
    : await hosts.openMissingPullRequest(repository, wanted, signal);
  if (!open) return progress;
  const opened: GitProgress = { ...progress, git: { ...git, pullRequestUrl: open.url } };
  publication.save(opened);
  return opened;
}

/** Pushes unless the host has the commit. */
async function push(publication: Publication): Promise<GitProgress> {
  const { repository, hosts, git, save, progress } = publication;
  const { branch, commit } = progress.git;
  if (hosts.isProtected(repository, branch, progress.defaultBranch)) {
    throw new GitError('protected', `The branch ${branch} of ${repository.url} is protected. Nothing was pushed.`);
  }
  const name = `refs/heads/${branch}`;
  const tip = (await refsOf(repository, [name], git)).refs.get(name);
  const hasCommits = existsSync(publication.pack);
  if (!hasCommits && tip !== commit) {
    throw new GitError(
      'refused',
      'The agent no longer has the commits of the run, as after it was restored from a backup. Send the run again.',
    );
  }
  const known: GitProgress =
    hasCommits && progress.git.ahead === undefined
      ? { ...progress, git: { ...progress.git, ...(await measure(publication)) } }
      : progress;
  if (tip !== commit) {
    if (tip !== undefined) await assertAhead(publication, tip);
    save({ ...known, step: 'pushing' });
    await git.output([
      'push',
      '-q',
      '--no-verify',
      '--no-thin',
      '--recurse-submodules=no',
      'origin',
      `${commit}:${name}`,
    ]);
  }
  const pushed: GitProgress = {
    ...known,
    step: 'opening',
    git: { ...known.git, pushed: true, ...branchAddress(repository, branch) },
  };
  save(pushed);
  return pushed;
}

/** The address of a branch for a browser, if the host shows branches. */
export function branchAddress({ url, type }: GitRepository, branch: string): { readonly branchUrl?: string } {
  const name = branch.split('/').map(encodeURIComponent);
  switch (type) {
    case 'github':
      return { branchUrl: `${url}/tree/${name.join('/')}` };
    case 'azureDevOps':
      return { branchUrl: `${url}?version=GB${name.join('%2F')}` };
    case 'plain':
      return {};
  }
}

/** Takes the objects of the commits into the agent's own repository, and looks at them there. */
async function measure({ repository, progress, pack, maxBytes, git }: Publication) {
  const { base, commit } = progress.git;
  await git.init();
  await git.output(['config', 'remote.origin.url', repository.remote]);
  await git.output(['fetch', '-q', '--depth', '1', '--filter=blob:none', '--no-tags', 'origin', base]);
  await git.output(['index-pack', '--stdin', '--fsck-objects', `--max-input-size=${maxBytes}`], pack);
  const found = commitId(await git.output(['rev-parse', '--verify', `${commit}^{commit}`]));
  if (found !== commit || !(await isAncestor(git, base, commit))) {
    throw new GitError(
      'conflict',
      'The commits of the run do not follow the commit that it started from, for example because it was changed. Nothing was pushed.',
    );
  }
  // What git got from the host when it missed something, such as the parents of a merged commit, is no work of the run.
  const ahead = Number(await git.output(['rev-list', '--count', '--exclude-promisor-objects', commit, `^${base}`]));
  const changed = await git.output(['diff', '--shortstat', '--no-ext-diff', '--no-textconv', base, commit]);
  const amount = (pattern: RegExp) => Number(pattern.exec(changed)?.[1] ?? 0);
  const diffStat = {
    files: amount(/(\d+) files? changed/),
    insertions: amount(/(\d+) insertions?/),
    deletions: amount(/(\d+) deletions?/),
  };
  return { ahead, diffStat };
}

/** @throws {GitError} if the branch of the host has commits that the run did not start from. */
async function assertAhead({ repository, progress, git }: Publication, tip: string): Promise<void> {
  const { base, branch, commit } = progress.git;
  if (tip === base || (await isAncestor(git, tip, commit))) return;
  throw new GitError(
    'conflict',
    `The branch ${branch} of ${repository.url} has commits that the run did not start from. Nothing was pushed, because the agent never pushes by force. Send the run again: it starts from the branch as it is now.`,
  );
}

/** False for a commit that is not there, too. */
async function isAncestor(git: OwnGit, ancestor: string, commit: string): Promise<boolean> {
  return (await git.result(['merge-base', '--is-ancestor', ancestor, commit])).code === 0;
}
