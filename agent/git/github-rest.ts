import { objectOf } from '../json.ts';
import type { GitRepository } from './hosts.ts';

/** Headers of each request to GitHub's REST API. */
export const GITHUB_HEADERS = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' } as const;

/** The REST API of GitHub, of an enterprise on GitHub's own servers, or of GitHub Enterprise Server. */
export function githubApiUrl(host: string): string {
  if (host === 'github.com' || host.endsWith('.ghe.com')) return `https://api.${host}`;
  return `https://${host}/api/v3`;
}

/** Owner and name of a repository, encoded for a path. */
export function githubName({ url }: Pick<GitRepository, 'url'>): { readonly owner: string; readonly name: string } {
  const [owner = '', name = ''] = new URL(url).pathname.slice(1).split('/');
  return { owner, name };
}

/** What an error of GitHub says. */
export function saidByGithub(body: unknown): string {
  const { message, errors } = objectOf(body);
  const details = Array.isArray(errors) ? errors.map(detailOf) : [];
  return [message, ...details].filter((part) => typeof part === 'string' && part !== '').join('; ');
}

function detailOf(error: unknown): unknown {
  if (typeof error === 'string') return error;
  const { message, field, code } = objectOf(error);
  return message ?? [field, code].filter((part) => typeof part === 'string').join(' ');
}
