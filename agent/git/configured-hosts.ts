import { Upstream } from '../gateway/upstream.ts';
import type { RunTokens } from '../gateway/run-tokens.ts';
import type { Log } from '../log.ts';
import { parseAddress, urlOf, type GitAddress } from './address.ts';
import { AzureDevOps } from './azure-devops.ts';
import { fileCredential, NO_CREDENTIAL, type GitCredential } from './credential.ts';
import { proxiedGit } from './environment.ts';
import { GitError } from './errors.ts';
import { Github } from './github.ts';
import { GithubApp } from './github-app.ts';
import { githubApiUrl } from './github-rest.ts';
import type {
  FoundRepository,
  GitAccess,
  GitHostCheck,
  GitHosts,
  GitRepository,
  OpenPullRequest,
  PullRequest,
} from './hosts.ts';
import { GitProxy, type Target } from './proxy.ts';
import type { PullRequests } from './pull-requests.ts';
import { RestApi } from './rest.ts';
import { isCaseSensitive, pathMistake, type GitHostSetting, type GitHostType } from './rules.ts';

const AUTHOR = { name: 'claude-code-agent', email: 'claude-code-agent@noreply.invalid' };
const PROTECTED = ['main', 'master'];
/** GitHub takes tokens of all kinds from it; GitLab and Gitea take any user. */
const USERNAMES = { github: 'x-access-token', azureDevOps: '', plain: 'git' } satisfies Record<GitHostType, string>;
const NO_PULL_REQUESTS =
  'The repository is on a host of type plain, which has no pull requests. Configure it as github or azureDevOps if it is one.';

/** What {@link ConfiguredGitHosts} need. */
export interface GitHostsParts {
  readonly settings: readonly GitHostSetting[];
  /** Has the proxy variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly tokens: RunTokens;
  /** Where programs in the place of a run reach the proxy, without a path. */
  readonly urlForRuns: () => string;
  /** Where programs on this machine do. */
  readonly urlForAgent: () => string;
  /** How much a run may fetch, and how much may be pushed for it. */
  readonly megabytes: number;
  readonly log: Pick<Log, 'info'>;
}

interface Entry {
  readonly setting: GitHostSetting;
  readonly patterns: readonly Pattern[];
  readonly upstream: Upstream;
  readonly api: RestApi | undefined;
  readonly credential: GitCredential;
  readonly pullRequests: PullRequests | undefined;
}

interface Pattern {
  readonly address: GitAddress;
  readonly text: string;
  readonly matches: (address: GitAddress) => boolean;
}

/** The hosts of the settings. */
export class ConfiguredGitHosts implements GitHosts, Disposable {
  readonly none = false;
  readonly #parts: GitHostsParts;
  readonly #entries: readonly Entry[];

  constructor(parts: GitHostsParts) {
    this.#parts = parts;
    this.#entries = parts.settings.map((setting) => entryOf(setting, parts));
  }

  find(url: string): FoundRepository {
    const { address, mistake } = parseAddress(url);
    if (!address) return { mistake };
    const canonical = urlOf(address);
    if (canonical.includes('*')) return { mistake: "must be the URL of one repository, without '*'" };
    const entry = this.#entryOf(address);
    if (!entry) {
      return { mistake: 'is not allowed: no entry of AGENT_GIT_HOSTS matches it' };
    }
    const { type, author = AUTHOR } = entry.setting;
    const wrong = pathMistake(address, type);
    if (wrong !== undefined) return { mistake: wrong };
    // Azure DevOps knows no repository with the suffix, and some hosts redirect without it.
    const remote = type === 'plain' && address.endsWithGit ? `${canonical}.git` : canonical;
    return { repository: { url: canonical, remote, host: address.host, type, author } };
  }

  isProtected(repository: GitRepository, branch: string, defaultBranch: string): boolean {
    const { protectedBranches = PROTECTED } = this.#configured(repository).setting;
    return branch === defaultBranch || protectedBranches.some((pattern) => wildcard(pattern, '').test(branch));
  }

  accessForRun(repository: GitRepository, runId: string): GitAccess {
    return this.#access(repository, runId, this.#parts.urlForRuns(), false);
  }

  accessForAgent(repository: GitRepository, runId: string): GitAccess {
    return this.#access(repository, runId, this.#parts.urlForAgent(), true);
  }

  pullRequestMistake(repository: GitRepository, request: Pick<PullRequest, 'title' | 'body'>): string | undefined {
    const { pullRequests } = this.#configured(repository);
    return pullRequests ? pullRequests.mistake(request) : NO_PULL_REQUESTS;
  }

  async openPullRequest(
    repository: GitRepository,
    request: PullRequest,
    signal: AbortSignal,
  ): Promise<OpenPullRequest> {
    const pullRequests = this.#pullRequestsOf(repository);
    const open =
      (await pullRequests.find(repository, request, 'open', signal)) ??
      (await pullRequests.create(repository, request, signal));
    if (open) return open;
    const { head, base } = request;
    throw new GitError('refused', `${repository.host} says that ${head} has nothing which ${base} has not.`);
  }

