import { z } from 'zod';
import { objectOf } from '../json.ts';
import type { GitCredential } from './credential.ts';
import { GitError } from './errors.ts';
import { GithubApp } from './github-app.ts';
import { githubName, GITHUB_HEADERS, saidByGithub } from './github-rest.ts';
import type { GitRepository, OpenPullRequest, PullRequest } from './hosts.ts';
import { bodyOf, tooLong, type PullRequests } from './pull-requests.ts';
import { refusalOf } from './refusal.ts';
import type { RestAnswer, RestApi, RestRequest } from './rest.ts';

const MAX_TITLE_CHARS = 256;
const MAX_BODY_CHARS = 65_536;

const pullRequest = z.object({ html_url: z.url() });
const WHAT = 'open a pull request';
/** GitHub Enterprise Server, to a token that it knows: https://docs.github.com/en/enterprise-server/rest/rate-limit. */
const NO_RATE_LIMIT = /\brate limiting is not enabled\b/iu;
const NOTHING_NEW = /\bno commits between\b/iu;

/** Pull requests of GitHub. See https://docs.github.com/en/rest/pulls/pulls. */
export class Github implements PullRequests {
  readonly #api: RestApi;
  readonly #credential: GitCredential;

  constructor(api: RestApi, credential: GitCredential) {
    this.#api = api;
    this.#credential = credential;
  }

  mistake({ title, body }: Pick<PullRequest, 'title' | 'body'>): string | undefined {
    return (
      tooLong('The title', title, MAX_TITLE_CHARS, 'GitHub') ?? tooLong('The body', body, MAX_BODY_CHARS, 'GitHub')
    );
  }

  async create(
    repository: GitRepository,
    request: PullRequest,
    signal: AbortSignal,
  ): Promise<OpenPullRequest | undefined> {
    const { owner, name } = githubName(repository);
    const path = `/repos/${owner}/${name}/pulls`;
    const answer = await this.#ask(repository, { method: 'POST', path, body: request }, signal);
    if (answer.status === 201) return { url: bodyOf(answer, pullRequest, repository).html_url };
    const concurrent = answer.status === 422 ? await this.find(repository, request, 'open', signal) : undefined;
    if (concurrent) return concurrent;
    if (NOTHING_NEW.test(saidByGithub(answer.body))) return undefined;
    throw refusalOfPull(answer, repository, request);
  }

  async check(repository: GitRepository, signal: AbortSignal): Promise<{ readonly detail: string }> {
    const isApp = this.#credential instanceof GithubApp;
    const authorization = isApp ? await this.#credential.authorization() : await this.#authorization(repository);
    const path = isApp ? '/app' : '/rate_limit';
    const headers = { ...GITHUB_HEADERS, ...authorizing(authorization) };
    const answer = await this.#api.ask({ method: 'GET', path, headers }, signal);
    const isUnlimited = !isApp && answer.status === 404 && NO_RATE_LIMIT.test(saidByGithub(answer.body));
    if (answer.status !== 200 && !isUnlimited)
      throw this.#refusal(answer, repository, 'read', authorization !== undefined);
    const { slug } = objectOf(answer.body);
    return {
      detail: isApp ? `${repository.host} knows the GitHub App ${String(slug)}.` : `${repository.host} answers.`,
    };
  }

  async find(
    repository: GitRepository,
    { head, base }: Pick<PullRequest, 'head' | 'base'>,
    state: 'open' | 'ended',
    signal: AbortSignal,
  ): Promise<OpenPullRequest | undefined> {
    const { owner, name } = githubName(repository);
    const query = new URLSearchParams({
      state: state === 'open' ? state : 'closed',
      head: `${owner}:${head}`,
      base,
      per_page: '1',
    });
    const path = `/repos/${owner}/${name}/pulls?${query.toString()}`;
    const answer = await this.#ask(repository, { method: 'GET', path }, signal);
    if (answer.status !== 200) throw this.#refusal(answer, repository, WHAT, true);
    const [first] = bodyOf(answer, z.array(pullRequest), repository);
    return first && { url: first.html_url };
  }

  async #ask(
    repository: GitRepository,
    request: Omit<RestRequest, 'headers'>,
    signal: AbortSignal,
  ): Promise<RestAnswer> {
    const authorization = await this.#authorization(repository);
    const send = (value: string | undefined) =>
      this.#api.ask({ ...request, headers: { ...GITHUB_HEADERS, ...authorizing(value) } }, signal);
    const answer = await send(authorization);
    if (answer.status !== 401 || authorization === undefined) return answer;
    this.#credential.refused(authorization.replace(/^Bearer /u, ''));
    const another = await this.#authorization(repository);
    return another === authorization ? answer : send(another);
  }

  async #authorization(repository: GitRepository): Promise<string | undefined> {
    const token = await this.#credential.token(repository);
    return token === undefined ? undefined : `Bearer ${token}`;
  }

  #refusal(answer: RestAnswer, repository: GitRepository, what: string, hasCredential: boolean): GitError {
    return refusalOf(answer, { repository, what, hasCredential, said: saidByGithub(answer.body) });
  }
}

/** GitHub names the field with the wrong branch. */
function refusalOfPull(answer: RestAnswer, repository: GitRepository, { base, head }: PullRequest): GitError {
  const said = saidByGithub(answer.body);
  const errors = objectOf(answer.body)['errors'];
  const isWrong = (field: string) =>
    Array.isArray(errors) &&
    errors.map(objectOf).some((error) => error['field'] === field && error['code'] === 'invalid');
  if (answer.status === 422 && isWrong('base')) {
    return new GitError(
      'unknownRef',
      `${repository.url} has no branch ${base}, which is the base of the pull request.`,
    );
  }
  if (answer.status === 422 && isWrong('head')) {
    return new GitError(
      'unknownRef',
      `${repository.url} has no branch ${head}, which is the head of the pull request.`,
    );
  }
  return refusalOf(answer, { repository, what: WHAT, hasCredential: true, said });
}

function authorizing(value: string | undefined): { readonly authorization?: string } {
  return value === undefined ? {} : { authorization: value };
}
