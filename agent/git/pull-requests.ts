import type { z } from 'zod';
import { GitError } from './errors.ts';
import type { GitHostCheck, GitRepository, OpenPullRequest, PullRequest } from './hosts.ts';
import type { RestAnswer } from './rest.ts';

/** The pull requests of a type of host. */
export interface PullRequests {
  /** Why the host cannot take such a pull request, as a sentence. */
  mistake(request: Pick<PullRequest, 'title' | 'body'>): string | undefined;
  /** One of the same branches, which is open, or is not any more. @throws {GitError} */
  find(
    repository: GitRepository,
    branches: Pick<PullRequest, 'head' | 'base'>,
    state: 'open' | 'ended',
    signal: AbortSignal,
  ): Promise<OpenPullRequest | undefined>;
  /**
   * Opens one, or finds the one that somebody else opens at the same time.
   * @returns undefined if the host says that the branch has nothing new.
   * @throws {GitError}
   */
  create(repository: GitRepository, request: PullRequest, signal: AbortSignal): Promise<OpenPullRequest | undefined>;
  /** Whether the host takes the credential. @throws {GitError} */
  check(repository: GitRepository, signal: AbortSignal): Promise<Pick<GitHostCheck, 'detail'>>;
}

/** A sentence if a text is too long for a host. */
export function tooLong(what: string, text: string, most: number, host: string): string | undefined {
  return text.length > most ? `${what} has ${text.length} characters; ${host} takes at most ${most}.` : undefined;
}

/** The body of a successful answer. @throws {GitError} if it is something else. */
export function bodyOf<T>(answer: RestAnswer, schema: z.ZodType<T>, { host }: Pick<GitRepository, 'host'>): T {
  const { data, success } = schema.safeParse(answer.body);
  if (success) return data;
  throw new GitError(
    'refused',
    `${host} answered ${answer.status} with something else than its API. Check the type of the git host.`,
  );
}