  async openMissingPullRequest(
    repository: GitRepository,
    request: PullRequest,
    signal: AbortSignal,
  ): Promise<OpenPullRequest | undefined> {
    const pullRequests = this.#pullRequestsOf(repository);
    const open = await pullRequests.find(repository, request, 'open', signal);
    if (open) return open;
    const ended = await pullRequests.find(repository, request, 'ended', signal);
    return ended ? undefined : pullRequests.create(repository, request, signal);
  }

  async check(signal: AbortSignal): Promise<GitHostCheck[]> {
    return Promise.all(
      this.#entries.map(async (entry) => {
        const name = entry.setting.repositories[0] ?? '';
        try {
          return { name, ok: true, detail: await checked(entry, signal) };
        } catch (error) {
          return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
        }
      }),
    );
  }

  /** Closes all connections. */
  [Symbol.dispose](): void {
    for (const { upstream, api } of this.#entries) {
      upstream.close();
      api?.close();
    }
  }

  #access(repository: GitRepository, runId: string, proxyUrl: string, mayPush: boolean): GitAccess {
    const { tokens, megabytes } = this.#parts;
    const proxy = new GitProxy(targetOf(this.#configured(repository), repository), {
      mayPush,
      maxBytes: megabytes * 1_048_576,
    });
    const token = tokens.issue(runId, (request, response, holder) => proxy.serve(request, response, holder));
    return {
      environment: proxiedGit(repository, proxyUrl, token),
      get bytes() {
        return proxy.bytes;
      },
      get failure() {
        return proxy.failure;
      },
      [Symbol.dispose]: () => tokens.revoke(token),
    };
  }

  /** @throws {GitError} if the host has none. */
  #pullRequestsOf(repository: GitRepository): PullRequests {
    const { pullRequests } = this.#configured(repository);
    if (!pullRequests) throw new GitError('refused', NO_PULL_REQUESTS);
    return pullRequests;
  }

  /** @throws {GitError} if the configuration has changed since the repository was found. */
  #configured({ url }: GitRepository): Entry {
    const { address } = parseAddress(url);
    const entry = address && this.#entryOf(address);
    if (!entry) throw new GitError('forbidden', `${url} is no longer allowed by AGENT_GIT_HOSTS.`);
    return entry;
  }

  #entryOf(address: GitAddress): Entry | undefined {
    return this.#entries.find(({ patterns }) => patterns.some(({ matches }) => matches(address)));
  }
}

function entryOf(setting: GitHostSetting, { environment, log }: GitHostsParts): Entry {
  const { type, repositories, appId, privateKeyFile, tokenFile } = setting;
  const patterns = repositories.map((text) => patternOf(text, type));
  const host = patterns[0]?.address.host ?? '';
  const upstream = new Upstream(environment, undefined, `https://${host}`);
  const apiUrl = type === 'github' ? githubApiUrl(host) : `https://${host}`;
  const api = type === 'plain' ? undefined : new RestApi(apiUrl, environment);
  const ofFile = tokenFile === undefined ? NO_CREDENTIAL : fileCredential(tokenFile);
  const hasApp = api && appId !== undefined && privateKeyFile !== undefined;
  const credential = hasApp ? new GithubApp({ appId, privateKeyFile, api, log }) : ofFile;
  const ofType = { github: Github, azureDevOps: AzureDevOps, plain: undefined }[type];
  const pullRequests = api && ofType && new ofType(api, credential);
  return { setting, patterns, upstream, api, credential, pullRequests };
}

/** @param text it has been checked. */
function patternOf(text: string, type: GitHostType): Pattern {
  const { address, mistake } = parseAddress(text);
  if (!address) throw new Error(`${text} ${mistake}`);
  const parts = address.path.map((part) => wildcard(part, isCaseSensitive(type) ? '' : 'i'));
  const matches = ({ host, path }: GitAddress) =>
    host === address.host && path.length === parts.length && parts.every((part, i) => part.test(path[i] ?? ''));
  return { address, text, matches };
}

/** A text in which `*` means any characters. */
function wildcard(text: string, flags: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[$()+.?[\\\]^{|}]/gu, String.raw`\$&`).replaceAll('*', '.*')}$`, `${flags}su`);
}

function targetOf({ setting, upstream, credential }: Entry, repository: GitRepository): Target {
  return { repository, upstream, credential, username: setting.username ?? USERNAMES[setting.type] };
}

/** Asks the host what can be asked without knowing its repositories. @throws {GitError} */
async function checked(entry: Entry, signal: AbortSignal): Promise<string> {
  const { patterns, setting, pullRequests } = entry;
  const repositories = patterns.map(({ address }) => {
    const url = urlOf(address);
    return { url, remote: url, host: address.host, type: setting.type, author: AUTHOR };
  });
  const [first] = repositories;
  const details = pullRequests && first ? [(await pullRequests.check(first, signal)).detail] : [];
  const exact = repositories.filter(({ url }) => !url.includes('*'));
  for (const repository of exact) {
    const proxy = new GitProxy(targetOf(entry, repository), { mayPush: false, maxBytes: Infinity });
    await proxy.probe(signal);
    details.push(`${repository.url} can be read.`);
  }
  return details.join(' ') || `${first?.host ?? ''} is asked when a run needs it.`;
}
