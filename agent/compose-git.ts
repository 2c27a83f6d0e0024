import { ConfiguredGitHosts } from './git/configured-hosts.ts';
import type { GitHosts } from './git/hosts.ts';
import type { LocalServer } from './gateway/local-server.ts';
import type { RunTokens } from './gateway/run-tokens.ts';
import type { Log } from './log.ts';
import type { Settings } from './settings.ts';

/**
 * The hosts of runs that work on repositories. Reads nothing and asks nobody yet.
 * @param tokens those that the gateway accepts.
 * @param server the way of `git` on this machine to the hosts.
 */
export function composeGit(
  settings: Settings,
  tokens: RunTokens,
  server: LocalServer,
  log: Log,
): GitHosts & Disposable {
  const { gitHosts, gitMegabytes: megabytes, environment, runners } = settings;
  return new ConfiguredGitHosts({
    settings: gitHosts,
    environment,
    tokens,
    urlForRuns: () => runners?.gatewayUrl ?? server.url,
    urlForAgent: () => server.url,
    megabytes,
    log,
  });
}
