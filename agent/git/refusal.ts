import type { IncomingHttpHeaders } from 'node:http';
import { GitError } from './errors.ts';
import type { GitRepository } from './hosts.ts';

/** A response of a host that is no success. */
export interface HostAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** What was asked of a host. */
export interface Asked {
  readonly repository: Pick<GitRepository, 'url' | 'host' | 'type'>;
  /** Completes "the credential may not …". */
  readonly what: string;
  readonly hasCredential: boolean;
  /** What the host says about it, without a secret. */
  readonly said?: string | undefined;
}

const MAX_SAID_CHARS = 300;

/** What the response of a host means, and what to do. */
export function refusalOf(answer: HostAnswer, asked: Asked): GitError {
  const { status, headers } = answer;
  const { repository, what, hasCredential } = asked;
  const { url, host } = repository;
  const said = saidBy(asked);
  if (isRateLimit(answer)) return rateLimited(headers, host);
  if (status === 401 || isSignIn(answer, asked)) return unauthenticated(asked);
  if (status === 403) {
    return new GitError(
      'forbidden',
      `The credential for ${url} may not ${what} (${host} answered 403${said}). Give it that right.`,
    );
  }
  if (status === 404) {
    const orHidden = hasCredential ? 'or the credential may not see it' : 'or it needs a credential';
    return new GitError(
      'notFound',
      `${url} does not exist, ${orHidden}. Check the address, and what the credential is for.`,
    );
  }
  if (status >= 300 && status < 400) {
    return new GitError(
      'redirected',
      `${host} answered with a redirect${placeOf(headers)}, which is not followed. Use the repository's present address.`,
    );
  }
  if (status >= 500) return new GitError('hostDown', `${host} answered ${status}${said}. Try again later.`);
  return new GitError('refused', `${host} refused to ${what} (${status}${said}).`);
}

/** There was no response. */
export function unreachable(host: string, cause: unknown): GitError {
  const { code } = cause as NodeJS.ErrnoException;
  const why = code ?? (cause instanceof Error ? cause.message : 'no answer');
  return new GitError(
    'hostDown',
    `${host} cannot be reached (${why}). Check its address and the way to it, or try again later.`,
    { cause },
  );
}

function unauthenticated({ repository: { url, host }, hasCredential }: Asked): GitError {
  const message = hasCredential
    ? `${host} refused the credential for ${url}. It has ended or is wrong: put a new one in its file.`
    : `${host} wants a credential for ${url}, and none is configured. Configure one for its entry of the git hosts, or check the address.`;
  return new GitError('credential', message);
}

/** Azure DevOps answers a wrong token with its page for signing in. */
function isSignIn({ status, headers }: HostAnswer, { repository }: Asked): boolean {
  if (repository.type !== 'azureDevOps') return false;
  return status === 203 || (status === 302 && /\/_signin\b/u.test(headers.location ?? ''));
}

/** GitHub answers 403 to too many requests as well. */
function isRateLimit({ status, headers }: HostAnswer): boolean {
  const isLimit = headers['x-ratelimit-remaining'] === '0' || headers['retry-after'] !== undefined;
  return status === 429 || (status === 403 && isLimit);
}

function rateLimited(headers: IncomingHttpHeaders, host: string): GitError {
  const reset = Number(headers['x-ratelimit-reset'] ?? NaN) - Date.now() / 1000;
  const seconds = Math.ceil(Number(headers['retry-after'] ?? reset));
  const after = Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
  const when = after === undefined ? 'later' : `in ${after} seconds`;
  return new GitError('rateLimited', `${host} takes no further requests for now. Try again ${when}.`, {
    ...(after !== undefined && { retryAfterSeconds: after }),
  });
}

/** Where a redirect leads to, without what may be secret. */
function placeOf({ location = '' }: IncomingHttpHeaders): string {
  const url = URL.canParse(location) ? new URL(location) : undefined;
  return url ? ` to ${url.origin}${url.pathname}`.slice(0, MAX_SAID_CHARS) : '';
}

function saidBy({ said = '' }: Asked): string {
  const line = said.replaceAll(/\p{C}+/gu, ' ').trim();
  return line === '' ? '' : `: ${line.slice(0, MAX_SAID_CHARS)}`;
}
