/** What went wrong with a repository or its host. */
export type GitErrorKind =
  /** There is no such repository, or the credential may not see it; hosts do not tell the two apart. */
  | 'notFound'
  /** The credential is valid, and lacks a right. */
  | 'forbidden'
  /** The credential is missing, unreadable, or refused by the host. */
  | 'credential'
  /** The repository has no such branch, tag or commit. */
  | 'unknownRef'
  /** The branch of the host has commits that the run did not start from. */
  | 'conflict'
  /** The branch must not be pushed to. */
  | 'protected'
  /** More data than `AGENT_GIT_MEGABYTES` allows. */
  | 'tooLarge'
  /** The host answered with a redirect, which is not followed. */
  | 'redirected'
  /** The host refused what was asked for another reason, which the message has. */
  | 'refused'
  /** The host cannot be reached, or answered with a server error. */
  | 'hostDown'
  /** The host answers no further requests for a while. */
  | 'rateLimited';

const UNAVAILABLE: ReadonlySet<GitErrorKind> = new Set(['hostDown', 'rateLimited']);

/** Something went wrong with a repository or its host. The message says what happened and what to do, and has no secret. */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly kind: GitErrorKind;
  /** When a host that limits requests answers again, in seconds from now; undefined if it does not say. */
  readonly retryAfterSeconds: number | undefined;

  constructor(kind: GitErrorKind, message: string, options?: ErrorOptions & { readonly retryAfterSeconds?: number }) {
    super(message, options);
    this.kind = kind;
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }

  /** The outcome of a run that ends because of it: `unavailable` if the same request may succeed later. */
  get outcome(): 'failed' | 'unavailable' {
    return UNAVAILABLE.has(this.kind) ? 'unavailable' : 'failed';
  }
}
