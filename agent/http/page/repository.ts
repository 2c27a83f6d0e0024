import { html } from 'hono/html';
import type { RunSummary } from '../../store/run.ts';
import type { Html } from './parts.ts';

/** The repository of a run: links to it, to its branch and to its pull request. */
export function repositoryFacts({ request, result }: Pick<RunSummary, 'request' | 'result'>): Record<string, Html> {
  const { git } = result ?? {};
  const url = git?.url ?? request.git?.url;
  if (url === undefined) return {};
  const branch = git?.branch ?? request.git?.branch;
  const { branchUrl, pullRequestUrl } = git ?? {};
  return {
    Repository: link(url),
    ...(branch !== undefined && {
      Branch: branchUrl === undefined ? html`<bdi>${branch}</bdi>` : link(branchUrl, branch),
    }),
    ...(git?.pushed && { Commits: html`${git.ahead ?? 0}` }),
    ...(pullRequestUrl !== undefined && { 'Pull request': link(pullRequestUrl) }),
  };
}

/** Addresses come from a host, too. */
const link = (url: string, words = url): Html =>
  url.startsWith('https://')
    ? html`<a href="${url}" rel="noreferrer"><bdi>${words}</bdi></a>`
    : html`<bdi>${words}</bdi>`;
