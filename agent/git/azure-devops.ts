import { z } from 'zod';
import { objectOf } from '../json.ts';
import { parseAddress } from './address.ts';
import { azureRepository } from './azure-path.ts';
import { basic, type GitCredential } from './credential.ts';
import { GitError } from './errors.ts';
import type { GitRepository, OpenPullRequest, PullRequest } from './hosts.ts';
import { bodyOf, tooLong, type PullRequests } from './pull-requests.ts';
import { refusalOf } from './refusal.ts';
import type { RestAnswer, RestApi, RestRequest } from './rest.ts';

const MAX_TITLE_CHARS = 400;
const MAX_BODY_CHARS = 4000;
const VERSION = 'api-version=7.1';
const WHAT = 'open a pull request';
/** "An active pull request for the source and target branch already exists." */
const EXISTS = 409;
/** How a branch that is not there is refused, with 400 or 404. */
const NO_BRANCH = /TF401398|TF401175|\bbranch\b/iu;

const pullRequest = z.object({ pullRequestId: z.number().int() });
const list = z.object({ value: z.array(pullRequest) });

/** Pull requests of Azure DevOps. See https://learn.microsoft.com/rest/api/azure/devops/git/pull-requests. */
export class AzureDevOps implements PullRequests {
  readonly #api: RestApi;
  readonly #credential: GitCredential;

  constructor(api: RestApi, credential: GitCredential) {
    this.#api = api;
    this.#credential = credential;
  }

  mistake({ title, body }: Pick<PullRequest, 'title' | 'body'>): string | undefined {
    const host = 'Azure DevOps';
    return tooLong('The title', title, MAX_TITLE_CHARS, host) ?? tooLong('The body', body, MAX_BODY_CHARS, host);
  }

  async create(
    repository: GitRepository,
    request: PullRequest,
    signal: AbortSignal,
  ): Promise<OpenPullRequest | undefined> {
    const path = `${pathOf(repository)}/pullrequests?${VERSION}`;
    const body = {
      sourceRefName: `refs/heads/${request.head}`,
      targetRefName: `refs/heads/${request.base}`,
      title: request.title,
      description: request.body,
      isDraft: request.draft,
    };
    const answer = await this.#ask(repository, { method: 'POST', path, body }, signal);
    if (answer.status === 201) return addressOf(repository, bodyOf(answer, pullRequest, repository));
    const concurrent = answer.status === EXISTS ? await this.find(repository, request, 'open', signal) : undefined;
    if (concurrent) return concurrent;
    const said = saidBy(answer.body);
    if ([400, 404].includes(answer.status) && NO_BRANCH.test(said)) {
      const branches = `${request.head} or ${request.base}`;
      throw new GitError(
        'unknownRef',
        `${repository.url} has no branch ${branches}, which the pull request needs (${said}).`,
      );
    }
    throw this.#refusal(answer, repository, WHAT);
  }

  async check(repository: GitRepository, signal: AbortSignal): Promise<{ readonly detail: string }> {
    const { collection } = partsOf(repository);
    const path = `/${[...collection, '_apis', 'connectionData'].map(encodeURIComponent).join('/')}`;
    const answer = await this.#ask(repository, { method: 'GET', path }, signal);
    if (answer.status !== 200) throw this.#refusal(answer, repository, 'read');
    return { detail: `${repository.host} answers.` };
  }

  async find(
    repository: GitRepository,
    { head, base }: Pick<PullRequest, 'head' | 'base'>,
    state: 'open' | 'ended',
    signal: AbortSignal,
  ): Promise<OpenPullRequest | undefined> {
    const query = new URLSearchParams({
      'searchCriteria.sourceRefName': `refs/heads/${head}`,
      'searchCriteria.targetRefName': `refs/heads/${base}`,
      // There is no value for both that were completed and that were abandoned.
      'searchCriteria.status': state === 'open' ? 'active' : 'all',
      $top: '1',
    });
    const path = `${pathOf(repository)}/pullrequests?${query.toString()}&${VERSION}`;
    const answer = await this.#ask(repository, { method: 'GET', path }, signal);
    if (answer.status !== 200) throw this.#refusal(answer, repository, WHAT);
    const [first] = bodyOf(answer, list, repository).value;
    return first && addressOf(repository, first);
  }

  async #ask(
    repository: GitRepository,
    request: Omit<RestRequest, 'headers'>,
    signal: AbortSignal,
  ): Promise<RestAnswer> {
    const token = await this.#credential.token(repository);
    const headers = token === undefined ? {} : { authorization: basic('', token) };
    return this.#api.ask({ ...request, headers }, signal);
  }

  #refusal(answer: RestAnswer, repository: GitRepository, what: string): GitError {
    return refusalOf(answer, { repository, what, hasCredential: true, said: saidBy(answer.body) });
  }
}

function partsOf({ url }: GitRepository) {
  const { address } = parseAddress(url);
  const parts = address && azureRepository(address);
  if (!parts) throw new Error(`${url} is no repository of Azure DevOps.`);
  return parts;
}

/** The path of a repository in the REST API. */
function pathOf(repository: GitRepository): string {
  const { collection, project, name } = partsOf(repository);
  return `/${[...collection, project, '_apis', 'git', 'repositories', name].map(encodeURIComponent).join('/')}`;
}

function addressOf({ url }: GitRepository, { pullRequestId }: z.output<typeof pullRequest>): OpenPullRequest {
  return { url: `${url}/pullrequest/${pullRequestId}` };
}

function saidBy(body: unknown): string {
  const { message } = objectOf(body);
  return typeof message === 'string' ? message : '';
}
