import type { GitHostCheck, GitRepository, PullRequest } from './hosts.ts';

/** The pull requests of a type of host. */
export interface PullRequests {
  /** Why the host cannot take such a pull request, as a sentence. */
  mistake(request: Pick<PullRequest, 'title' | 'body'>): string | undefined;
  /** See `GitHosts.openPullRequest`. @throws {GitError} */
  open(repository: GitRepository, request: PullRequest, signal: AbortSignal): Promise<{ readonly url: string }>;
  /** Whether the host takes the credential. @throws {GitError} */
  check(repository: GitRepository, signal: AbortSignal): Promise<Pick<GitHostCheck, 'detail'>>;
}

/** A sentence if a text is too long for a host. */
export function tooLong(what: string, text: string, most: number, host: string): string | undefined {
  return text.length > most ? `${what} has ${text.length} characters; ${host} takes at most ${most}.` : undefined;
}
