import { ConfiguredGitHosts } from './git/configured-hosts.ts';
import type { GitHosts } from './git/hosts.ts';
import { GitServer } from './git/server.ts';
import type { RunTokens } from './gateway/run-tokens.ts';
import type { Log } from './log.ts';
import type { Settings } from './settings.ts';

/** What runs need to work on repositories. */
export interface Git extends Disposable {
  readonly hosts: GitHosts;
  /** The way of `git` on this machine to the hosts; undefined if none is configured. It does not listen yet. */
  readonly server: GitServer | undefined;
}

/** Reads nothing and asks nobody yet. @param tokens those that the gateway accepts. */
export function composeGit(settings: Settings, tokens: RunTokens, log: Log): Git {
  const { gitHosts, gitMegabytes: megabytes, environment, runners } = settings;
  const server = new GitServer(tokens, log);
  const hosts = new ConfiguredGitHosts({
    settings: gitHosts,
    environment,
    tokens,
    urlForRuns: () => runners?.gatewayUrl ?? server.url,
    urlForAgent: () => server.url,
    megabytes,
    log,
  });
  return { hosts, server: hosts.none ? undefined : server, [Symbol.dispose]: () => hosts[Symbol.dispose]() };
}
