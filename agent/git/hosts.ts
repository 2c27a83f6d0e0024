import type { GitError } from './errors.ts';
import type { GitHostType, GitIdentity } from './rules.ts';

/** A repository that the configuration allows. */
export interface GitRepository {
  /** Its address without `.git`, such as `https://github.com/acme/shop`, in upper and lower case as it was asked for. */
  readonly url: string;
  /** The address for git, such as `https://github.com/acme/shop.git`. */
  readonly remote: string;
  /** Host name, with the port if it is not 443. */
  readonly host: string;
  readonly type: GitHostType;
  /** Author and committer of commits. */
  readonly author: GitIdentity;
}

/** What {@link GitHosts.find} returns: a repository, or why it cannot be used, as the end of a sentence about the URL. */
export type FoundRepository =
  | { readonly repository: GitRepository; readonly mistake?: undefined }
  | { readonly mistake: string; readonly repository?: undefined };

/** Lets `git` use one repository until it is disposed of, which also ends its requests. */
export interface GitAccess extends Disposable {
  /**
   * Variables for `git`, besides those of its place. They lead the repository's address to the agent's proxy (`origin` shows
   * the real one), and contain a token for it, never the credential of the host. They use `GIT_CONFIG_COUNT`, so whoever adds
   * settings this way has to count on.
   */
  readonly environment: Readonly<Record<string, string>>;
  /** Bytes that the host has sent. */
  readonly bytes: number;
  /** Why the host or the proxy refused the last request; undefined if it did not. Says more than what `git` prints. */
  readonly failure: GitError | undefined;
}

/** A pull request to open. */
export interface PullRequest {
  /** The branch with the changes, without `refs/heads/`. */
  readonly head: string;
  /** The branch that gets them. */
  readonly base: string;
  readonly title: string;
  readonly body: string;
  readonly draft: boolean;
}

/** A pull request that is open. */
export interface OpenPullRequest {
  /** Its address for a browser. */
  readonly url: string;
}

/** What {@link GitHosts.check} found out about an entry of the configuration. */
export interface GitHostCheck {
  /** The first pattern of the entry. */
  readonly name: string;
  readonly ok: boolean;
  /** A sentence, with what to do if it is not. */
  readonly detail: string;
}

/** The hosts and repositories that runs may use. */
export interface GitHosts {
  /** Whether none is configured, which turns the feature off. */
  readonly none: boolean;
  /** The repository at a URL from a request. Asks nobody. */
  find(url: string): FoundRepository;
  /** Whether a branch must not be pushed to: the default branch, and those that the configuration protects. */
  isProtected(repository: GitRepository, branch: string, defaultBranch: string): boolean;
  /** For `git` in the place of a run: it may read, and is told that the agent pushes. */
  accessForRun(repository: GitRepository, runId: string): GitAccess;
  /** For the agent's own `git`, on this machine alone: it may read and push. */
  accessForAgent(repository: GitRepository, runId: string): GitAccess;
  /** Why the host cannot take such a pull request, as a sentence; undefined if nothing is known against it. Asks nobody. */
  pullRequestMistake(repository: GitRepository, request: Pick<PullRequest, 'title' | 'body'>): string | undefined;
  /**
   * Opens a pull request, or finds the open one of the same branches. Safe to repeat.
   * @throws {GitError} Also `refused` for a host of type `plain`.
   */
  openPullRequest(repository: GitRepository, request: PullRequest, signal: AbortSignal): Promise<OpenPullRequest>;
  /**
   * The same for a branch that is as it was: opens none if one of the same branches was closed or merged, or if the host says that
   * the branch has nothing new.
   * @returns undefined then.
   */
  openMissingPullRequest(
    repository: GitRepository,
    request: PullRequest,
    signal: AbortSignal,
  ): Promise<OpenPullRequest | undefined>;
  /** Asks each host whether it can be reached and whether it takes the credential. Never rejects. */
  check(signal: AbortSignal): Promise<GitHostCheck[]>;
}
