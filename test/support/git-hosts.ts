import { readFileSync } from 'node:fs';
import { ConfiguredGitHosts } from '../../agent/git/configured-hosts.ts';
import type { GitHosts, GitRepository } from '../../agent/git/hosts.ts';
import type { GitHostSetting } from '../../agent/git/rules.ts';
import { LocalServer } from '../../agent/gateway/local-server.ts';
import { RunTokens } from '../../agent/gateway/run-tokens.ts';
import { startGitHost, type GitHost } from '../doubles/git-host/server.ts';
import { Repositories } from './git.ts';
import { keepingLog } from './gateway.ts';
import { trust } from './trust.ts';

/** A git host, and the agent's way to it. */
export interface TestGitHosts extends AsyncDisposable {
  readonly host: GitHost;
  readonly repositories: Repositories;
  readonly hosts: GitHosts;
  readonly tokens: RunTokens;
  /** The proxy, without a path. */
  readonly proxyUrl: string;
  /** Every line of the log as JSON. */
  readonly lines: string[];
  /** An allowed repository by its path. @throws if it is not allowed. */
  repository(path: string): GitRepository;
}

/** Starts both. @param settingsFor gets the URL of the host. */
export async function startGitHosts(
  settingsFor: (url: string) => readonly GitHostSetting[],
  { megabytes = 100 }: { readonly megabytes?: number } = {},
): Promise<TestGitHosts> {
  await using opened = new AsyncDisposableStack();
  const repositories = opened.use(new Repositories());
  const host = opened.use(await startGitHost({ root: repositories.root }));
  opened.use(trust(readFileSync(host.caFile, 'utf8')));
  const tokens = new RunTokens();
  const lines: string[] = [];
  const log = keepingLog(lines);
  const server = new LocalServer(tokens, log);
  await server.listen();
  opened.defer(() => server.close());
  const url = () => server.url;
  const settings = settingsFor(host.url);
  const parts = { settings, environment: {}, tokens, urlForRuns: url, urlForAgent: url, megabytes, log };
  const hosts = opened.use(new ConfiguredGitHosts(parts));
  const held = opened.move();
  return {
    host,
    repositories,
    hosts,
    tokens,
    proxyUrl: server.url,
    lines,
    repository(path) {
      const { repository, mistake } = hosts.find(`${host.url}/${path}`);
      if (!repository) throw new Error(`${path} ${mistake}`);
      return repository;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
